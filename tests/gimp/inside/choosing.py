"""Models… without windows: GIMP has it without an image, and a script is told that it needs a person."""

from gi.repository import Gimp
from scene import play

PROCEDURE = "plug-in-likeness-models"


def scenario_procedure():
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    return {
        "label": procedure.get_menu_label(),
        "menu": procedure.get_menu_paths(),
        "always": bool(procedure.get_sensitivity_mask() & Gimp.ProcedureSensitivityMask.NO_IMAGE),
    }


def scenario_from_a_script():
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    result = procedure.run(procedure.create_config())
    return {"status": result.index(0).value_nick, "error": result.index(1)}


play(globals())
