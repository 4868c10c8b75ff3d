"""plug-in-likeness-batch in a GIMP of its own: a folder of photographs into another one."""

import shutil
from pathlib import Path

from gi.repository import Gimp, Gio
from scene import SHARE, call, play

PROCEDURE = "plug-in-likeness-batch"
SMILE = '{"smile": 1.0}'


def batch(folder, output, edits=SMILE, **values):
    places = {"folder": folder, "output": output}
    files = {name: Gio.File.new_for_path(str(path)) for name, path in places.items() if path}
    return call(PROCEDURE, None, [], edits=edits, **files, **values)


def photographs():
    folder = Path(SHARE, "batch")
    folder.mkdir(exist_ok=True)
    for name in ("astronaut.png", "grace_hopper.jpg"):
        shutil.copy(Path(SHARE, name), folder)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder, Path(SHARE, "batch edited")


def scenario_twice():
    folder, output = photographs()
    first = batch(folder, output, preset="fast")
    there = sorted(path.name for path in output.glob("[a-z]*"))
    second = batch(folder, output, preset="fast")
    third = batch(folder, output, preset="fast", mode=Gimp.RunMode.INTERACTIVE)
    images = len(Gimp.get_images())
    return {"first": first, "there": there, "second": second, "as from a menu": third, "images": images}


def scenario_refused():
    folder, output = photographs()
    return {
        "no edits": batch(folder, output, edits="{}"),
        "no JSON": batch(folder, output, edits="{"),
        "single faces": batch(folder, output, edits='{"1": {"smile": 1.0}}'),
        "no folder": batch(None, output),
        "no output": batch(folder, None),
        "no such folder": batch(folder / "none", output),
        "same folder": batch(folder, folder),
        "direction": batch(folder, output, edits='{"no such direction": 1.0}', preset="fast"),
        "model": batch(folder, output, model="no-such-model"),
    }


def scenario_procedure():
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    argument = procedure.find_argument("preset")
    return {
        "menu": procedure.get_menu_paths(),
        "arguments": [one.get_name() for one in procedure.get_arguments()][3:],
        "results": [one.get_name() for one in procedure.get_return_values()],
        "presets": Gimp.param_spec_choice_get_choice(argument).list_nicks(),
    }


play(globals())
