"""Synthetic pictures and masks to blend, and the method's linear system written out pixel by pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.blending.poisson import PHOTOGRAPH_WEIGHT


def picture(height: int, width: int, seed: int, grain: int = 8, channels: int = 3) -> Tensor:
    """[1,C,H,W] float32 in 0..1: random, with features about `grain` pixels wide."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, channels, height // grain + 2, width // grain + 2, generator=generator)
    return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False).clamp(0, 1)


def distance(height: int, width: int) -> Tensor:
    """[1,1,H,W]: from the middle, in halves of the shorter side."""
    y = (torch.arange(height) + 0.5 - height / 2)[:, None]
    x = torch.arange(width) + 0.5 - width / 2
    return ((x**2 + y**2).sqrt() / (min(height, width) / 2))[None, None]


def mask(kind: str, height: int, width: int, seed: int = 0) -> Tensor:
    """An invertibility mask [1,1,H,W] float32."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "none":
        return torch.zeros(1, 1, height, width)
    if kind == "all":
        return torch.ones(1, 1, height, width)
    if kind == "hole":
        return (distance(height, width) > 0.8).float()
    if kind == "disc":  # soft
        t = ((distance(height, width) - 0.65) / 0.25).clamp(0, 1)
        return t * t * (3 - 2 * t)
    if kind == "corner":
        one = torch.zeros(1, 1, height, width)
        one[..., 0, 0] = 0.5
        return one
    if kind == "specks":
        return (torch.rand(1, 1, height, width, generator=generator) > 0.95).float()
    if kind == "clouds":
        return (picture(height, width, seed, channels=1) * 2 - 0.5).clamp(0, 1)
    raise ValueError(kind)


KINDS = ("hole", "disc", "corner", "specks", "clouds")


def dense_solution(
    photograph: Tensor, generated: Tensor, invertibility_mask: Tensor, weight: float = PHOTOGRAPH_WEIGHT
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The minimum [C,H,W] of the method's objective for one picture [C,H,W] and m [H,W], by a direct solve in float64.

    Returns y and the system itself: A [K,K] and b [K,C] for the K pixels with m < 1 (in the unknown y), and where
    those are (bool [H,W]).
    """
    x, guide, m = photograph.double(), generated.double(), invertibility_mask.double()
    height, width = m.shape
    free = m < 1
    number = {(int(i), int(j)): n for n, (i, j) in enumerate(torch.nonzero(free))}
    matrix = torch.zeros(len(number), len(number), dtype=torch.float64)
    right = torch.zeros(len(number), len(x), dtype=torch.float64)
    for (i, j), n in number.items():
        matrix[n, n] += weight * m[i, j]
        right[n] += weight * m[i, j] * x[:, i, j]
        for p, q in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if not (0 <= p < height and 0 <= q < width):
                continue
            edge = 1 - (m[i, j] + m[p, q]) / 2
            matrix[n, n] += edge
            right[n] += edge * (guide[:, i, j] - guide[:, p, q])
            if (p, q) in number:
                matrix[n, number[p, q]] -= edge
            else:
                right[n] += edge * x[:, p, q]
    y = x.clone()
    y[:, free] = torch.linalg.solve(matrix, right).T
    return y, matrix, right, free
