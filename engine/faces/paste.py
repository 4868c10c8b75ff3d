"""The way back from a crop to the photograph's own pixel grid.

What was computed in the crop (masks, ratios, displacement fields) is carried to the photograph: each of its
pixels asks the crop for its value. The photograph's own pixels are never resampled to the crop and back.

Convention: as in `engine.faces.crop`. A displacement field d tells where a pixel's new content is taken from,
new(p) = old(p + d(p)); its channels are x, then y.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.faces.crop import CropGeometry, Rect

BATCH = 2**20  # pixels of the photograph that are sampled at a time
FEATHER = 0.06  # of the crop's side


def sample_on_photo(
    map_in_crop: Tensor,
    geometry: CropGeometry,
    rect: Rect,
    outside: Literal["zero", "border"] = "zero",
    mode: Literal["bilinear", "bicubic"] = "bilinear",
) -> Tensor:
    """The values of a map at the photograph's pixel centres. Differentiable in the map.

    A map finer than the photograph is averaged down first. Where the two grids agree, the map's own numbers.

    Args:
        map_in_crop: [C,h,w] over the whole crop.
        geometry: where the crop lies in the photograph.
        rect: the pixels wanted, usually `geometry.bounds(...)`.
        outside: what pixels outside the crop get: 0, or the nearest value on the crop's border.
        mode: interpolation between the map's pixels.

    Returns:
        [C,rect.h,rect.w].
    """
    if map_in_crop.ndim != 3 or 0 in map_in_crop.shape:
        raise ValueError(f"expected a map [C,h,w], not {tuple(map_in_crop.shape)}")
    reduced = _no_finer_than(map_in_crop, geometry.side)
    strips = []
    for strip in _strips(rect):
        at = positions_in_crop(geometry, strip).to(reduced.device)
        grid = (at * 2 - 1).to(reduced.dtype)[None]
        values = F.grid_sample(reduced[None], grid, mode, padding_mode="border", align_corners=False)[0]
        if outside == "zero":
            values = values * ((at >= 0) & (at <= 1)).all(-1).to(values.dtype)
        strips.append(values)
    return torch.cat(strips, 1) if strips else map_in_crop.new_zeros(len(map_in_crop), rect.h, rect.w)


def displacement_on_photo(
    field: Tensor, geometry: CropGeometry, rect: Rect, outside: Literal["zero", "border"] = "zero"
) -> Tensor:
    """A displacement field in crop units [2,h,w] → one in pixels of the photograph [2,rect.h,rect.w].

    Carried over as `sample_on_photo` does, then turned and scaled with the crop.
    """
    if field.shape[0] != 2:
        raise ValueError(f"a displacement field has two channels, not {field.shape[0]}")
    sampled = sample_on_photo(field, geometry, rect, outside)
    return geometry.vectors_to_image(sampled.permute(1, 2, 0)).permute(2, 0, 1)


def border_feather(geometry: CropGeometry, rect: Rect, width: float = FEATHER) -> Tensor:
    """[1,rect.h,rect.w] float32: 1 inside the crop, falling (smoothstep) to 0 at its border and beyond.

    Args:
        width: of the slope, as a fraction of the crop's side, above 0 and up to 0.5.
    """
    if not 0 < width <= 0.5:
        raise ValueError(f"the width lies in (0, 0.5], not at {width}")
    feather = torch.zeros(1, rect.h, rect.w)
    for strip in _strips(rect):
        at = positions_in_crop(geometry, strip)
        t = (torch.minimum(at, 1 - at).amin(-1).float() / width).clamp(0, 1)
        feather[0, strip.y - rect.y : strip.y - rect.y + strip.h] = t * t * (3 - 2 * t)
    return feather


def warp_photo(photo: np.ndarray, rect: Rect, displacement: Tensor) -> Tensor:
    """Move a photograph's pixels along a displacement field, at the photograph's own resolution.

    Args:
        photo: [H,W,C] uint8 or floating, its border repeated; only `rect` and what the field reaches is read.
        rect: the pixels wanted; within the photograph.
        displacement: [2,rect.h,rect.w] in pixels.

    Returns:
        [C,rect.h,rect.w] float32 in the photograph's values, unclamped; its own numbers where the field is 0.
    """
    _check_rect(rect, photo)
    if displacement.shape != (2, rect.h, rect.w):
        raise ValueError(f"expected a field {(2, rect.h, rect.w)}, not {tuple(displacement.shape)}")
    reach = math.ceil(float(displacement.abs().max())) + 3 if displacement.numel() else 3
    height, width = photo.shape[:2]
    x0, y0 = max(0, rect.x - reach), max(0, rect.y - reach)
    x1, y1 = min(width, rect.x + rect.w + reach), min(height, rect.y + rect.h + reach)
    region = torch.from_numpy(np.ascontiguousarray(photo[y0:y1, x0:x1], dtype=np.float32)).permute(2, 0, 1)
    finer = _doubled(_doubled(region, 2), 1)
    steps = torch.tensor([max(1, 2 * (x1 - x0) - 2), max(1, 2 * (y1 - y0) - 2)], dtype=torch.float64)
    strips = []
    for strip in _strips(rect):
        moved = displacement[:, strip.y - rect.y : strip.y - rect.y + strip.h].permute(1, 2, 0).double().cpu()
        at = pixel_centres(strip) + moved - torch.tensor([x0, y0])
        grid = (2 * (at - 0.5) / steps * 2 - 1).float()[None]
        values = F.grid_sample(finer[None], grid, "bicubic", padding_mode="border", align_corners=True)[0]
        own = region[:, strip.y - y0 : strip.y - y0 + strip.h, rect.x - x0 : rect.x - x0 + rect.w]
        strips.append(torch.where((moved == 0).all(-1), own, values))
    return torch.cat(strips, 1) if strips else torch.zeros(photo.shape[2], rect.h, rect.w)


def _doubled(image: Tensor, axis: int) -> Tensor:
    """Put a sample midway between every two along an axis, by an 8-tap Lanczos filter; the border is repeated.

    Bicubic interpolation on this finer grid keeps the sharpness that it loses on the photograph's own.
    """
    length = image.shape[axis]
    offset = torch.arange(-3.5, 4.0)
    taps = torch.sinc(offset) * torch.sinc(offset / 4)
    index = (torch.arange(length - 1)[:, None] + torch.arange(-3, 5)).clamp(0, length - 1)
    between = sum(
        tap * image.index_select(axis, index[:, k]) for k, tap in enumerate((taps / taps.sum()).tolist())
    )
    shape = list(image.shape)
    shape[axis] = 2 * length - 1
    finer = image.new_empty(shape)
    even = torch.arange(0, 2 * length - 1, 2)
    finer.index_copy_(axis, even, image)
    if length > 1:
        finer.index_copy_(axis, even[:-1] + 1, torch.as_tensor(between))
    return finer


def blend(photo: np.ndarray, rect: Rect, pixels: Tensor, weight: Tensor) -> np.ndarray:
    """A copy of the photograph with new pixels blended in, gamma-encoded as they are.

    Where the weight is 0, and outside `rect`, the copy is byte for byte the photograph.

    Args:
        photo: [H,W,C] uint8.
        rect: where the pixels go; within the photograph.
        pixels: [C,rect.h,rect.w], 0..255; clipped.
        weight: [1,rect.h,rect.w], 0..1: 1 takes the new pixel.
    """
    _check_rect(rect, photo)
    if photo.dtype != np.uint8:
        raise ValueError(f"expected a photograph in uint8, not {photo.dtype}")
    blended = photo.copy()
    region = blended[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w]
    share = weight[0].detach().cpu().numpy().astype(np.float32)[..., None]
    new = pixels.detach().permute(1, 2, 0).cpu().numpy().astype(np.float32)
    mixed = np.clip(np.rint(region + share * (new - region)), 0, 255)
    np.copyto(region, mixed.astype(np.uint8), where=share > 0)
    return blended


def pixel_centres(rect: Rect) -> Tensor:
    """[rect.h,rect.w,2] float64: the centres of the photograph's pixels, in image coordinates."""
    x = torch.arange(rect.x, rect.x + rect.w, dtype=torch.float64) + 0.5
    y = torch.arange(rect.y, rect.y + rect.h, dtype=torch.float64) + 0.5
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def positions_in_crop(geometry: CropGeometry, rect: Rect) -> Tensor:
    """[rect.h,rect.w,2] float64: the centres of the photograph's pixels, in crop units."""
    first_row, first_column = rect._replace(h=1), rect._replace(w=1)
    across = geometry.image_to_crop(pixel_centres(first_row))
    down = geometry.image_to_crop(pixel_centres(first_column))
    return across + (down - across[:, :1])  # affine: a row's step and a column's step add up


def _no_finer_than(map_in_crop: Tensor, side: float) -> Tensor:
    """A map [C,h,w] with at most one pixel per pixel of the photograph; the crop is `side` of those wide."""
    most = max(1, math.ceil(side - 1e-6))
    h, w = (min(length, most) for length in map_in_crop.shape[1:])
    if (h, w) == tuple(map_in_crop.shape[1:]):
        return map_in_crop
    return F.interpolate(map_in_crop[None], (h, w), mode="bilinear", align_corners=False, antialias=True)[0]


def _strips(rect: Rect) -> list[Rect]:
    """`rect` in pieces of full width and about `BATCH` pixels."""
    if rect.w == 0:
        return []
    rows = max(1, BATCH // rect.w)
    return [rect._replace(y=rect.y + top, h=min(rows, rect.h - top)) for top in range(0, rect.h, rows)]


def _check_rect(rect: Rect, photo: np.ndarray) -> None:
    if photo.ndim != 3:
        raise ValueError(f"expected a photograph [H,W,C], not {photo.shape}")
    if min(rect) < 0 or rect.x + rect.w > photo.shape[1] or rect.y + rect.h > photo.shape[0]:
        raise ValueError(f"{rect} does not lie within {photo.shape[1]} × {photo.shape[0]} pixels")
