"""The scenarios without windows, first GIMP. Photographs lie in the shared folder; see scene.py."""

import base64
import json

from gi.repository import Gimp
from scene import call, described, digest, edit, invert, keep, load, note, pixels, play, save, set_pixels, whole


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


def scenario_a_photograph():
    """Invert, edit, take the edit up again: astronaut.png. Its name sorts first: here the engine is started."""
    image, layer = opened("astronaut.png")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 50, 50)
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


def scenario_made_indexed_later():
    """A Likeness layer whose image became indexed; the person has agreed to RGB."""
    import likeness.canvas as canvas
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
    new = canvas.replace_face(canvas.read(image, layer), face, again, "default")
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
    import likeness.canvas as canvas
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
                canvas._insert(
                    Stubborn(), [(one, None, 0) for one in canvas._prepared(source, faces, "default", "0" * 32)]
                )
            else:
                kept, canvas.__dict__[name] = canvas.__dict__[name], stand_in
                try:
                    canvas.add_faces(source, faces, "default")
                finally:
                    canvas.__dict__[name] = kept
            results[name] = "no error"
        except (RuntimeError, canvas.Refusal) as error:
            results[name] = type(error).__name__
        results[name + " unchanged"] = whole(image) == before
    taken = [one.get_name() for one in canvas.add_faces(source, faces, "default")]
    large = Face(1, (0, 0, 60, 50), red, mask, "a" * 64, bytes(4 << 20), {"smile": 1.0})
    results["too large"] = note(canvas.add_faces(source, [large], "default")[0])
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
