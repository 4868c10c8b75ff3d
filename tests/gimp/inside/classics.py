"""Three scripts as they were written for gimpfu (classic/), run on gimpfu_compat."""

from pathlib import Path

from gi.repository import Gegl, Gimp, Gio
from scene import SHARE, call, load, pixels, play, set_pixels


def image_of(width, height):
    """A layer of `width` shades of grey, from the left."""
    image = Gimp.Image.new(width, height, Gimp.ImageBaseType.RGB)
    kind = Gimp.ImageType.RGB_IMAGE
    layer = Gimp.Layer.new(image, "ramp", width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    set_pixels(layer, bytes(v for _ in range(height) for x in range(width) for v in (x, x, x, 255)))
    return image, layer


def row(drawable, y):
    return list(pixels(drawable, rect=(0, y, drawable.get_width(), 1)))


def facts(name):
    procedure = Gimp.get_pdb().lookup_procedure(name)
    return {
        "label": procedure.get_menu_label(),
        "menu": procedure.get_menu_paths(),
        "arguments": [argument.get_name() for argument in procedure.get_arguments()],
    }


def scenario_frame():
    image, layer = image_of(9, 7)
    first = call("python-fu-test-frame", image, [layer], width=2.0, frame_color=Gegl.Color.new("red"))
    red = [row(layer, 1), row(layer, 3)]
    blue = Gegl.Color.new("blue")
    second = call("python-fu-test-frame", image, [layer], width=1.0, frame_color=blue)
    return {
        "facts": facts("python-fu-test-frame"),
        "statuses": [first["status"], second["status"]],
        "red": red,
        "blue": row(layer, 0),
    }


def scenario_mirror():
    image, layer = image_of(4, 3)
    default = call("python-fu-test-mirror", image, [layer])["values"][0]
    below = {"axis": "Vertical", "place": "1", "visible": False, "name": "Below"}
    other = call("python-fu-test-mirror", image, [layer], **below)["values"][0]
    return {
        "facts": facts("python-fu-test-mirror"),
        "order": [one.get_name() for one in image.get_layers()],
        "mirrored": row(default, 0),
        "upside down": row(other, 0),
        "visible": [default.get_visible(), other.get_visible()],
    }


def scenario_contact_sheet():
    folder = Path(SHARE, "contacts")
    folder.mkdir()
    for number, width in enumerate((8, 12), 1):
        image, _ = image_of(width, 8)
        Gimp.file_save(
            Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(f"{folder}/{number}.png"), None
        )
    values = {
        "folder": Gio.File.new_for_path(str(folder)),
        "size": 6,
        "filename": Gio.File.new_for_path(f"{folder}/sheet.xcf"),
    }
    result = call("python-fu-test-contact-sheet", None, [], **values)
    if result["status"] != "success":
        return result
    sheet = load("contacts/sheet.xcf")
    return {
        **result,
        "facts": facts("python-fu-test-contact-sheet"),
        "size": [sheet.get_width(), sheet.get_height()],
        "offsets": [list(one.get_offsets()[1:]) for one in sheet.get_layers()],
    }


def scenario_uncovered():
    """What cannot be kept is said when the script is declared."""
    from likeness.gimpfu_compat import PF_IMAGE, PF_LAYER, PF_OPTION, PF_RADIO, register

    said = {}
    place = [(PF_IMAGE, "image", "Image", None), ("drawable", "drawable", "Drawable", None)]
    for name, params in {
        "layer": [*place, (PF_LAYER, "layer", "Layer", None)],
        "font": [*place, ("font", "font", "Font", "Sans")],
        "no drawable": [place[0]],
        "no labels": [*place, (PF_OPTION, "option", "Option", 0)],
        "no choices": [*place, (PF_RADIO, "radio", "Radio", 0)],
    }.items():
        try:
            register("plug-in-x", "", "", "", "", "", "X", "*", params, [], print, menu="<Image>/Filters")
            said[name] = ""
        except ValueError as error:
            said[name] = str(error)
    return said


play(globals())
