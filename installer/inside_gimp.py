# pyright: reportMissingImports=false
"""What the self-test runs in a headless GIMP, as text."""

import json

from gi.repository import Gimp, Gio


def report(photo: str, procedures: list[str]) -> None:
    """Print which procedures are missing, else how many layers the first one makes of a photograph."""
    print("likeness-self-test:", json.dumps(_facts(photo, procedures)), flush=True)


def _facts(photo: str, procedures: list[str]) -> dict[str, object]:
    pdb = Gimp.get_pdb()
    missing = [name for name in procedures if pdb.lookup_procedure(name) is None]
    if missing:
        return {"missing": missing}
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    procedure = pdb.lookup_procedure(procedures[0])
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [image.get_layers()[0]])
    result = procedure.run(config)
    if result.index(0) != Gimp.PDBStatusType.SUCCESS:
        return {"missing": [], "error": str(result.index(1)) if result.length() > 1 else "no reason given"}
    return {"missing": [], "layers": len(result.get_core_object_array(1))}
