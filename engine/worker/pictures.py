"""Between what clients send and see, and what the pipeline works with: pictures of every kind."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from engine.faces.crop import CropGeometry, Rect
from engine.faces.paste import border_feather, sample_on_photo


def visible(picture: np.ndarray) -> np.ndarray:
    """What can be seen of a picture RGBA of any kind, over grey: uint8 RGB [H,W,3], for finding and inverting faces."""
    opaque = 255 if picture.dtype == np.uint8 else 1.0
    rgb, alpha = picture[..., :3], picture[..., 3:]
    if not (alpha == opaque).all():
        share = alpha.astype(np.float32) / opaque
        rgb = np.nan_to_num(rgb.astype(np.float32)) * share + 0.5 * opaque * (1 - share)
    if picture.dtype != np.uint8:
        rgb = np.nan_to_num(rgb).clip(0, 1) * 255
    return np.ascontiguousarray(rgb if rgb.dtype == np.uint8 else (rgb + 0.5).astype(np.uint8))


def view(
    picture: np.ndarray, geometry: CropGeometry, rect: Rect, preview: int | None
) -> tuple[np.ndarray, CropGeometry, Rect]:
    """The pixels to work on, the crop's place in them and the rect in them; smaller where a preview will do."""
    if preview is None or max(rect.w, rect.h) <= preview:
        return picture, geometry, rect
    scale = preview / max(rect.w, rect.h)
    size = (max(1, round(rect.w * scale)), max(1, round(rect.h * scale)))
    part = np.ascontiguousarray(picture[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w])
    if part.dtype != np.uint8:
        part = (np.nan_to_num(part).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    factor = math.ceil(1 / scale) // 2
    image = Image.fromarray(part)
    if factor > 1:
        image = image.reduce(factor)
    small = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    sx, sy = size[0] / rect.w, size[1] / rect.h
    (ox, oy), (ux, uy) = geometry.origin, geometry.x_axis
    moved = CropGeometry(((ox - rect.x) * sx, (oy - rect.y) * sy), (ux * sx, uy * sy))
    return small, moved, Rect(0, 0, *size)


def _u8(values: torch.Tensor) -> np.ndarray:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def mask_picture(invertibility_mask: torch.Tensor, geometry: CropGeometry, rect: Rect) -> np.ndarray:
    """m [S,S] over `rect`, 1 outside the crop: uint8 [rect.h,rect.w]."""
    return _u8(1 - sample_on_photo(1 - invertibility_mask[None], geometry, rect)[0])


def generated_picture(image: torch.Tensor, geometry: CropGeometry, rect: Rect) -> np.ndarray:
    """G(w + d) [3,S,S] in the photograph's geometry: RGBA uint8, transparent outside the crop."""
    colour = sample_on_photo((image + 1) / 2, geometry, rect, outside="border", mode="bicubic")
    return _u8(torch.cat([colour, border_feather(geometry, rect, width=0.004)]).permute(1, 2, 0)).copy()
