"""The scenarios without windows, first GIMP. Photographs lie in the shared folder; see scene.py."""

import base64
import json

from gi.repository import Gimp
from scene import (
    answered,
    around,
    call,
    described,
    digest,
    edit,
    edited,
    invert,
    note,
    opened,
    pixels,
    play,
    save,
    set_pixels,
    whole,
)
from translucent import scenario_alpha, scenario_translucent  # noqa: F401


def scenario_a_photograph():
    """Invert, edit, take the edit up again: astronaut.png. Its name sorts first: here the engine is started."""
    image, layer = opened("astronaut.png")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 150, 40, 150, 150)
    layer.attach_parasite(Gimp.Parasite.new("of-the-user", Gimp.PARASITE_PERSISTENT, b"kept"))
    first = around(image, layer, lambda: invert(image, layer))
    face = image.get_layers()[0]
    x, y = face.get_offsets()[1:]
    # as bytes: the way to floats differs with and without alpha, and babl picks it by timing
    first["copied"] = pixels(face) == pixels(layer, rect=(x, y, face.get_width(), face.get_height()))
    image.remove_layer(face)
    second = edited("a_photograph", image, layer)
    save(image, "kept.xcf")

    face = image.get_layers()[0]
    face.set_offsets(x + 3, y + 5)
    face.set_opacity(55.0)
    face.attach_parasite(Gimp.Parasite.new("of-the-user", Gimp.PARASITE_PERSISTENT, b"kept"))
    set_pixels(face.get_mask(), bytes([200]) * (face.get_width() * face.get_height()), "mask")
    earlier = described(face)
    again = around(image, face, lambda: edit(image, face, {"smile": -1.0}))
    face = image.get_layers()[0]
    back = around(image, face, lambda: edit(image, face, {}))
    return {"invert": first, "edit": second, "earlier": earlier, "again": again, "back": back}


def scenario_grace_hopper():
    return edited("grace_hopper", *opened("grace_hopper.jpg"))


def scenario_two_faces():
    image, layer = opened("two.png")
    both = around(image, layer, lambda: edit(image, layer, {"smile": 1.0}, face=0))
    second = image.get_layers()[1]
    return {
        "all": both,
        "again": around(image, second, lambda: edit(image, second, {"smile": -0.5})),
        "second": around(image, layer, lambda: invert(image, layer, face=2)),
        "third": around(image, layer, lambda: invert(image, layer, face=3)),
    }


def scenario_grey():
    image, layer = opened("astronaut.png")
    image.convert_grayscale()
    return edited("grey", image, layer)


def scenario_indexed():
    image, layer = opened("astronaut.png")
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 64, False, False, "")
    return around(image, layer, lambda: edit(image, layer, {"smile": 1.0}))


def scenario_sixteen_bit():
    image, layer = opened("astronaut.png")
    image.convert_precision(Gimp.Precision.U16_NON_LINEAR)
    return edited("sixteen_bit", image, layer)


def scenario_linear_float():
    image, layer = opened("astronaut.png")
    image.convert_precision(Gimp.Precision.FLOAT_LINEAR)
    return edited("linear_float", image, layer)


def scenario_made_indexed_later():
    """A Likeness layer whose image became indexed; the person has agreed to RGB."""
    from likeness import canvas, laying
    from likeness.job import Face, Picture

    image, layer = opened("astronaut.png")
    face = invert(image, layer, face=1)["layers"][0]
    remembered = note(face)
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, False, "")
    width, height = face.get_width(), face.get_height()
    ramp = bytes(
        value for n in range(width * height) for value in (n % 256, 255 - n % 256, n // 256 % 256, 255)
    )
    mask = Picture(width, height, "Y u8", bytes(width * height))
    picture = Picture(width, height, "RGBA u8", ramp)
    again = Face(1, tuple(remembered["rect"]), picture, mask, "a" * 64, None, {"smile": 1.0})
    new = laying.replace_face(canvas.read(image, layer), face, again, "default")
    return {
        "mode": whole(image)["mode"],
        "exact": pixels(new) == ramp,
        "layers": [one.get_name() for one in image.get_layers()],
    }


def scenario_another_image():
    """Row 41's neighbour: the layer is honest, but was dragged into an image of the same kind."""
    image, layer = opened("astronaut.png")
    face = edit(image, layer, {"smile": 1.0}, face=1)["layers"][0]
    twin = image.duplicate()
    results = {"duplicate": answered(edit(twin, twin.get_layers()[0], {"smile": -1.0}))}
    for name in ("never marked", "marked"):
        other, photograph = opened("astronaut.png")
        if name == "marked":
            other.remove_layer(invert(other, photograph, face=1)["layers"][0])
        dragged = Gimp.Layer.new_from_drawable(face, other)
        other.insert_layer(dragged, None, 0)
        same = photograph.get_tattoo() == note(dragged)["source"]
        results[name] = {**around(other, dragged, lambda: edit(other, dragged, {"smile": -1.0})), "same": same}  # noqa: B023
    return results


def scenario_no_face():
    image = Gimp.Image.new(300, 200, Gimp.ImageBaseType.RGB)
    layer = Gimp.Layer.new(image, "sky", 300, 200, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    set_pixels(layer, bytes([90, 140, 220, 255]) * 60_000)
    return around(image, layer, lambda: invert(image, layer))


def scenario_odd_sizes():
    results = {}
    for width, height in ((1, 1), (1, 20_000)):
        image = Gimp.Image.new(width, height, Gimp.ImageBaseType.RGB)
        kind = Gimp.ImageType.RGBA_IMAGE
        layer = Gimp.Layer.new(image, "odd", width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
        image.insert_layer(layer, None, 0)
        results[f"{width}x{height}"] = around(image, layer, lambda: invert(image, layer))  # noqa: B023
    return results


def scenario_bad_arguments():
    image, layer = opened("astronaut.png")
    second = layer.copy()
    image.insert_layer(second, None, 0)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    before = whole(image)
    results = {
        "no JSON": call("plug-in-likeness-edit", image, [layer], edits="{smile: 1}"),
        "no object": call("plug-in-likeness-edit", image, [layer], edits="[1, 2]"),
        "no number": call("plug-in-likeness-edit", image, [layer], edits='{"smile": "1"}'),
        "too much": call("plug-in-likeness-edit", image, [layer], edits='{"smile": 1e400}'),
        "direction": edit(image, layer, {"no such direction": 1.0}),
        "model": invert(image, layer, model="no-such-model"),
        "path as model": invert(image, layer, model="../../etc/passwd"),
        "two layers": call("plug-in-likeness-invert", image, [layer, second]),
        "no layer": call("plug-in-likeness-invert", image, []),
        "layer mask": call("plug-in-likeness-invert", image, [mask]),
    }
    return {"results": results, "unchanged": before == whole(image)}


def scenario_lying_parasites():
    """Row 41: a layer whose parasite lies. Nothing is loaded, nothing changes, a sentence says so."""
    image, layer = opened("astronaut.png")
    invert(image, layer, face=1)
    face = image.get_layers()[0]
    honest = note(face)
    lies = {
        "no JSON": b"\x7f" * 100,
        "huge": b" " * (4 << 20),
        "path as id": json.dumps({**honest, "id": "../../../etc/passwd"}).encode(),
        "not an inversion": json.dumps(
            {**honest, "inversion": base64.b64encode(b"GIF89a" * 99).decode()}
        ).encode(),
        "cut short": json.dumps({**honest, "inversion": honest["inversion"][: 4 * 999]}).encode(),
        "huge header": json.dumps(
            {**honest, "inversion": base64.b64encode(b"\xff" * 7 + b"\x7f" + b"{}").decode()}
        ).encode(),
        "size": json.dumps({**honest, "size": [1, 1]}).encode(),
        "source": json.dumps({**honest, "source": 4_000_000_000}).encode(),
        "image": json.dumps({**honest, "image": "0" * 32}).encode(),
        "image's kind": json.dumps({**honest, "image": "../.."}).encode(),
    }
    results = {}
    for name, data in lies.items():
        face.attach_parasite(Gimp.Parasite.new("likeness-inversion", Gimp.PARASITE_PERSISTENT, data))
        before = [layer.get_id() for layer in image.get_layers()], digest(face), digest(layer)
        results[name] = edit(image, face, {"smile": 1.0})
        results[name].pop("layers", None)
        if not face.is_valid():
            return {**results, name: {"status": "the lie was believed", "unchanged": False}}
        after = [layer.get_id() for layer in image.get_layers()], digest(face), digest(layer)
        results[name]["unchanged"] = before == after
    return results


def scenario_writing_back_fails():
    """Row 38: an error while the layers are made or inserted leaves the image as it was."""
    from likeness import canvas, laying
    from likeness.job import Face, Picture

    image, layer = opened("astronaut.png")
    mask = Picture(60, 50, "Y u8", bytes([255]) * 3000)
    red = Picture(60, 50, "RGBA u8", bytes([255, 0, 0, 255]) * 3000)
    faces = [Face(n, (20 * n, 30, 60, 50), red, mask, "a" * 64, b"", {"smile": 1.0}) for n in (1, 2)]
    source = canvas.read(image, layer)
    results = {}

    def broken(*_):
        raise RuntimeError("broken")

    class Stubborn:
        """An image that takes the first layer and refuses the second."""

        def __init__(self):
            self.taken = 0

        def __getattr__(self, name):
            return getattr(image, name)

        def insert_layer(self, *place):
            self.taken += 1
            return image.insert_layer(*place) if self.taken == 1 else False

    for name, stand_in in (("_add_layer_mask", broken), ("_remember", broken), ("insert", None)):
        before = whole(image)
        try:
            if stand_in is None:
                laying._insert(
                    Stubborn(), [(one, None, 0) for one in laying._prepared(source, faces, "default", "0" * 32)]
                )
            else:
                kept, laying.__dict__[name] = laying.__dict__[name], stand_in
                try:
                    laying.add_faces(source, faces, "default")
                finally:
                    laying.__dict__[name] = kept
            results[name] = "no error"
        except (RuntimeError, laying.Refusal) as error:
            results[name] = type(error).__name__
        results[name + " unchanged"] = whole(image) == before
    taken = [one.get_name() for one in laying.add_faces(source, faces, "default")]
    large = Face(1, (0, 0, 60, 50), red, mask, "a" * 64, bytes(4 << 20), {"smile": 1.0})
    results["too large"] = note(laying.add_faces(source, [large], "default")[0])
    return {**results, "afterwards": taken}


def scenario_procedures():
    """What GIMP's procedure browser shows of us."""
    found = {}
    for name in ("plug-in-likeness-invert", "plug-in-likeness-edit"):
        procedure = Gimp.get_pdb().lookup_procedure(name)
        found[name] = {
            "label": procedure.get_menu_label(),
            "menu": procedure.get_menu_paths(),
            "blurb": procedure.get_blurb(),
            "help": procedure.get_help(),
            "authors": procedure.get_authors(),
            "types": procedure.get_image_types(),
            "arguments": [argument.get_name() for argument in procedure.get_arguments()],
            "results": [value.get_name() for value in procedure.get_return_values()],
        }
    return found


def scenario_gimpfu():
    """Every kind of parameter and result that gimpfu_compat covers."""
    image = Gimp.Image.new(10, 10, Gimp.ImageBaseType.RGB)
    layers = []
    for name in ("one", "two"):
        kind = Gimp.ImageType.RGB_IMAGE
        layers.append(Gimp.Layer.new(image, name, 10, 10, kind, 100.0, Gimp.LayerMode.NORMAL))
        image.insert_layer(layers[-1], None, 0)
    test = "plug-in-likeness-test"
    values = {"number": 7, "size": 0.25, "text": "Ä b", "yes": False, "no": True}
    every = call(f"{test}-everything", image, layers[:1], **values)
    every["values"][-1] = every["values"][-1].get_name()
    return {
        "everything": every,
        "defaults": call(f"{test}-everything", image, layers[:1])["values"][:-1],
        "too many": call(f"{test}-everything", image, layers),
        "count": call(f"{test}-count", image, layers),
        "refuse": call(f"{test}-fail", image, layers[:1], how="refuse"),
        "cancel": call(f"{test}-fail", image, layers[:1], how="cancel"),
        "defect": call(f"{test}-fail", image, layers[:1], how="defect"),
        "nothing": call(f"{test}-everything", image, layers[:1], mode=Gimp.RunMode.INTERACTIVE),
    }


play(globals())
