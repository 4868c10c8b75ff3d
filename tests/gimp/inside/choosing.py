"""Models… and Settings… without windows: GIMP has them without an image, and a script is told that they need a person."""

from gi.repository import Gimp
from scene import play


def looked_at(name):
    procedure = Gimp.get_pdb().lookup_procedure(name)
    result = procedure.run(procedure.create_config())
    return {
        "label": procedure.get_menu_label(),
        "menu": procedure.get_menu_paths(),
        "always": bool(procedure.get_sensitivity_mask() & Gimp.ProcedureSensitivityMask.NO_IMAGE),
        "status": result.index(0).value_nick,
        "error": result.index(1),
    }


def scenario_models():
    return looked_at("plug-in-likeness-models")


def scenario_settings():
    return looked_at("plug-in-likeness-settings")


play(globals())
