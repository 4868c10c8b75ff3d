"""Smooth displacement fields over a crop: from scattered points to every pixel, and what is done with them.

*Convention.* Positions and displacements are in crop units (engine.faces.crop). A field is [N,2,S,S]: channel 0 is x,
1 is y, sampled at pixel centres. `warp(image, field)` shows at p what the image has at p + field(p): a field points
to where its pixels come from. Zero is the identity, exactly.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def positions(size: int, device: torch.device | None = None) -> torch.Tensor:
    """Pixel centres of a crop, crop units: [1,2,size,size]."""
    t = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size
    y, x = torch.meshgrid(t, t, indexing="ij")
    return torch.stack([x, y])[None]


def sample(image: torch.Tensor, at: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """Values of `image` [N,C,H,W] at positions `at` [N,2,h,w] in crop units; the border goes on outside."""
    grid = at.permute(0, 2, 3, 1) * 2 - 1
    return F.grid_sample(image, grid, mode=mode, padding_mode="border", align_corners=False)


def warp(image: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """Move the image [N,C,H,W] by a field [N,2,S,S]; the result has the field's size."""
    return sample(image, positions(field.shape[-1], field.device) + field)


def resize(image: torch.Tensor, size: int) -> torch.Tensor:
    """Another square size, bilinear, without aliasing where it shrinks."""
    if image.shape[-1] == size:
        return image
    shrinks = image.shape[-1] > size
    return F.interpolate(image, (size, size), mode="bilinear", align_corners=False, antialias=shrinks)


def blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur of [N,C,H,W]; `sigma` as a fraction of the side, the border goes on outside."""
    pixels = sigma * image.shape[-1]
    radius = max(1, min(int(3 * pixels + 0.5), image.shape[-1] - 1))
    offset = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    taps = torch.exp(-0.5 * (offset / max(pixels, 1e-3)) ** 2)
    taps = taps / taps.sum()
    channels = image.shape[1]
    across = taps.expand(channels, 1, 1, -1)
    image = F.conv2d(F.pad(image, (radius, radius, 0, 0), "replicate"), across, groups=channels)
    image = F.pad(image, (0, 0, radius, radius), "replicate")
    return F.conv2d(image, across.transpose(2, 3), groups=channels)


class ScatteredField:
    """Interpolates displacements known at points by a thin-plate spline, held at zero at anchors.

    The system is solved once for its points; each field is then one matrix product.
    Source: Bookstein, "Principal Warps", IEEE PAMI 1989; smoothing as in Wahba, "Spline Models", 1990.
    """

    def __init__(self, points: torch.Tensor, anchors: torch.Tensor, size: int, smoothing: float = 1e-3) -> None:
        """`points` [K,2] and `anchors` [A,2] in crop units; `smoothing` loosens the points, not the anchors."""
        centres = torch.cat([points, anchors]).double()
        count = len(centres)
        system = torch.zeros(count + 3, count + 3, dtype=torch.float64)
        system[:count, :count] = _thin_plate(centres, centres)
        system[range(len(points)), range(len(points))] += smoothing
        affine = torch.cat([torch.ones(count, 1, dtype=torch.float64), centres], 1)
        system[:count, count:] = affine
        system[count:, :count] = affine.T
        grid = positions(size)[0].flatten(1).T.double()
        kernel = torch.cat([_thin_plate(grid, centres), torch.ones(len(grid), 1, dtype=torch.float64), grid], 1)
        solution = torch.linalg.solve(system, kernel.T).T  # the system is symmetric
        self._weights = solution[:, : len(points)].float()
        self.size = size

    def __call__(self, displacements: torch.Tensor) -> torch.Tensor:
        """Displacements [K,2] of the points → field [1,2,S,S]."""
        return (self._weights @ displacements).T.reshape(1, 2, self.size, self.size)


def backward(field: torch.Tensor, iterations: int = 8) -> torch.Tensor:
    """The field that undoes a motion.

    `field` [1,2,S,S] says where the content of each place goes to: from q to q + field(q). The result says where the
    content of each place comes from, as `warp` wants it: u with u(p) = −field(p + u(p)), by fixed-point iteration,
    which converges for motions without folds.
    """
    here = positions(field.shape[-1], field.device)
    back = -field
    for _ in range(iterations):
        back = -sample(field, here + back)
    return back


def _thin_plate(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    squared = torch.cdist(a, b).square()
    return 0.5 * squared * torch.log(squared + 1e-12)
