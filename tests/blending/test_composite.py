from __future__ import annotations

import pytest
import torch

from engine.blending.composite import FREE, HELD, composite, settled
from tests.blending.pictures import mask, picture


def test_it_is_the_mask_weighted_mean() -> None:
    x, generated, m = picture(30, 40, 1), picture(30, 40, 2), mask("disc", 30, 40)
    expected = m * x + (1 - m) * generated
    torch.testing.assert_close(composite(x, generated, m), torch.where(m < HELD, expected, x))


def test_no_bit_changes_where_the_mask_holds_or_nothing_was_generated_anew() -> None:
    x, generated, m = picture(30, 40, 1), picture(30, 40, 2), mask("clouds", 30, 40)
    generated[..., 20:] = x[..., 20:]
    y = composite(x, generated, m)
    still = ((m >= 0.99).expand_as(y)) | (generated == x)
    assert torch.equal(y[still], x[still])
    assert (y != x)[~still].float().mean() > 0.9


def test_the_ends_of_the_mask() -> None:
    x, generated = picture(9, 1, 1), picture(9, 1, 2)
    assert torch.equal(composite(x, generated, mask("all", 9, 1)), x)
    torch.testing.assert_close(composite(x, generated, mask("none", 9, 1)), generated)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_gives_way(value: float) -> None:
    x, generated, m = torch.full((1, 3, 2, 3), 0.25), torch.full((1, 3, 2, 3), 0.75), torch.zeros(1, 1, 2, 3)
    m[..., 1, :] = 1
    x[..., 0, 0] = generated[..., 0, 1] = generated[..., 1, 1] = value
    m[..., 0, 2] = torch.nan
    expected = torch.tensor([[0.75, 0.25, 0.25], [0.25, 0.25, 0.25]]).expand(1, 3, 2, 3)
    assert torch.equal(composite(x, generated, m), expected)


def test_a_settled_mask_has_clean_ends_and_keeps_its_order() -> None:
    m = torch.linspace(0, 1, 1001)
    s = settled(m)
    assert (s[m <= FREE] == 0).all()
    assert (s[m >= HELD] == 1).all()
    assert (s.diff() >= 0).all()
    assert (s - m).abs().max() <= FREE
    assert torch.equal(settled(torch.tensor([torch.nan, 2.0, -1.0])), torch.tensor([1.0, 1.0, 0.0]))
