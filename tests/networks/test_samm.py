"""SAMM in its published form beside its reference vectors: conventions, batches, caching, errors."""

import re

import pytest
import torch
import torch.nn.functional as F

from engine.networks.samm import PublishedSAMM, compose_masks, merge_masks, warp


@pytest.fixture
def samm() -> PublishedSAMM:
    torch.manual_seed(4)
    return PublishedSAMM(channels=6).eval()


def test_limits(samm: PublishedSAMM) -> None:
    with torch.no_grad():
        feature, alignment = samm(torch.randn(2, 6, 24, 24), torch.randn(2, 6, 24, 24))
    assert feature.shape == (2, 6, 24, 24)
    assert alignment.shape == (2, 3, 24, 24)
    assert alignment[:, :2].abs().max() <= 0.08
    assert alignment[:, 2].min() >= 0
    assert alignment[:, 2].max() <= 1


def test_what_is_prepared_serves_every_edit(samm: PublishedSAMM) -> None:
    encoder_feature = torch.randn(1, 6, 16, 16)
    with torch.no_grad():
        prepared = samm.prepare(encoder_feature)
        for _ in range(2):
            edited = torch.randn(1, 6, 16, 16)
            for ours, whole in zip(samm.align(prepared, edited), samm(encoder_feature, edited), strict=True):
                assert torch.equal(ours, whole)


def test_images_of_a_batch_do_not_mix(samm: PublishedSAMM) -> None:
    e, g = torch.randn(2, 6, 16, 16), torch.randn(2, 6, 16, 16)
    with torch.no_grad():
        together = samm(e, g)[0]
        alone = samm(e[1:], g[1:])[0]
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=0)


def test_split_first_convolution_is_the_whole_one(samm: PublishedSAMM) -> None:
    difference, normalised = torch.randn(1, 6, 16, 16), torch.randn(1, 6, 16, 16)
    head = samm.alignment
    with torch.no_grad():
        x = head.body.body(torch.cat([difference, normalised], dim=1))
        x = torch.cat([0.08 * torch.tanh(x[:, :2]), torch.sigmoid(x[:, 2:])], dim=1)
        whole = F.conv2d(F.pad(x, (2, 1, 2, 1)), head.blur.kernel.expand(3, 1, 4, 4), groups=3)
        split = head(difference, head.prepare(normalised))
    torch.testing.assert_close(split, whole, atol=1e-5, rtol=0)


def test_flow_says_where_to_read() -> None:
    """A positive dx reads further right, so what is seen moves left; dy likewise, downwards and up."""
    feature = torch.zeros(1, 1, 64, 64)
    feature[..., 40, 40] = 1
    step = 2 / 64
    moved = warp(feature, torch.tensor([8 * step, 16 * step]).view(1, 2, 1, 1).expand(1, 2, 64, 64))
    column, row = moved.amax((0, 1, 2)).argmax().item(), moved.amax((0, 1, 3)).argmax().item()
    assert column == pytest.approx(32, abs=1)
    assert row == pytest.approx(24, abs=1)


def test_zero_flow_is_not_the_identity() -> None:
    """Published so: the border fades, because it is read half a pixel outside."""
    still = warp(torch.ones(1, 1, 16, 16), torch.zeros(1, 2, 16, 16))
    torch.testing.assert_close(still[..., 1:-1, 1:-1], torch.ones(1, 1, 14, 14))
    torch.testing.assert_close(still[0, 0, 0, 1:-1], torch.full((14,), 0.5))


def test_merging_of_masks() -> None:
    p = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5])
    q = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5])
    torch.testing.assert_close(merge_masks(p, q), torch.tensor([0.0, 0.0, 0.0, 1.0, 0.5]))


def test_composed_mask() -> None:
    coarse, fine = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 8, 8)
    coarse[:, 2], fine[:, 2] = 0.5, 0.8
    mask = compose_masks([coarse, fine], 16)
    assert mask.shape == (1, 1, 16, 16)
    torch.testing.assert_close(mask, torch.full((1, 1, 16, 16), 0.5 * 0.8 + 0.5 * 0.5))
    with pytest.raises(ValueError, match="no alignment"):
        compose_masks([], 16)


def test_wrong_shapes(samm: PublishedSAMM) -> None:
    with pytest.raises(ValueError, match=re.escape("encoder_feature: expected shape [N, 6, H, W]")):
        samm.prepare(torch.zeros(1, 5, 8, 8))
    with pytest.raises(ValueError, match=re.escape("generator_feature: expected shape [1, 6, 8, 8]")):
        samm(torch.zeros(1, 6, 8, 8), torch.zeros(1, 6, 16, 16))
