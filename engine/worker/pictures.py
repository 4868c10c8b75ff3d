"""Between what clients send and see, and what the pipeline works with: pictures of every kind."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from engine.faces.crop import CropGeometry, Rect
from engine.faces.paste import border_feather, sample_on_photo
from engine.flow_colours import coloured


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
    moved, small = _scaled(geometry, rect, preview)
    part = np.ascontiguousarray(picture[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w])
    if part.dtype != np.uint8:
        part = (np.nan_to_num(part).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    factor = math.ceil(max(rect.w, rect.h) / preview) // 2
    image = Image.fromarray(part)
    if factor > 1:
        image = image.reduce(factor)
    return np.asarray(image.resize((small.w, small.h), Image.Resampling.BILINEAR)), moved, small


def _scaled(geometry: CropGeometry, rect: Rect, most: int) -> tuple[CropGeometry, Rect]:
    """The crop's place in a picture of `rect` alone whose longer side has `most` pixels, and that picture's rect."""
    scale = most / max(rect.w, rect.h)
    size = (max(1, round(rect.w * scale)), max(1, round(rect.h * scale)))
    sx, sy = size[0] / rect.w, size[1] / rect.h
    (ox, oy), (ux, uy) = geometry.origin, geometry.x_axis
    return CropGeometry(((ox - rect.x) * sx, (oy - rect.y) * sy), (ux * sx, uy * sy)), Rect(0, 0, *size)


def _u8(values: torch.Tensor) -> np.ndarray:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def mask_picture(invertibility_mask: torch.Tensor, geometry: CropGeometry, rect: Rect) -> np.ndarray:
    """m [S,S] over `rect`, 1 outside the crop: uint8 [rect.h,rect.w]."""
    return _u8(1 - sample_on_photo(1 - invertibility_mask[None], geometry, rect)[0])


def generated_picture(image: torch.Tensor, geometry: CropGeometry, rect: Rect) -> np.ndarray:
    """G(w + d) [3,S,S] in the photograph's geometry: RGBA uint8, transparent outside the crop."""
    colour = sample_on_photo((image + 1) / 2, geometry, rect, outside="border", mode="bicubic")
    return _u8(torch.cat([colour, border_feather(geometry, rect, width=0.004)]).permute(1, 2, 0)).copy()


def flow_picture(flow: torch.Tensor, geometry: CropGeometry, rect: Rect) -> np.ndarray:
    """The alignment flow [2,S,S] in colours, in the photograph's geometry, no finer than it is: RGBA uint8, transparent
    outside the crop."""
    if max(rect.w, rect.h) > 2 * flow.shape[-1]:
        geometry, rect = _scaled(geometry, rect, 2 * flow.shape[-1])
    colours = torch.from_numpy(coloured(flow.numpy())).permute(2, 0, 1)
    return generated_picture(colours / 127.5 - 1, geometry, rect)
