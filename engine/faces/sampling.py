"""The pixels of a crop: resampled from an image without aliasing, touching only the part that is needed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from engine.faces.crop import CropGeometry, Rect

BATCH = 2**20  # values turned to float, or samples taken, at a time
SOFTENING = 0.02  # standard deviation, in crop units, of the blur outside the image (FFHQ's value)


def sample_crop(image: np.ndarray, geometry: CropGeometry, size: int) -> np.ndarray:
    """The work behind `CropGeometry.extract`, which documents it."""
    if image.ndim != 3 or 0 in image.shape or size < 1:
        raise ValueError(f"expected an image [H,W,C] and a size of at least 1, not {image.shape} and {size}")
    if image.dtype != np.uint8 and not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"expected uint8 or floating values, not {image.dtype}")
    height, width = image.shape[:2]
    step = geometry.side / size  # image pixels per crop pixel
    reduction = max(1, int(step / 2))
    rect = _covering(geometry, width, height, margin=3 * reduction)
    reduced = _reduce(image[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w], reduction)
    samples = max(1, math.ceil(step / reduction - 1e-6))  # per crop pixel and direction
    crop = _sample(reduced, rect, reduction, geometry, size, samples)
    crop = _soften_outside(crop, geometry, width, height)
    if image.dtype == np.uint8:
        crop = crop.clamp(0, 255)
    return crop[0].permute(1, 2, 0).contiguous().numpy()


def crop_positions(size: int, samples: int = 1, first_row: int = 0, rows: int | None = None) -> Tensor:
    """[rows·samples,size·samples,2] float64: positions in crop units, `samples`² of them in each crop pixel."""
    rows = size if rows is None else rows
    count = size * samples
    x = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    y = x[first_row * samples : (first_row + rows) * samples]
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def _covering(geometry: CropGeometry, width: int, height: int, margin: int) -> Rect:
    """The part of the image a crop needs: at least one pixel, the nearest ones if the crop lies outside."""
    rect = geometry.bounds(width, height, margin)
    x, y = min(rect.x, width - 1), min(rect.y, height - 1)
    return rect._replace(x=x, y=y, w=max(rect.w, 1), h=max(rect.h, 1))


def _reduce(region: np.ndarray, factor: int) -> Tensor:
    """[h,w,C] → [1,C,⌈h/factor⌉,⌈w/factor⌉] float32: the mean of every `factor`² pixels, a strip at a time."""
    rows = max(1, BATCH // (factor * region[0].size)) * factor
    strips = []
    for y in range(0, region.shape[0], rows):
        strip = torch.from_numpy(np.ascontiguousarray(region[y : y + rows], dtype=np.float32))
        strip = strip.permute(2, 0, 1)[None]
        strips.append(F.avg_pool2d(strip, factor, ceil_mode=True) if factor > 1 else strip)
    return torch.cat(strips, 2)


def _sample(
    reduced: Tensor, rect: Rect, reduction: int, geometry: CropGeometry, size: int, samples: int
) -> Tensor:
    """[1,C,h,w] → [1,C,size,size]: samples, averaged over each crop pixel, a strip at a time."""
    extent = torch.tensor([reduced.shape[3], reduced.shape[2]], dtype=torch.float64) * reduction
    corner = torch.tensor([rect.x, rect.y], dtype=torch.float64)
    rows = max(1, BATCH // (size * samples**2))
    mode = "bicubic" if geometry.side <= 2 * size else "bilinear"  # averaged, the plain kernel will do
    strips = []
    for row in range(0, size, rows):
        positions = crop_positions(size, samples, row, min(rows, size - row))
        grid = (geometry.crop_to_image(positions) - corner) / extent * 2 - 1
        strip = F.grid_sample(reduced, grid[None].float(), mode, padding_mode="border", align_corners=False)
        strips.append(F.avg_pool2d(strip, samples) if samples > 1 else strip)
    return torch.cat(strips, 2)


def _soften_outside(crop: Tensor, geometry: CropGeometry, width: int, height: int) -> Tensor:
    """Blur the part of a crop [1,C,R,R] outside the image, where the border is drawn out to stripes."""
    corners = geometry.corners
    if corners.min() >= 0 and (corners.max(0) <= (width, height)).all():
        return crop
    at = geometry.crop_to_image(crop_positions(crop.shape[-1]))
    beyond = torch.maximum(-at, at - torch.tensor([width, height])).clamp(min=0).amax(-1) / geometry.side
    weight = (beyond / (2 * SOFTENING)).clamp(max=1).to(crop)
    return torch.lerp(crop, _blurred(crop, SOFTENING * crop.shape[-1]), weight)


def _blurred(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of [N,C,H,W] with repeated borders; `sigma` in pixels."""
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (offsets / max(sigma, 1e-6)) ** 2)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, 1, -1)
    image = F.conv2d(F.pad(image, (radius, radius, 0, 0), "replicate"), kernel, groups=image.shape[1])
    image = F.pad(image, (0, 0, radius, radius), "replicate")
    return F.conv2d(image, kernel.transpose(2, 3), groups=image.shape[1])
