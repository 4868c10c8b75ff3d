"""Forget Faces without windows: no engine is needed, the parasites are made here."""

import os

from gi.repository import Gimp
from scene import SCRIPT, SHARE, Gio, call, digest, load, play, save

PROCEDURE = "plug-in-likeness-forget"
INVERSION, IMAGE = "likeness-inversion", "likeness-image"


def remember(owner, name, data=b"a face in numbers"):
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    owner.attach_parasite(Gimp.Parasite.new(name, flags, data))


def remembering():
    """An image with three layers, one in a group; two of them remember a face, and one something else as well."""
    image = load("astronaut.png")
    photograph = image.get_layers()[0]
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    for parent in (group, None):
        layer = photograph.copy()
        image.insert_layer(layer, parent, 0)
        remember(layer, INVERSION)
    remember(image.get_layers()[0], "another", b"stays")
    remember(image, IMAGE, b"0" * 32)
    return image


def parasites(image):
    """Of the image and of all its layers."""
    top = image.get_layers()
    layers = top + [child for group in top if group.is_group() for child in group.get_children()]
    return [sorted(image.get_parasite_list()), *(sorted(layer.get_parasite_list()) for layer in layers)]


def scenario_all_layers():
    image = remembering()
    before, pixels = parasites(image), [digest(layer) for layer in image.get_layers()]
    result = call(PROCEDURE, image, [image.get_layers()[0]])
    after = parasites(image)
    save(image, "forgotten.xcf")
    again = Gimp.file_load(SCRIPT, Gio.File.new_for_path(f"{SHARE}/forgotten.xcf"))
    return {
        **result,
        "before": before,
        "after": after,
        "opened": parasites(again),
        "same": pixels == [digest(layer) for layer in image.get_layers()],
        "again": call(PROCEDURE, image, []),
    }


def scenario_procedure():
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    return {
        "label": procedure.get_menu_label(),
        "menu": procedure.get_menu_paths(),
        "results": [value.get_name() for value in procedure.get_return_values()],
    }


if "LIKENESS_TEST_REPORT" in os.environ:  # in a batch; the test with windows takes the functions only
    play(globals())
