from __future__ import annotations

import pytest
import torch

from engine.blending.literal import descend, literal_form, objective
from engine.blending.poisson import gradient_domain
from tests.blending.pictures import mask, picture


@pytest.mark.parametrize("kind", ["hole", "disc", "specks"])
def test_descent_arrives_where_the_solver_does(kind: str) -> None:
    x, generated, m = (t.double() for t in (picture(14, 11, 1), picture(14, 11, 2), mask(kind, 14, 11)))
    slow = descend(x, generated, m, tolerance=1e-8)
    fast = gradient_domain(x, generated, m, tolerance=1e-8)
    torch.testing.assert_close(slow.pixels, fast.pixels, rtol=0, atol=1e-5)
    assert slow.relative_residual.max() <= 1e-8
    assert slow.iterations > 5 * fast.iterations


@pytest.mark.parametrize("kind", ["hole", "disc", "specks", "clouds"])
def test_the_solver_is_at_the_objectives_minimum(kind: str) -> None:
    x, generated, m = (t.double() for t in (picture(30, 21, 1), picture(30, 21, 2), mask(kind, 30, 21)))
    y = gradient_domain(x, generated, m, tolerance=1e-9).pixels
    least = objective(y, x, generated, m)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        aside = 1e-3 * torch.randn(y.shape, generator=generator, dtype=y.dtype) * (m < 1)
        assert objective(y + aside, x, generated, m) > least


def test_the_roles_are_exchanged() -> None:
    x, generated, m = picture(40, 40, 1), picture(40, 40, 2), mask("disc", 40, 40)
    y = literal_form(x, generated, m).pixels
    made = (m == 0).expand_as(y)
    assert torch.equal(y[made], generated[made])
    y = literal_form(x, x + 0.2, m).pixels
    torch.testing.assert_close(y, x + 0.2, rtol=0, atol=1e-4)  # the photograph's gradients, the other's light


def test_masks_that_are_all_one_or_all_zero() -> None:
    x, generated = picture(12, 17, 1), picture(12, 17, 2)
    assert torch.equal(literal_form(x, generated, mask("all", 12, 17)).pixels, x)
    assert torch.equal(literal_form(x, generated, mask("none", 12, 17)).pixels, generated)
    for kind, expected in (("all", x), ("none", generated)):
        assert torch.equal(descend(x, generated, mask(kind, 12, 17)).pixels, expected)
