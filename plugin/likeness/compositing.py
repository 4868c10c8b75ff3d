"""How a Likeness layer lies over its photograph, so that GIMP shows what it would show of an edited photograph.

Over an opaque photograph a plain layer does. A translucent one (alpha, layer mask, opacity) must not get denser:

- With nothing below it, the layer is opaque and *clipped to the backdrop*: alpha stays the photograph's.
- With other layers below it, those shine through, so no layer can take the photograph's place. What is laid above
  is then the change itself: 0.5 + edited − photograph, in the mode *grain merge* (backdrop + layer − 0.5), as
  transparent as the photograph, in linear light, as GIMP lays the photograph over the others. Pixels that did not
  change are wholly transparent. Only where the layer mask is soft does this differ a little from an edited
  photograph, and, in images of integers, where a pixel changes by more than half of white's light: the layer cannot
  hold more.

The layer's own modes say which of the three it is, also when an edit is taken up again.
"""

from __future__ import annotations

from array import array
from operator import ne

from gi.repository import Gegl, Gimp  # pyright: ignore[reportMissingImports]

from .job import Picture
from .parasite import Rect

CHANGE = Gimp.LayerMode.GRAIN_MERGE
CLIPPED = Gimp.LayerCompositeMode.CLIP_TO_BACKDROP
OPAQUE = 255
LINEAR = "RGBA linear float"  # a format of canvas.py; it never travels


def _linear(value: float) -> float:
    """sRGB's curve taken off; below 0 it goes on as a line."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


_LINEAR = [_linear(value / OPAQUE) for value in range(256)]


def new_layer(photograph: Gimp.Layer, name: str, rect: Rect) -> Gimp.Layer:
    """An empty layer for `rect` of the photograph, in no image yet, with the modes that suit it."""
    x, y, width, height = rect
    image, kind = photograph.get_image(), photograph.type_with_alpha()
    plain = _is_opaque(photograph, rect)
    merged = not plain and _lies_over_others(image, photograph)
    mode = CHANGE if merged else Gimp.LayerMode.NORMAL
    opacity = photograph.get_opacity() if merged else 100.0
    layer = Gimp.Layer.new(image, name, width, height, kind, opacity, mode)
    space = Gimp.LayerColorSpace.RGB_LINEAR if merged else Gimp.LayerColorSpace.RGB_PERCEPTUAL
    layer.set_composite_space(space)
    layer.set_blend_space(space)
    if not plain:
        layer.set_composite_mode(CLIPPED)
    _, left, top = photograph.get_offsets()
    layer.set_offsets(left + x, top + y)
    return layer


def has_modes(layer: Gimp.Layer) -> bool:
    """Whether a layer's pixels are not simply those of the face."""
    return layer.get_mode() == CHANGE or layer.get_composite_mode() == CLIPPED


def fitted(layer: Gimp.Layer, photograph: Gimp.Layer, rect: Rect, edited: Picture) -> Picture:
    """The pixels that `layer` needs to show `edited`, which covers `rect` of the photograph."""
    if layer.get_mode() == CHANGE:
        before = _part(photograph, rect, edited.format)
        return _change(edited, before, coverage(photograph, rect))
    if layer.get_composite_mode() == CLIPPED:
        return _opaque(edited)
    return edited


def copied(photograph: Gimp.Layer, rect: Rect, pixel_format: str) -> Picture:
    """The photograph's own pixels."""
    _, _, width, height = rect
    return Picture(width, height, pixel_format, _part(photograph, rect, pixel_format))


def coverage(photograph: Gimp.Layer, rect: Rect) -> bytes:
    """Alpha times layer mask within `rect`, a byte a pixel; 0 outside of the layer."""
    alpha = _get(photograph, rect, "A u8")
    if photograph.get_mask() is None or not photograph.get_apply_mask():
        return alpha
    shown = _get(photograph.get_mask(), rect, "Y u8")
    return bytes((a * s + 127) // 255 for a, s in zip(alpha, shown, strict=True))


def _is_opaque(photograph: Gimp.Layer, rect: Rect) -> bool:
    normal = photograph.get_mode() in (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)
    return normal and photograph.get_opacity() == 100 and min(coverage(photograph, rect), default=0) == OPAQUE


def _lies_over_others(image: Gimp.Image, item: Gimp.Layer) -> bool:
    """Whether anything visible is below that shines through: among its neighbours, or below a pass-through group."""
    parent = item.get_parent()
    neighbours = parent.get_children() if parent else image.get_layers()
    if any(one.get_visible() for one in neighbours[image.get_item_position(item) + 1 :]):
        return True
    through = parent is not None and parent.get_mode() == Gimp.LayerMode.PASS_THROUGH
    return through and _lies_over_others(image, parent)


def _opaque(picture: Picture) -> Picture:
    count = picture.width * picture.height
    if picture.format == "RGBA u8":
        pixels = bytearray(picture.pixels)
        pixels[3::4] = bytes([OPAQUE]) * count
        return Picture(picture.width, picture.height, picture.format, bytes(pixels))
    floats = array("f", picture.pixels)
    floats[3::4] = array("f", [1.0]) * count
    return Picture(picture.width, picture.height, picture.format, floats.tobytes())


def _change(edited: Picture, before: bytes, alpha: bytes) -> Picture:
    if edited.format == "RGBA u8":
        new, old = edited.pixels, before
        light = ((_LINEAR[after], _LINEAR[first]) for after, first in zip(new, old, strict=True))
    else:
        new, old = array("f", edited.pixels), array("f", before)
        light = ((_linear(after), _linear(first)) for after, first in zip(new, old, strict=True))
    floats = array("f", (0.5 + after - first for after, first in light))
    floats[3::4] = array("f", (value / OPAQUE for value in _where_changed(new, old, alpha)))
    return Picture(edited.width, edited.height, LINEAR, floats.tobytes())


def _where_changed(new: bytes | array, old: bytes | array, alpha: bytes) -> list[int]:
    colours = (zip(values[0::4], values[1::4], values[2::4], strict=True) for values in (new, old))
    return [value if changed else 0 for value, changed in zip(alpha, map(ne, *colours), strict=True)]


def _part(drawable: Gimp.Drawable, rect: Rect, pixel_format: str) -> bytes:
    return _get(drawable, rect, {"RGBA u8": "R'G'B'A u8", "RGBA float": "R'G'B'A float"}[pixel_format])


def _get(drawable: Gimp.Drawable, rect: Rect, babl_format: str) -> bytes:
    return drawable.get_buffer().get(Gegl.Rectangle.new(*rect), 1.0, babl_format, Gegl.AbyssPolicy.NONE)
