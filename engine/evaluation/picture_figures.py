"""How near a picture is to the photograph, everywhere and inside a region that no method has a say in.

SSIM: Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from engine.evaluation.decomposition_figures import feature_difference
from engine.networks.features import FaceReader
from engine.networks.identity import IdentityReader
from engine.training.losses import psnr

BEST_PSNR = 100.0  # dB; equal pictures have no finite one
_SIGMA, _RADIUS = 1.5, 5  # of SSIM's window, px
_C1, _C2 = 0.01**2, 0.03**2  # of values in 0…1


@dataclass(frozen=True)
class Gauges:
    """The networks that measure."""

    face: FaceReader
    identity: IdentityReader


@dataclass(frozen=True)
class PictureFigures:
    """Of one picture.

    Attributes:
        psnr, ssim, perceptual: over the whole crop; dB, −1…1, and the mean difference of our face reader's features.
        psnr_inside, ssim_inside, perceptual_inside: the same over the fixed in-domain region.
        identity: similarity, −1…1.
        mask_area: mean of the method's own invertibility mask: what of the crop is the photograph itself.
    """

    psnr: float
    ssim: float
    perceptual: float
    psnr_inside: float
    ssim_inside: float
    perceptual_inside: float
    identity: float
    mask_area: float


@torch.no_grad()
def measure_picture(
    y: torch.Tensor, x: torch.Tensor, region: torch.Tensor, mask: torch.Tensor, gauges: Gauges
) -> PictureFigures:
    """Of a picture y and the photograph x [1,3,S,S] in [-1,1]; region and mask [1,1,S,S]."""
    y = y.clamp(-1, 1)
    similar, different = ssim_map(y, x), feature_difference(gauges.face, x, y)
    return PictureFigures(
        decibels(y, x),
        float(similar.mean()),
        float(different.mean()),
        decibels(y, x, region),
        within(similar, region),
        within(different, region),
        float(gauges.identity.similarity(x, y)[0]),
        float(mask.mean()),
    )


def decibels(y: torch.Tensor, x: torch.Tensor, where: torch.Tensor | None = None) -> float:
    """PSNR, at most `BEST_PSNR`."""
    return min(BEST_PSNR, psnr(y, x, where))


def within(values: torch.Tensor, region: torch.Tensor) -> float:
    """Mean of [1,1,S,S] over a region."""
    return float((values * region).sum() / region.sum().clamp(min=1e-6))


def ssim_map(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Structural similarity at every place [N,1,S,S], mean over the channels, of pictures [N,3,S,S] in [-1,1]."""
    a, b = (y + 1) / 2, (x + 1) / 2
    mean_a, mean_b = _window(a), _window(b)
    variance_a, variance_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    together = _window(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * together + _C2) / (variance_a + variance_b + _C2)
    return (light * structure).mean(1, keepdim=True)


def _window(x: torch.Tensor) -> torch.Tensor:
    at = torch.arange(-_RADIUS, _RADIUS + 1, dtype=x.dtype)
    bell = torch.exp(-0.5 * (at / _SIGMA) ** 2)
    kernel = (bell / bell.sum()).expand(x.shape[1], 1, 1, -1)
    padded = F.pad(x, (_RADIUS,) * 4, mode="reflect")
    across = F.conv2d(padded, kernel, groups=x.shape[1])
    return F.conv2d(across, kernel.transpose(2, 3), groups=x.shape[1])
