"""Photographs that let something through: alpha, opacity, masks, groups, floats. Scenarios of headless.py."""

from gi.repository import Gimp
from scene import answered, described, edit, invert, keep, opened, pixels, set_pixels


def scenario_alpha():
    """A layer with alpha, half transparent at its left, with a layer mask, locks and an offset, within a group."""
    image, layer = opened("astronaut.png")
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    image.reorder_item(layer, group, 0)
    layer.add_alpha()
    data = bytearray(pixels(layer))
    for row in range(512):
        data[row * 2048 + 3 : row * 2048 + 600 : 4] = bytes([128]) * 150
    set_pixels(layer, bytes(data))
    layer.set_offsets(37, -11)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    layer.set_lock_alpha(True)
    layer.set_opacity(80.0)
    before = described(layer)
    result = answered(edit(image, layer, {"smile": 1.0}, face=1))
    children = [child.get_name() for child in group.get_children()]
    return {**result, "before": before, "after": described(layer), "children": children}


def shown(image):
    """GIMP's projection, as floats."""
    layer = Gimp.Layer.new_from_visible(image, image, "shown")
    data = pixels(layer, "floats")
    layer.delete()
    return data


def over_the_image(image, layer):
    """A layer's pixels where the image is, transparent beside the layer."""
    _, left, top = layer.get_offsets()
    return pixels(layer, rect=(-left, -top, image.get_width(), image.get_height()))


def alpha_of_half(image, layer):
    layer.add_alpha()
    data = bytearray(pixels(layer))
    data[3::4] = bytes([128]) * (len(data) // 4)
    set_pixels(layer, bytes(data))


def opacity_of_40(image, layer):
    layer.set_opacity(40.0)


def over_another(image, layer):
    kind = Gimp.ImageType.RGB_IMAGE
    other = Gimp.Layer.new(image, "below", 512, 512, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(other, None, 1)
    set_pixels(other, bytes([20, 90, 200, 255, 220, 190, 30, 255]) * (512 * 256))


def partly_masked(image, layer):
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    set_pixels(layer.get_mask(), bytes(range(256)) * 1024, "mask")


def in_a_group(image, layer):
    """The group lets through what is below it."""
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    group.set_mode(Gimp.LayerMode.PASS_THROUGH)
    image.reorder_item(layer, group, 0)


def of_floats(image, layer):
    image.convert_precision(Gimp.Precision.FLOAT_LINEAR)


TRANSLUCENT = {
    "opaque over another": (over_another,),
    "alpha": (alpha_of_half,),
    "opacity": (opacity_of_40,),
    "layer mask": (partly_masked,),
    "alpha and opacity, floats": (alpha_of_half, opacity_of_40, of_floats),
    "alpha over another": (over_another, alpha_of_half),
    "opacity over another": (over_another, opacity_of_40),
    "all, over another": (over_another, alpha_of_half, opacity_of_40, partly_masked),
    "floats, over another": (over_another, opacity_of_40, of_floats),
    "in a group over another": (over_another, opacity_of_40, in_a_group),
}


def scenario_translucent():
    """What GIMP shows of a translucent photograph, without a Likeness layer and with one; and what it shows when
    the photograph itself is replaced by its edit."""
    replaced = {}  # with and without alpha: the engine need not find the face at the same place
    for translucent in (False, True):
        image, layer = opened("astronaut.png")
        if translucent:
            alpha_of_half(image, layer)
        edit(image, layer, {"smile": 1.0}, face=1)
        replaced[translucent] = pixels(Gimp.Layer.new_from_visible(image, image, "shown"))
    statuses = {}
    for name, changes in TRANSLUCENT.items():
        image, layer = opened("astronaut.png")
        for change in changes:
            change(image, layer)
        before = described(layer)
        keep(f"{name}.before", shown(image))
        first = invert(image, layer, face=1)
        keep(f"{name}.inverted", shown(image))
        second = edit(image, first["layers"][0], {"smile": 1.0})
        keep(f"{name}.edited", shown(image))
        keep(f"{name}.layer", over_the_image(image, second["layers"][0]))
        back = edit(image, second["layers"][0], {})
        keep(f"{name}.back", shown(image))
        untouched = described(layer) == before
        statuses[name] = [first["status"], second["status"], back["status"], untouched]
        back["layers"][0].set_visible(False)
        data, new = bytearray(pixels(layer)), replaced[alpha_of_half in changes]
        for channel in range(3):
            data[channel::4] = new[channel::4]
        set_pixels(layer, bytes(data))
        keep(f"{name}.expected", shown(image))
    return statuses
