"""Pixels and what else is to be known of a layer: out of GIMP, and back into it.

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
from .job import MAX_PIXELS, MAX_SIDE, Picture  # noqa: E402
from .words import _  # noqa: E402

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
        raise Refusal(
            _("This is no layer. Select the layer that holds the photograph, not a mask or a channel.")
        )
    if image.get_floating_sel() is not None:
        raise Refusal(_("A floating selection is in the way. Anchor it first: Layer ▸ Anchor Layer."))
    width, height = drawable.get_width(), drawable.get_height()
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise Refusal(
            _(
                "The layer of {width} × {height} pixels is too large. Copy the faces to a layer of less than "
                "{max_pixels} million pixels."
            ).format(width=width, height=height, max_pixels=MAX_PIXELS // 1_000_000)
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
            _(
                "What “{layer}” remembers of its face is damaged: {damage}. Select the layer with the photograph "
                "and edit the face anew."
            ).format(layer=layer.get_name(), damage=damage)
        ) from None


def read_layer_mask(layer: Gimp.Layer) -> Picture | None:
    """A layer's mask as it is now, a byte a pixel; None where there is none."""
    layer_mask = layer.get_mask()
    if layer_mask is None:
        return None
    return Picture(layer.get_width(), layer.get_height(), "Y u8", _get(layer_mask, "Y u8"))


def read_selection(image: Gimp.Image, layer: Gimp.Layer) -> Picture | None:
    """How far each pixel of a layer is selected, a byte a pixel; None where nothing of the image is."""
    if Gimp.Selection.is_empty(image):
        return None
    _, left, top = layer.get_offsets()
    width, height = layer.get_width(), layer.get_height()
    place = Gegl.Rectangle.new(left, top, width, height)
    coverage = image.get_selection().get_buffer().get(place, 1.0, "Y u8", Gegl.AbyssPolicy.NONE)
    return Picture(width, height, "Y u8", coverage)


def title(image: Gimp.Image, layer: Gimp.Layer) -> str:
    """For a dialog's title bar: the image's name and the layer's."""
    return f'{image.get_name()[:140]} ▸ "{layer.get_name()[:140]}"'


def obstacle(source: Source) -> str:
    """Why the result can no longer be laid above its source, as a sentence; empty when it can."""
    if not source.image.is_valid():
        return _("The image was closed while the face was worked on.")
    if not source.layer.is_valid():
        return _("The layer was deleted while the face was worked on.")
    image, layer, picture = source.image, source.layer, source.picture
    if (layer.get_width(), layer.get_height()) != (picture.width, picture.height):
        return _("The layer's size was changed while the face was worked on.")
    if (image.get_base_type(), image.get_precision()) != (source.base_type, source.precision):
        return _("The image's mode was changed while the face was worked on.")
    if image.get_floating_sel() is not None:
        return _("A floating selection was made while the face was worked on.")
    return ""


def _get(drawable: Gimp.Drawable, pixel_format: str) -> bytes:
    rect = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return drawable.get_buffer().get(rect, 1.0, GEGL_FORMAT[pixel_format], Gegl.AbyssPolicy.NONE)


# --- back into GIMP ---------------------------------------------------------------------------------------


@contextmanager
def one_step(image: Gimp.Image) -> Iterator[None]:
    """What is done within is undone at once."""
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()
        Gimp.displays_flush()


def leave_palette(image: Gimp.Image) -> None:
    """Convert an indexed image to RGB."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        image.convert_rgb()


def mark(image: Gimp.Image) -> str | None:
    """What an image is told by: random, made with its first Likeness layer, kept in it. None: it has had none."""
    found = image.get_parasite(parasite.IMAGE_NAME)
    return parasite.read_mark(bytes(found.get_data())) if found else None


def set_mark(image: Gimp.Image, known: str) -> None:
    """Give an image its mark, unless it has it."""
    if mark(image) != known:
        attach(image, parasite.IMAGE_NAME, known.encode("ascii"))


def attach(owner: Gimp.Image | Gimp.Layer, name: str, data: bytes) -> None:
    """Give an image or a layer a parasite; undo takes it away."""
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    owner.attach_parasite(Gimp.Parasite.new(name, flags, data))


def copy_pixels(photograph: Gimp.Layer, rect: parasite.Rect, layer: Gimp.Layer) -> None:
    """Fill a layer with what `rect` of the photograph holds, bit for bit."""
    x, y, width, height = rect
    there, here = Gegl.Rectangle.new(x, y, width, height), Gegl.Rectangle.new(0, 0, width, height)
    target = layer.get_buffer()
    photograph.get_buffer().copy(there, Gegl.AbyssPolicy.NONE, target, here)
    target.flush()
    layer.update(0, 0, width, height)


def write(drawable: Gimp.Drawable, picture: Picture) -> None:
    """Write a whole drawable. Size and length have been held against each other where the picture arrived."""
    buffer = drawable.get_buffer()
    rect = Gegl.Rectangle.new(0, 0, picture.width, picture.height)
    buffer.set(rect, GEGL_FORMAT[picture.format], picture.pixels)
    buffer.flush()
    drawable.update(0, 0, picture.width, picture.height)
