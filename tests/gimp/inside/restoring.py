"""Restore Face… without windows, in a GIMP of its own."""

from gi.repository import Gimp
from scene import call, described, digest, keep, load, pixels, play, set_pixels, whole

PROCEDURE = "plug-in-likeness-restore"
EYE = (191, 92, 24, 18)  # of the astronaut


def photographed(offset=(0, 0)):
    image = load("astronaut.png")
    layer = image.get_layers()[0]
    layer.set_offsets(*offset)
    return image, layer


def restore(image, layer):
    """The call's result with its layers described, and the image before and after, without the new layers."""
    before, photograph = whole(image), digest(layer)
    result = call(PROCEDURE, image, [layer], refine_steps=2)
    order = [one.get_name() for one in image.get_layers()]
    new = result.pop("layers", [])
    result |= {
        "layers": [described(one) for one in new],
        "order": order,
        "untouched": photograph == digest(layer),
    }
    kept = [one.get_id() for one in new]
    if new:
        keep("restored.layer", pixels(new[0]))
        keep("restored.mask", pixels(new[0].get_mask(), "mask"))
    for one in new:
        image.remove_layer(one)
    return {**result, "ids": kept, "same": before == whole(image)}


def scenario_an_eye():
    """In a layer that has been moved, in an ellipse with a soft edge."""
    image, layer = photographed((30, -20))
    data = bytearray(pixels(layer))
    x, y, width, height = EYE
    for row in range(y, y + height):
        data[(row * 512 + x) * 4 : (row * 512 + x + width) * 4] = bytes([255]) * width * 4
    set_pixels(layer, bytes(data))
    Gimp.context_set_feather(True)
    Gimp.context_set_feather_radius(2, 2)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, x + 30, y - 20, width, height)
    keep("restored.selection", pixels(image.get_selection(), "mask", (30, -20, 512, 512)))
    return restore(image, layer)


def scenario_nothing_selected():
    image, layer = photographed()
    Gimp.Selection.none(image)
    return restore(image, layer)


def scenario_beside_the_layer():
    image, layer = photographed((300, 0))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 50, 50)
    return restore(image, layer)


def scenario_procedure():
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    return {
        "label": procedure.get_menu_label(),
        "menu": procedure.get_menu_paths(),
        "arguments": [argument.get_name() for argument in procedure.get_arguments()],
        "results": [value.get_name() for value in procedure.get_return_values()],
    }


play(globals())
