"""Where a result goes, which faces a selection leaves, and faces with edits of their own; in a GIMP of its own."""

from gi.repository import Gimp
from scene import (
    answered,
    around,
    described,
    edit,
    keep,
    opened,
    pixels,
    play,
    whole,
)
from translucent import alpha_of_half

SMILE = {"smile": 1.0}
FACE = (150, 40, 150, 150)  # of the astronaut, in the photograph and beside it in two.png
NOWHERE = (400, 400, 60, 60)


def shown(image, kind="bytes"):
    layer = Gimp.Layer.new_from_visible(image, image, "shown")
    data = pixels(layer, kind)
    layer.delete()
    return data


def select(image, x, y, width, height):
    image.select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)


# --- where it goes ----------------------------------------------------------------------------------------


def scenario_group():
    image, layer = opened("two.png")
    edit(image, layer, SMILE)
    without = shown(image)
    image, layer = opened("two.png")
    result = around(image, layer, lambda: edit(image, layer, SMILE, result="group"))
    group = image.get_layers()[0]
    return {
        **result,
        "group": [group.get_name(), group.is_group(), group.get_mode().value_nick],
        "children": [child.get_name() for child in group.get_children()],
        "same": shown(image) == without,
    }


def of_floats(image, layer):
    image.convert_precision(Gimp.Precision.FLOAT_LINEAR)


def of_16_bits(image, layer):
    image.convert_precision(Gimp.Precision.U16_NON_LINEAR)


def grey(image, layer):
    image.convert_grayscale()


def wide_gamut(image, layer):
    image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())


def moved(image, layer):
    layer.set_offsets(31, -17)


KINDS = {
    "plain": (),
    "16 bits": (of_16_bits,),
    "floats": (of_floats,),
    "grey": (grey,),
    "alpha": (alpha_of_half,),
    "wide gamut, 16 bits": (of_16_bits, wide_gamut),
    "moved": (moved,),
}


def photographed(kind):
    image, layer = opened("astronaut.png")
    for change in KINDS[kind]:
        change(image, layer)
    return image, layer


def scenario_replaced():
    """The layer's pixels become what GIMP shows with the face's layer above; nothing else of it changes."""
    results = {}
    for kind in KINDS:
        image, layer = photographed(kind)
        keep(f"{kind}.before", pixels(layer, "floats"))
        (face,) = edit(image, layer, SMILE, face=1)["layers"]
        keep(f"{kind}.shown", pixels(Gimp.Layer.new_from_visible(image, image, "shown"), "floats"))
        x, y = (b - a for a, b in zip(layer.get_offsets()[1:], face.get_offsets()[1:], strict=True))
        rect = [x, y, face.get_width(), face.get_height()]
        image, layer = photographed(kind)
        images, before = len(Gimp.get_images()), described(layer)
        result = answered(edit(image, layer, SMILE, face=1, result="replace"))
        keep(f"{kind}.written", pixels(layer, "floats"))
        after = described(layer)
        results[kind] = {
            "status": result["status"],
            "error": result.get("error"),
            "same_layer": result["layers"] == [after] and len(image.get_layers()) == 1,
            "kept": {**before, "pixels": 0} == {**after, "pixels": 0},
            "rect": rect,
            "images": len(Gimp.get_images()) - images,
        }
        image.delete()
    return results


def scenario_replaced_within_a_selection():
    image, layer = opened("astronaut.png")
    select(image, 0, 0, 230, 512)  # the face's middle, and no more of its other half
    keep("within.before", pixels(layer))
    before = whole(image)["selection"]
    result = answered(edit(image, layer, SMILE, result="replace"))
    keep("within.after", pixels(layer))
    return {"status": result["status"], "selection": whole(image)["selection"] == before}


def scenario_replacing_is_refused():
    image, layer = opened("astronaut.png")
    layer.set_lock_content(True)
    locked = around(image, layer, lambda: edit(image, layer, SMILE, result="replace"))
    layer.set_lock_content(False)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    image.reorder_item(layer, group, 0)
    return {
        "locked": locked,
        "group": around(image, group, lambda: edit(image, group, SMILE, result="replace")),
    }


def scenario_replacing_fails():
    """An error on the way leaves the layer as it was, and no image behind."""
    from likeness import canvas, laying, results
    from likeness.job import Face, Picture

    image, layer = opened("astronaut.png")
    mask, red = Picture(9, 9, "Y u8", bytes([255]) * 81), Picture(9, 9, "RGBA u8", bytes([255, 0, 0, 255]) * 81)
    face = Face(1, (20, 30, 9, 9), red, mask, "a" * 64, b"", SMILE)
    before, images = whole(image), len(Gimp.get_images())
    kept, laying._remember = laying._remember, None
    try:
        results.in_place(canvas.read(image, layer), [face], "default")
        error = ""
    except TypeError as defect:
        error = type(defect).__name__
    finally:
        laying._remember = kept
    return {"error": error, "same": whole(image) == before, "images": len(Gimp.get_images()) - images}


def scenario_new_image():
    results = {}
    for kind in KINDS:
        image, layer = photographed(kind)
        image.set_resolution(200, 100)
        before = whole(image)
        result = edit(image, layer, SMILE, face=1, result="image")
        new = result["layers"][0].get_image()
        photograph = new.get_layers()[-1]
        profiles = [one.get_color_profile() for one in (image, new)]
        results[kind] = {
            "status": result["status"],
            "elsewhere": new.get_id() != image.get_id(),
            "untouched": whole(image) == before,
            "mode": before["mode"] == whole(new)["mode"],
            "profile": profiles[0] == profiles[1] or profiles[0].is_equal(profiles[1]),
            "resolution": list(new.get_resolution()[1:]),
            "names": [one.get_name() for one in new.get_layers()],
            "exact": pixels(photograph) == pixels(layer),
        }
        new.delete()
        image.delete()
    return results


def scenario_new_image_of_an_indexed_one():
    image, layer = opened("astronaut.png")
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 64, False, False, "")
    before = whole(image)
    result = edit(image, layer, SMILE, face=1, result="image")
    if result["status"] != "success":
        return result
    new = result["layers"][0].get_image()
    return {
        "status": result["status"],
        "untouched": whole(image) == before,
        "mode": whole(new)["mode"],
        "exact": pixels(new.get_layers()[-1]) == pixels(layer),
    }


def scenario_taken_up_again():
    """The layer is replaced whatever is asked for, but for a new image."""
    image, layer = opened("astronaut.png")
    results = {}
    edit(image, layer, SMILE, face=1)
    for result in ("group", "replace", "image"):
        face = image.get_layers()[0]
        said = answered(edit(image, face, {"smile": -0.5}, result=result))
        results[result] = [said["status"], [one.get_name() for one in image.get_layers()], len(said["layers"])]
    return results


# --- which faces ------------------------------------------------------------------------------------------


def scenario_selected():
    results = {}
    for name, place, face in (
        ("left", FACE, 0),
        ("nowhere", NOWHERE, 0),
        ("other", FACE, 0),
        ("numbered", NOWHERE, 1),
    ):
        image, layer = opened("two.png")
        if name == "other":
            layer.set_offsets(-512, 0)  # the selection stays where it is in the image
            place = (0, 0, 512, 600)
        select(image, *place)
        results[name] = around(image, layer, lambda: edit(image, layer, SMILE, face=face))  # noqa: B023
    return results


def scenario_own_edits():
    image, layer = opened("two.png")
    own = {"1": {"smile": 1.0}, "2": {"smile": -0.5}}
    both = around(image, layer, lambda: edit(image, layer, own))
    face = image.get_layers()[0]
    results = {
        "both": both,
        "again": around(image, face, lambda: edit(image, face, own)),
        "one": around(image, layer, lambda: edit(image, layer, {"2": {"smile": 0.7}})),
        "numbered": around(image, layer, lambda: edit(image, layer, own, face=1)),
        "third": around(image, layer, lambda: edit(image, layer, {"3": {"smile": 1.0}})),
    }
    select(image, *FACE)
    return results | {"selected": around(image, layer, lambda: edit(image, layer, own))}


def scenario_arguments():
    found = {}
    for name in ("plug-in-likeness-invert", "plug-in-likeness-edit"):
        argument = Gimp.get_pdb().lookup_procedure(name).find_argument("result")
        choice = Gimp.param_spec_choice_get_choice(argument)
        found[name] = [choice.list_nicks(), Gimp.param_spec_choice_get_default(argument)]
    return found


play(globals())
