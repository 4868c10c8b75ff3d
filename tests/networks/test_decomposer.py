"""The decomposer: shapes, conventions, what it starts as; and flows."""

from __future__ import annotations

import re

import pytest
import torch

from engine.networks.decomposer import Comparison, Decomposer, DecomposerConfig
from engine.networks.flow import composed, enlarged, followed, inside, warp

SMALL = DecomposerConfig(32, (8, 16, 16), (16, 16, 8), (3, 2, 1))


@pytest.fixture
def decomposer() -> Decomposer:
    torch.manual_seed(1)
    return Decomposer(SMALL).eval()


def texture(count: int, size: int, seed: int = 1) -> torch.Tensor:
    """Smooth random pictures [count,3,size,size] in about [-1,1]."""
    coarse = torch.rand(count, 3, size // 4, size // 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return enlarged(coarse, size)


def constant(x: float, y: float, size: int) -> torch.Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, size, size)


def test_zero_flow_is_the_identity() -> None:
    image = texture(2, 32)
    assert torch.equal(warp(image, torch.zeros(2, 2, 32, 32)), image)


def test_flow_says_where_to_read() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[..., 20, 24] = 1
    moved = warp(image, constant(4 / 32, 8 / 32, 32))
    assert moved[0, 0, 12, 20] == 1
    assert moved.sum() == 1


def test_flows_add_up_along_the_way() -> None:
    first, then = constant(0.1, 0, 64), constant(0.05, -0.05, 32)
    torch.testing.assert_close(followed(first, then), constant(0.15, -0.05, 64))
    image = texture(1, 64)
    ramp = 0.03 * torch.sin(torch.linspace(0, 6, 64)).expand(1, 2, 64, 64)
    twice = warp(warp(image, ramp), constant(2 / 64, 0, 64))
    at_once = warp(image, composed([ramp, constant(2 / 64, 0, 64)], 64))
    assert (twice - at_once)[..., 8:-8, 8:-8].abs().mean() < 0.01


def test_what_leads_out_of_the_picture_is_outside() -> None:
    shown = inside(constant(0.25, 0, 8))
    assert torch.equal(shown[0, 0, 0], torch.tensor([1.0] * 6 + [0.0] * 2))


def test_the_comparison_finds_a_shift() -> None:
    comparison = Comparison(2)
    features = torch.randn(1, 16, 12, 12, generator=torch.Generator().manual_seed(2))
    shifted = features.roll((1, -2), (2, 3))  # one cell down, two to the left: read there
    found = comparison(features, shifted)[..., 3:-3, 3:-3]
    assert comparison.width == found.shape[1] == 28
    mean, best = found[:, -3:-1], found[:, -1]
    torch.testing.assert_close(best, torch.ones_like(best))
    assert (mean - torch.tensor([-2.0, 1.0]).view(1, 2, 1, 1)).abs().mean() < 0.2


def test_scales_and_the_beginning(decomposer: Decomposer) -> None:
    found = decomposer(texture(2, 48), texture(2, 48, seed=2))
    assert [tuple(logits.shape) for logits in found.logits] == [(2, 1, r, r) for r in (4, 8, 16, 32)]
    assert [tuple(flow.shape) for flow in found.flows] == [(2, 2, r, r) for r in (4, 8, 16)]
    assert found.alignment_flow.shape == (2, 2, 32, 32)
    torch.testing.assert_close(found.invertibility_mask, torch.full((2, 1, 32, 32), 0.5), rtol=0, atol=0.1)


def test_a_shift_is_seen_before_anything_is_learnt(decomposer: Decomposer) -> None:
    x = texture(4, 32)
    still, moved = (
        decomposer(x, x.roll(by, 3)).alignment_flow[..., 8:-8, 8:-8].mean((0, 2, 3)) for by in (0, 3)
    )
    across, down = (moved - still).tolist()
    assert across > 0.5 / 32  # to the right
    assert abs(down) < across


def test_pictures_of_a_batch_do_not_mix(decomposer: Decomposer) -> None:
    torch.nn.init.normal_(decomposer.edge.weight)
    for layer in decomposer.decoders:
        torch.nn.init.normal_(layer.get_parameter("found.weight"), std=0.1)
    x, g = texture(3, 32), texture(3, 32, seed=2)
    together, alone = decomposer(x, g), decomposer(x[1:2], g[1:2])
    torch.testing.assert_close(together.invertibility_mask[1:2], alone.invertibility_mask)
    torch.testing.assert_close(together.alignment_flow[1:2], alone.alignment_flow)
    assert alone.alignment_flow.abs().max() > 0


def test_the_default_is_small() -> None:
    assert sum(parameter.numel() for parameter in Decomposer(DecomposerConfig()).parameters()) < 500_000


def test_the_configuration_goes_into_metadata_and_back() -> None:
    assert DecomposerConfig.from_metadata(SMALL.metadata()) == SMALL


def test_wrong_shapes(decomposer: Decomposer) -> None:
    with pytest.raises(ValueError, match=re.escape("inversion: expected shape [2, 3, H, W]")):
        decomposer(texture(2, 32), texture(1, 32))
    with pytest.raises(ValueError, match="no multiple of 8"):
        DecomposerConfig(size=36)
