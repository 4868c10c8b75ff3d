"""What the scenarios that run inside GIMP say things with.

A scenario is a function whose name begins with `scenario_`; it returns what the test outside asserts on. `play`
runs all those of a module, by name, and writes {name: result} to LIKENESS_TEST_REPORT.
"""

import hashlib
import json
import os
import sys
import traceback
from pathlib import Path

from gi.repository import Gegl, Gimp, Gio

SHARE = os.environ["LIKENESS_TEST_SHARE"]
sys.path.insert(
    0, str(Path(os.environ["LIKENESS_TEST_COMPAT"]).parent)
)  # the plug-in, as the package `likeness`
SCRIPT = Gimp.RunMode.NONINTERACTIVE
# "own": the drawable's own format. babl picks the path of a conversion by its speed, anew in each process.
FORMATS = {"bytes": "R'G'B'A u8", "floats": "R'G'B'A float", "mask": "Y u8", "own": None}


def load(name):
    return Gimp.file_load(SCRIPT, Gio.File.new_for_path(f"{SHARE}/{name}"))


def save(image, name):
    return Gimp.file_save(SCRIPT, image, Gio.File.new_for_path(f"{SHARE}/{name}"), None)


def call(name, image, drawables, /, mode=SCRIPT, **values):
    """Call a procedure, with image and drawables where it takes some; returns {status, error, layers or values}."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", mode)
    if image is not None:
        config.set_property("image", image)
        config.set_core_object_array("drawables", drawables)
    for key, value in values.items():
        config.set_property(key.replace("_", "-"), value)
    result = procedure.run(config)
    status = result.index(0).value_nick
    if status != "success":
        said = result.index(1) if result.length() > 1 else ""
        return {"status": status, "error": said if isinstance(said, str) else ""}
    if [value.get_name() for value in procedure.get_return_values()] != ["layers"]:
        return {"status": status, "values": [result.index(i) for i in range(1, result.length())]}
    return {"status": status, "layers": result.get_core_object_array(1)}


def invert(image, layer, **values):
    return call("plug-in-likeness-invert", image, [layer], **values)


def edit(image, layer, edits, **values):
    return call("plug-in-likeness-edit", image, [layer], edits=json.dumps(edits), **values)


def pixels(drawable, kind="bytes", rect=None):
    x, y, width, height = rect or (0, 0, drawable.get_width(), drawable.get_height())
    area = Gegl.Rectangle.new(x, y, width, height)
    return drawable.get_buffer().get(area, 1.0, FORMATS[kind], Gegl.AbyssPolicy.NONE)


def set_pixels(drawable, data, kind="bytes"):
    buffer = drawable.get_buffer()
    area = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    buffer.set(area, FORMATS[kind], data)
    buffer.flush()


def digest(drawable, rect=None):
    return hashlib.sha256(pixels(drawable, "own", rect)).hexdigest()


def keep(name, data):
    """Leave bytes for the test outside."""
    Path(SHARE, name).write_bytes(data)


def note(layer):
    found = layer.get_parasite("likeness-inversion")
    return json.loads(bytes(found.get_data())) if found else None


def described(layer):
    """All that can be asked of a layer."""
    mask = layer.get_mask()
    remembered = note(layer)
    return {
        "name": layer.get_name(),
        "offsets": list(layer.get_offsets()[1:]),
        "size": [layer.get_width(), layer.get_height()],
        "type": layer.type().value_nick,
        "pixels": digest(layer),
        "mask": mask and hashlib.sha256(pixels(mask, "mask")).hexdigest(),
        "mask_range": mask and [min(pixels(mask, "mask")), max(pixels(mask, "mask"))],
        "border_of_mask": mask and max(border(mask)),
        "visible": layer.get_visible(),
        "opacity": layer.get_opacity(),
        "mode": layer.get_mode().value_nick,
        "space": layer.get_composite_space().value_nick,
        "locks": [layer.get_lock_alpha(), layer.get_lock_content(), layer.get_lock_position()],
        "parent": layer.get_parent() and layer.get_parent().get_name(),
        "parasites": sorted(layer.get_parasite_list()),
        "tattoo": layer.get_tattoo(),
        "note": remembered and {**remembered, "inversion": len(remembered["inversion"] or "")},
    }


def border(mask):
    """The outermost pixels of a mask."""
    data, width, height = pixels(mask, "mask"), mask.get_width(), mask.get_height()
    return data[:width] + data[-width:] + data[::width] + data[width - 1 :: width] if height else b""


def whole(image):
    """An image as far as a plug-in must leave it alone: every layer, selection, size, mode."""
    return {
        "layers": [described(layer) for layer in image.get_layers()],
        "size": [image.get_width(), image.get_height()],
        "mode": [image.get_base_type().value_nick, image.get_precision().value_nick],
        "selection": hashlib.sha256(pixels(image.get_selection(), "mask")).hexdigest(),
        "channels": len(image.get_channels()),
        "parasites": sorted(set(image.get_parasite_list()) - {"likeness-image"}),  # this one tells the image
    }


def answered(result):
    """A call's result with its layers described."""
    return {**result, "layers": [described(layer) for layer in result.get("layers", [])]}


def opened(name):
    image = load(name)
    return image, image.get_layers()[0]


def around(image, layer, work):
    """Do `work` and tell the image before and after, without what is new."""
    before = whole(image)
    result = answered(work())
    after = whole(image)
    new = {layer["tattoo"] for layer in result["layers"]}
    after["layers"] = [layer for layer in after["layers"] if layer["tattoo"] not in new]
    return {**result, "before": before, "after": after, "order": [one.get_name() for one in image.get_layers()]}


def edited(name, image, layer):
    """Edit the largest face; the new layer, the image as GIMP shows it and what it is made of go outside."""
    source = digest(layer)
    result = around(image, layer, lambda: edit(image, layer, {"smile": 1.0}, face=1))
    if result["status"] == "success":
        (tattoo,) = (one["tattoo"] for one in result["layers"])
        new = image.get_layer_by_tattoo(tattoo)
        x, y = (b - a for a, b in zip(layer.get_offsets()[1:], new.get_offsets()[1:], strict=True))
        rect = (x, y, new.get_width(), new.get_height())
        shown = Gimp.Layer.new_from_visible(image, image, "shown")
        at = (*new.get_offsets()[1:], new.get_width(), new.get_height())
        keep(f"{name}.source", pixels(layer, "floats", rect))
        keep(f"{name}.layer", pixels(new, "floats"))
        keep(f"{name}.mask", pixels(new.get_mask(), "mask"))
        keep(f"{name}.shown", pixels(shown, "floats", at))
        shown.delete()
        result["source_untouched"] = source == digest(layer)
    return result


def play(module):
    report = {}
    for name, scenario in sorted(module.items()):
        if name.startswith("scenario_"):
            before = {image.get_id() for image in Gimp.get_images()}
            try:
                report[name.removeprefix("scenario_")] = scenario()
            except Exception:
                report[name.removeprefix("scenario_")] = {"crashed": traceback.format_exc()}
            for image in Gimp.get_images():
                if image.get_id() not in before:
                    image.delete()
    Path(os.environ["LIKENESS_TEST_REPORT"]).write_text(json.dumps(report, default=repr))
