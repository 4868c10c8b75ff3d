"""How far a generated picture is from the render of its parameters. All means, so that shares of a batch average exactly."""

from __future__ import annotations

import torch
import torch.nn.functional as F

# What a look at a face goes to first weighs more.
REGION_WEIGHTS = {
    "background": 0.6, "skin": 1.2, "hair": 0.8, "brows": 2.0, "beard": 1.0, "eyes": 3.0, "lips": 2.0, "mouth": 2.5,
    "ears": 0.8, "cloth": 0.6, "glasses": 2.0,
}  # fmt: skip
STRANDS = ("hair", "beard")
FACE = ("skin", "brows", "beard", "eyes", "lips", "mouth", "glasses")


def region_weights(regions: dict[str, int]) -> torch.Tensor:
    """Weight of each value of the segmentation: [values]."""
    weights = torch.ones(max(regions.values()) + 1)
    for name, value in regions.items():
        weights[value] = REGION_WEIGHTS[name]
    return weights


def reconstruction(y: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Weighted L1 of the pixels, of their means over 4×4, and of their gradients at two scales.

    y, x: [N,3,R,R] in [-1,1]; weight: [N,1,R,R].
    """
    error = y - x
    return (
        (error.abs() * weight).mean()
        + 0.5 * (F.avg_pool2d(error, 4).abs() * F.avg_pool2d(weight, 4)).mean()
        + _gradients(error, weight)
        + 0.5 * _gradients(F.avg_pool2d(error, 2), F.avg_pool2d(weight, 2))
    )


def _gradients(error: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    across = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()


def psnr(y: torch.Tensor, x: torch.Tensor, where: torch.Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [-1,1], over the pixels where `where` [N,1,R,R] is 1."""
    squared = (y.clamp(-1, 1) - x).square()
    mean = squared.mean() if where is None else (squared * where).sum() / (where.sum() * squared.shape[1])
    return float(10 * torch.log10(4 / mean))


def fine_detail(y: torch.Tensor, x: torch.Tensor) -> float:
    """Energy (mean square) of what a 3×3 mean takes away, in y as a share of that in x."""

    def energy(image: torch.Tensor) -> torch.Tensor:
        return (image - F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)).square().mean()

    return float(energy(y.clamp(-1, 1)) / energy(x))
