"""Pixels and layers: out of GIMP, and back into it.

What goes wrong, goes wrong before the image is touched: a new layer is filled, masked and named while it is in
no image yet, and all that the undo group holds is its insertion.

Pixels travel as gamma-encoded sRGB whatever the image's profile and precision: GEGL converts. An 8-bit image
sends bytes; any other sends floats, which are neither quantised nor clipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp  # noqa: E402

from . import compositing, parasite  # noqa: E402
from .gimpfu_compat import Refusal  # noqa: E402
from .job import MAX_PIXELS, MAX_SIDE, Face, Filling, Picture  # noqa: E402

EIGHT_BIT = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_LINEAR, Gimp.Precision.U8_PERCEPTUAL)
GEGL_FORMAT = {
    "RGBA u8": "R'G'B'A u8",
    "RGBA float": "R'G'B'A float",
    "Y u8": "Y u8",
    compositing.LINEAR: "RGBA float",
}


@dataclass(frozen=True)
class Source:
    """The layer with the photograph, as it was when its pixels were sent."""

    image: Gimp.Image
    layer: Gimp.Layer
    picture: Picture
    base_type: Gimp.ImageBaseType
    precision: Gimp.Precision


# --- out of GIMP ------------------------------------------------------------------------------------------


def check_layer(image: Gimp.Image, drawable: Gimp.Drawable) -> None:
    """Raise `Refusal` when nothing can be laid above this drawable."""
    if not drawable.is_layer():
        raise Refusal("This is no layer. Select the layer that holds the photograph, not a mask or a channel.")
    if image.get_floating_sel() is not None:
        raise Refusal("A floating selection is in the way. Anchor it first: Layer ▸ Anchor Layer.")
    width, height = drawable.get_width(), drawable.get_height()
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise Refusal(
            f"The layer of {width} × {height} pixels is too large. Copy the faces to a layer of less than "
            f"{MAX_PIXELS // 1_000_000} million pixels."
        )


def read(image: Gimp.Image, layer: Gimp.Layer) -> Source:
    """Copy a layer's pixels out."""
    pixel_format = "RGBA u8" if image.get_precision() in EIGHT_BIT else "RGBA float"
    picture = Picture(layer.get_width(), layer.get_height(), pixel_format, _get(layer, pixel_format))
    return Source(image, layer, picture, image.get_base_type(), image.get_precision())


def read_note(layer: Gimp.Layer) -> parasite.Note | None:
    """What a Likeness layer remembers; None for any other layer. Raises `Refusal` when it is damaged."""
    found = layer.get_parasite(parasite.NAME)
    if found is None:
        return None
    try:
        return parasite.read(bytes(found.get_data()))
    except parasite.NoteDamaged as damage:
        raise Refusal(
            f"What “{layer.get_name()}” remembers of its face is damaged: {damage}. Select the layer with the "
            "photograph and edit the face anew."
        ) from None


def title(image: Gimp.Image, layer: Gimp.Layer) -> str:
    """For a dialog's title bar: the image's name and the layer's."""
    return f'{image.get_name()[:140]} ▸ "{layer.get_name()[:140]}"'


# --- back into GIMP ---------------------------------------------------------------------------------------


def obstacle(source: Source) -> str:
    """Why the result can no longer be laid above its source, as a sentence; empty when it can."""
    if not source.image.is_valid():
        return "The image was closed while the face was worked on."
    if not source.layer.is_valid():
        return "The layer was deleted while the face was worked on."
    image, layer, picture = source.image, source.layer, source.picture
    if (layer.get_width(), layer.get_height()) != (picture.width, picture.height):
        return "The layer's size was changed while the face was worked on."
    if (image.get_base_type(), image.get_precision()) != (source.base_type, source.precision):
        return "The image's mode was changed while the face was worked on."
    if image.get_floating_sel() is not None:
        return "A floating selection was made while the face was worked on."
    return ""


def add_faces(source: Source, faces: list[Face], model: str) -> list[Gimp.Layer]:
    """Lay a layer for each face above the source, the first topmost, in one undo step. In an indexed image,
    which takes no such layer, that step begins with the conversion to RGB."""
    with one_step(source.image):
        _leave_palette(source.image)
        known = mark(source.image) or parasite.new_mark()
        layers = _prepared(source, faces, model, known)
        parent, position = source.layer.get_parent(), source.image.get_item_position(source.layer)
        _insert(source.image, [(layer, parent, position) for layer in reversed(layers)])
        _mark(source.image, known)
    return layers


def add_filling(source: Source, filling: Filling) -> Gimp.Layer:
    """Lay what fills a region above the source, its layer mask the region, in one undo step as `add_faces`."""
    with one_step(source.image):
        _leave_palette(source.image)
        layer = compositing.new_layer(source.layer, "Likeness: restored", filling.rect)
        try:
            _set(layer, compositing.fitted(layer, source.layer, filling.rect, filling.layer))
            _add_layer_mask(layer, filling.layer_mask)
        except BaseException:
            layer.delete()
            raise
        position = source.image.get_item_position(source.layer)
        _insert(source.image, [(layer, source.layer.get_parent(), position)])
    return layer


def replace_face(source: Source, target: Gimp.Layer, face: Face, model: str) -> Gimp.Layer | None:
    """Put a new edit in the place of a Likeness layer, in one undo step, which begins as that of `add_faces`.
    Returns the layer that is there now.

    All else of it stays: its place, offsets, mode, opacity, other parasites, and its layer mask, which may have
    been painted on. None when the layer has gone, or is no longer the size of the face.
    """
    if not target.is_valid() or (target.get_width(), target.get_height()) != face.rect[2:]:
        return None
    if target.get_lock_content():
        raise Refusal(
            f"The pixels of “{target.get_name()}” are locked. Unlock them in the Layers dialog first."
        )
    image = source.image
    with one_step(image):
        _leave_palette(image)
        known = mark(image) or parasite.new_mark()
        layer = target.copy()
        try:
            _fill(layer, source, face)
            layer.set_name(parasite.layer_name(face.edits, face.number))
            _remember(layer, source, face, model, known)
        except BaseException:
            layer.delete()
            raise
        _insert(image, [(layer, target.get_parent(), image.get_item_position(target))])
        image.remove_layer(target)
        _mark(image, known)
    return layer


def new_image(source: Source, faces: list[Face], model: str) -> list[Gimp.Layer]:
    """The result in an image of its own, above the photograph as it was sent: where its own image has gone."""
    picture = source.picture
    base = Gimp.ImageBaseType.GRAY if source.base_type == Gimp.ImageBaseType.GRAY else Gimp.ImageBaseType.RGB
    kind = Gimp.ImageType.GRAYA_IMAGE if base == Gimp.ImageBaseType.GRAY else Gimp.ImageType.RGBA_IMAGE
    image = Gimp.Image.new_with_precision(picture.width, picture.height, base, source.precision)
    photograph = Gimp.Layer.new(
        image, "Photograph", picture.width, picture.height, kind, 100.0, Gimp.LayerMode.NORMAL
    )
    image.insert_layer(photograph, None, 0)
    _set(photograph, picture)
    return add_faces(Source(image, photograph, picture, base, source.precision), faces, model)


def _prepared(source: Source, faces: list[Face], model: str, known: str) -> list[Gimp.Layer]:
    """The new layers, complete but not yet in the image."""
    layers = []
    try:
        for face in faces:
            name = parasite.layer_name(face.edits, face.number)
            layers.append(compositing.new_layer(source.layer, name, face.rect))
            _fill(layers[-1], source, face)
            _add_layer_mask(layers[-1], face.layer_mask)
            _remember(layers[-1], source, face, model, known)
    except BaseException:
        for layer in layers:
            layer.delete()
        raise
    return layers


def _leave_palette(image: Gimp.Image) -> None:
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        image.convert_rgb()


def _fill(layer: Gimp.Layer, source: Source, face: Face) -> None:
    """The edited pixels, or, where nothing was edited, the photograph's own, bit for bit."""
    if face.layer is not None:
        _set(layer, compositing.fitted(layer, source.layer, face.rect, face.layer))
        return
    if compositing.has_modes(layer):
        own = compositing.copied(source.layer, face.rect, source.picture.format)
        _set(layer, compositing.fitted(layer, source.layer, face.rect, own))
        return
    x, y, width, height = face.rect
    there, here = Gegl.Rectangle.new(x, y, width, height), Gegl.Rectangle.new(0, 0, width, height)
    target = layer.get_buffer()
    source.layer.get_buffer().copy(there, Gegl.AbyssPolicy.NONE, target, here)
    target.flush()
    layer.update(0, 0, width, height)


def _add_layer_mask(layer: Gimp.Layer, coverage: Picture) -> None:
    layer_mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(layer_mask)
    _set(layer_mask, coverage)
    layer.set_edit_mask(False)


def _remember(layer: Gimp.Layer, source: Source, face: Face, model: str, known: str) -> None:
    note = parasite.Note(
        id=face.id,
        inversion=face.inversion,
        edits=face.edits,
        face=face.number,
        model=model,
        image=known,
        source=source.layer.get_tattoo(),
        size=(source.picture.width, source.picture.height),
        rect=face.rect,
    )
    _attach(layer, parasite.NAME, parasite.written(parasite.fitting(note)))


def mark(image: Gimp.Image) -> str | None:
    """What an image is told by: random, made with its first Likeness layer, kept in it. None: it has had none."""
    found = image.get_parasite(parasite.IMAGE_NAME)
    return parasite.read_mark(bytes(found.get_data())) if found else None


def _mark(image: Gimp.Image, known: str) -> None:
    if mark(image) != known:
        _attach(image, parasite.IMAGE_NAME, known.encode("ascii"))


def _attach(owner: Gimp.Image | Gimp.Layer, name: str, data: bytes) -> None:
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    owner.attach_parasite(Gimp.Parasite.new(name, flags, data))


def _insert(image: Gimp.Image, places: list[tuple]) -> None:
    """Insert layers, or none of them."""
    done = []
    for layer, parent, position in places:
        if not image.insert_layer(layer, parent, position):
            for inserted in done:
                image.remove_layer(inserted)
            raise Refusal("GIMP refused the new layer. See its error console.")
        done.append(layer)


@contextmanager
def one_step(image: Gimp.Image) -> Iterator[None]:
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()
        Gimp.displays_flush()


def _get(drawable: Gimp.Drawable, pixel_format: str) -> bytes:
    rect = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return drawable.get_buffer().get(rect, 1.0, GEGL_FORMAT[pixel_format], Gegl.AbyssPolicy.NONE)


def _set(drawable: Gimp.Drawable, picture: Picture) -> None:
    """Write a whole drawable. Size and length have been held against each other where the picture arrived."""
    buffer = drawable.get_buffer()
    rect = Gegl.Rectangle.new(0, 0, picture.width, picture.height)
    buffer.set(rect, GEGL_FORMAT[picture.format], picture.pixels)
    buffer.flush()
    drawable.update(0, 0, picture.width, picture.height)
