"""Figures of pictures: equal ones are perfect, and only what lies in the region counts there."""

from __future__ import annotations

import pytest
import torch

from engine.evaluation.picture_figures import BEST_PSNR, Gauges, measure_picture, ssim_map
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.networks.identity import IdentityReader, IdentityReaderConfig


@pytest.fixture(scope="module")
def gauges() -> Gauges:
    torch.manual_seed(1)
    face = FaceReader(FaceReaderConfig(32, (8, 8, 8), ("age",), FIVE, ("skin",)))
    identity = IdentityReader(IdentityReaderConfig(32, (8, 8, 8), 16, ("age",)))
    return Gauges(face.eval(), identity.eval())


def picture(seed: int) -> torch.Tensor:
    smooth = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(smooth, (64, 64), mode="bilinear")


def half() -> torch.Tensor:
    region = torch.zeros(1, 1, 64, 64)
    region[..., :32] = 1
    return region


def test_the_photograph_itself_is_perfect(gauges: Gauges) -> None:
    x = picture(1)
    found = measure_picture(x, x, half(), torch.zeros(1, 1, 64, 64), gauges)
    assert found.psnr == found.psnr_inside == BEST_PSNR
    assert found.ssim == pytest.approx(1)
    assert (found.perceptual, found.mask_area) == (0, 0)
    assert found.identity == pytest.approx(1)


def test_what_lies_beside_the_region_does_not_count_inside(gauges: Gauges) -> None:
    x = picture(1)
    y = x.clone()
    y[..., 48:] = picture(2)[..., 48:]
    found = measure_picture(y, x, half(), torch.full((1, 1, 64, 64), 0.25), gauges)
    assert found.psnr < 30 < found.psnr_inside == BEST_PSNR
    assert found.ssim < 0.95 < found.ssim_inside
    assert found.perceptual > found.perceptual_inside
    assert found.mask_area == 0.25


def test_structure_is_what_ssim_sees() -> None:
    x = picture(3)
    noisy = x + 0.4 * torch.randn(x.shape, generator=torch.Generator().manual_seed(4))
    lighter = x + 0.1
    assert ssim_map(lighter, x).mean() > 0.9 > ssim_map(noisy, x).mean()
    assert ssim_map(picture(5), x).mean() < 0.5
