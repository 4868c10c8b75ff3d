"""No seam along the mask's border, where the plain composite leaves one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.blending.composite import composite, settled
from engine.blending.poisson import gradient_domain
from tests.blending.pictures import distance, picture
from tests.blending.seams import seamless

SIZE = 160


def blended(photograph: Tensor, generated: Tensor, m: Tensor) -> Tensor:
    """As GIMP shows it: y in the layer, 1 − m as its mask."""
    return composite(photograph, gradient_domain(photograph, generated, settled(m)).pixels, m)


def soft_disc(width: float) -> Tensor:
    """m [1,1,SIZE,SIZE]: 0 within half the picture, rising over `width` pixels to 1."""
    t = (distance(SIZE, SIZE) - 0.5) * SIZE / 2 / width
    return t.clamp(0, 1)


def photograph() -> Tensor:
    """Smooth, with a little grain as photographs have it."""
    generator = torch.Generator().manual_seed(5)
    grain = torch.randn(1, 3, SIZE, SIZE, generator=generator)
    return 0.2 + 0.5 * picture(SIZE, SIZE, 1, 64) + 0.003 * grain


def other_light(x: Tensor, kind: str) -> Tensor:
    if kind == "brighter":
        return x + 0.25
    if kind == "tinted":
        return x + torch.tensor([0.2, -0.1, 0.15])[:, None, None]
    return x + torch.linspace(-0.3, 0.3, SIZE)  # lit from the other side


@pytest.mark.parametrize("kind", ["brighter", "tinted", "lit"])
@pytest.mark.parametrize("width", [0.01, 4.0, 10.0])
def test_another_light_leaves_no_seam(kind: str, width: float) -> None:
    x, m = photograph(), soft_disc(width)
    generated = other_light(x, kind)
    assert seamless(blended(x, generated, m), x, m)
    assert not seamless(composite(x, generated, m), x, m)


@pytest.mark.parametrize("width", [0.01, 10.0])
def test_another_texture_leaves_no_seam(width: float) -> None:
    x, m = photograph(), soft_disc(width)
    generated = 0.4 + 0.5 * picture(SIZE, SIZE, 9, 32)
    y = blended(x, generated, m)
    assert seamless(y, x, m)
    inside = (distance(SIZE, SIZE) < 0.45).expand_as(y)
    assert (y - x)[inside].abs().max() > 0.1


@pytest.mark.parametrize("width", [0.01, 4.0, 10.0])
def test_nothing_changes_where_the_mask_holds(width: float) -> None:
    x, m = photograph(), soft_disc(width)
    y = blended(x, other_light(x, "brighter"), m)
    held = (m >= 0.99).expand_as(y)
    assert torch.equal(y[held], x[held])


def test_a_faint_mask_does_not_undo_the_edit() -> None:
    """A detector that is never quite sure of anything says 0.02 all over the face."""
    x = photograph()
    m = soft_disc(4.0).clamp(min=0.02)
    generated = x.clone()
    generated[..., 70:90, 70:90] += 0.2
    middle = (..., slice(74, 86), slice(74, 86))
    assert (blended(x, generated, m) - x)[middle].min() > 0.15
    literal = gradient_domain(x, generated, m).pixels
    assert (literal - x)[middle].abs().max() < 0.05


def test_a_hole_is_filled_without_a_seam() -> None:
    """As restoration does it: what is in the hole is lost, the guide is darker than the photograph was."""
    x, m = photograph(), soft_disc(0.01).round()
    torn = torch.where(m == 1, x, torch.nan)
    y = gradient_domain(torn, x * 0.8 - 0.05, m).pixels
    assert seamless(y, x, m)
    assert (y - x).abs().mean() < 0.03
