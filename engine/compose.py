"""Putting a result's layers over the photograph, as GIMP does with a layer, its mask and the perceptual blend.

All arrays are uint8 with rows from the top, gamma-encoded; a `rect` is (x, y, width, height) in pixels of the
photograph and may reach over its border.
"""

from __future__ import annotations

import numpy as np

from engine.messages import Rect

OUT_OF_DOMAIN = 255


def over(photo: np.ndarray, layer: np.ndarray, layer_mask: np.ndarray, rect: Rect) -> np.ndarray:
    """The photograph with a layer over it: photo + (layer − photo) · layer_mask / 255, rounded to nearest.

    photo [H, W, 3 or 4], layer [h, w, 3 or 4] and layer_mask [h, w], both of the rect's size. Returns a new
    array like photo; its alpha is the photograph's. Exactly the photograph where the mask is 0 or the layer
    equals it.
    """
    result = photo.copy()
    inside, part = _overlap(photo.shape, rect)
    below = photo[inside][..., :3].astype(np.uint32)
    above = layer[part][..., :3].astype(np.uint32)
    opacity = layer_mask[part][..., None].astype(np.uint32)
    blended = (below * (255 - opacity) + above * opacity + 127) // 255
    result[inside][..., :3] = blended.astype(np.uint8)
    return result


def place(photo: np.ndarray, picture: np.ndarray, rect: Rect) -> np.ndarray:
    """The photograph with a picture [h, w, 4] in it, as far as the picture's alpha says."""
    return over(photo, picture, picture[..., 3], rect)


def empty_mask(photo: np.ndarray) -> np.ndarray:
    """An invertibility mask [H, W] for the whole photograph: all out-of-domain as yet."""
    return np.full(photo.shape[:2], OUT_OF_DOMAIN, np.uint8)


def add_mask(
    whole: np.ndarray, invertibility_mask: np.ndarray, generated: np.ndarray, rect: Rect
) -> np.ndarray:
    """`whole` [H, W] with a face's mask [h, w] where its generated picture [h, w, 4] has pixels.

    Where faces overlap, what one of them can make is in-domain. Returns a new array.
    """
    result = whole.copy()
    inside, part = _overlap(whole.shape, rect)
    made = np.where(generated[part][..., 3] > 0, invertibility_mask[part], OUT_OF_DOMAIN)
    result[inside] = np.minimum(whole[inside], made)
    return result


def _overlap(shape: tuple[int, ...], rect: Rect) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the photograph that a rect covers, and the part of the rect that lies in it."""
    x, y, width, height = rect
    left, top = max(x, 0), max(y, 0)
    right, bottom = max(min(x + width, shape[1]), left), max(min(y + height, shape[0]), top)
    inside = (slice(top, bottom), slice(left, right))
    return inside, (slice(top - y, bottom - y), slice(left - x, right - x))
