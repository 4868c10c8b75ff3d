"""The gradient-domain refinement against a direct solve, and what it must never do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.blending.literal import objective
from engine.blending.poisson import PHOTOGRAPH_WEIGHT, gradient_domain
from tests.blending.pictures import KINDS, dense_solution, mask, picture

SHAPES = ((1, 1), (1, 7), (9, 1), (2, 2), (3, 5), (16, 16), (24, 17), (33, 29))


def case(kind: str, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    return picture(height, width, 1), picture(height, width, 2), mask(kind, height, width)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_a_direct_solve(kind: str, shape: tuple[int, int]) -> None:
    photograph, generated, m = case(kind, *shape)
    if (m == 0).all():
        m[..., 0, 0] = 1  # else nothing says how bright y is
    expected, matrix, right, free = dense_solution(photograph[0], generated[0], m[0, 0])
    found = gradient_domain(photograph, generated, m)
    assert (found.pixels[0] - expected).abs().max() <= 2e-4
    if free.any():
        # in u = y − G, as the solver measures it, but with the matrix that was written out
        u, guide = (t[0].double()[:, free].T for t in (found.pixels - generated, generated))
        b = right - matrix @ guide
        assert ((b - matrix @ u).norm(dim=0) <= 1e-4 * b.norm(dim=0)).all()


@pytest.mark.parametrize("kind", ["hole", "disc", "specks", "clouds"])
def test_the_residual_in_single_precision(kind: str) -> None:
    """Measured in double precision as the objective's gradient, which knows nothing of the solver."""
    photograph, generated, m = case(kind, 256, 211)
    found = gradient_domain(photograph, generated, m)
    assert found.pixels.dtype == torch.float32
    assert found.relative_residual.max() <= 1e-4
    start = torch.where(m < 1, generated, photograph)
    left, begun = (slope(y, photograph, generated, m) for y in (found.pixels, start))
    assert (left.square().sum((2, 3)).sqrt() <= 1e-4 * begun.square().sum((2, 3)).sqrt()).all()


def slope(y: Tensor, photograph: Tensor, generated: Tensor, m: Tensor) -> Tensor:
    """The objective's gradient [N,C,H,W] float64 where m < 1."""
    leaf = y.double().requires_grad_()
    value = objective(leaf, photograph.double(), generated.double(), m.double())
    return torch.autograd.grad(value, leaf)[0] * (m < 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_residual_is_a_small_error(kind: str) -> None:
    """The photograph's part weighs so much that its residual alone would hide errors of several levels elsewhere."""
    photograph, generated, m = case(kind, 200, 260)
    exact = gradient_domain(photograph.double(), generated.double(), m.double(), tolerance=1e-10).pixels
    assert (gradient_domain(photograph, generated, m).pixels - exact).abs().max() < 0.1 / 255


def test_iterations_hardly_depend_on_the_size() -> None:
    for kind in ("hole", "disc", "clouds"):
        counts = [gradient_domain(*case(kind, n, n)).iterations for n in (32, 64, 128, 256)]
        assert max(counts) <= 10, (kind, counts)


class TestWhatIsKept:
    @pytest.mark.parametrize("kind", [*KINDS, "all"])
    def test_no_bit_changes_where_the_photograph_is_held(self, kind: str) -> None:
        photograph, generated, m = case(kind, 40, 53)
        y = gradient_domain(photograph, generated, m).pixels
        held = (m == 1).expand_as(y)
        assert torch.equal(y[held], photograph[held])
        assert kind == "all" or not torch.equal(y, photograph)

    def test_a_full_mask_is_the_photograph_and_an_empty_one_the_generated_picture(self) -> None:
        photograph, generated, _ = case("all", 30, 20)
        assert torch.equal(gradient_domain(photograph, generated, mask("all", 30, 20)).pixels, photograph)
        assert torch.equal(gradient_domain(photograph, generated, mask("none", 30, 20)).pixels, generated)

    @pytest.mark.parametrize("kind", KINDS)
    def test_constants(self, kind: str) -> None:
        m = mask(kind, 64, 49)
        bright, dark = torch.full((1, 3, 64, 49), 0.7), torch.full((1, 3, 64, 49), 0.1)
        torch.testing.assert_close(gradient_domain(bright, dark, m).pixels, bright, rtol=0, atol=1e-4)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_generated_picture_that_is_only_darker_comes_out_as_the_photograph(self, kind: str) -> None:
        photograph = picture(64, 49, 1)
        y = gradient_domain(photograph, photograph - 0.3, mask(kind, 64, 49)).pixels
        torch.testing.assert_close(y, photograph, rtol=0, atol=1e-4)

    def test_strong_masks_hold_the_photograph_as_closely_as_promised(self) -> None:
        photograph, generated, m = case("clouds", 120, 90)
        y = gradient_domain(photograph, generated, m).pixels
        largest = 2 * (photograph - generated).abs().max()
        bound = 4 * (1 - m / 2) / (PHOTOGRAPH_WEIGHT * m) * largest + 1e-4
        assert ((y - photograph).abs() <= bound).all()
        assert (y - photograph).abs()[m.expand_as(y) >= 0.9].max() < 1 / 255

    def test_gradients_inside_a_hole_are_the_generated_ones(self) -> None:
        """Up to a smooth offset: the Laplacian of y − G is zero where all edges weigh the same."""
        photograph, generated, m = (t.double() for t in case("hole", 60, 60))
        u = gradient_domain(photograph, generated, m, tolerance=1e-8).pixels - generated
        inner = u[..., 1:-1, 1:-1]
        laplacian = 4 * inner - u[..., :-2, 1:-1] - u[..., 2:, 1:-1] - u[..., 1:-1, :-2] - u[..., 1:-1, 2:]
        within = torch.nn.functional.max_pool2d(m, 3, stride=1) == 0
        assert laplacian[within.expand_as(laplacian)].abs().max() < 1e-6
        assert u.std() > 0.01


class TestBatches:
    def test_a_batch_equals_its_images(self) -> None:
        kinds = ("hole", "disc", "all", "none", "specks")
        cases = [case(kind, 45, 61) for kind in kinds]
        photographs, generated, masks = (torch.cat(part) for part in zip(*cases, strict=True))
        together = gradient_domain(photographs, generated, masks)
        for n, one in enumerate(cases):
            alone = gradient_domain(*one)
            torch.testing.assert_close(together.pixels[n], alone.pixels[0], rtol=0, atol=1e-4)
        assert together.relative_residual.shape == (len(kinds), 3)

    def test_the_same_input_gives_the_same_bits(self) -> None:
        first, second = (gradient_domain(*case("disc", 70, 90)).pixels for _ in range(2))
        assert torch.equal(first, second)

    def test_inputs_are_left_alone(self) -> None:
        inputs = case("disc", 20, 20)
        copies = [t.clone() for t in inputs]
        gradient_domain(*inputs, opacity=torch.ones(1, 1, 20, 20))
        assert all(torch.equal(a, b) for a, b in zip(inputs, copies, strict=True))


class TestWhatIsMissing:
    def test_a_hole_is_filled_whatever_stood_in_it(self) -> None:
        photograph, generated, m = case("hole", 40, 40)
        torn = torch.where(m > 0, photograph, torch.nan)
        assert torch.equal(
            gradient_domain(torn, generated, m).pixels, gradient_domain(photograph, generated, m).pixels
        )

    def test_a_broken_pixel_of_the_photograph_spoils_nothing_else(self) -> None:
        photograph, generated, m = case("hole", 40, 40)
        edge = torch.nonzero((m[0, 0] == 1) & (mask_next_to_hole(m)))[0].tolist()
        broken = photograph.clone()
        broken[0, 1, edge[0], edge[1]] = torch.inf
        y = gradient_domain(broken, generated, m).pixels
        assert int(y.isfinite().logical_not().sum()) == 1
        whole = gradient_domain(photograph, generated, m).pixels
        near = (y - whole).abs().nan_to_num(0, 0, 0)
        assert near.max() < 0.3
        assert near.mean() < 0.01

    def test_a_broken_generated_pixel_stays_the_photographs(self) -> None:
        photograph, generated, m = case("disc", 40, 40)
        generated[0, 0, 20, 20] = torch.nan
        y = gradient_domain(photograph, generated, m).pixels
        assert y.isfinite().all()
        assert torch.equal(y[..., 20, 20], photograph[..., 20, 20])

    def test_hidden_colour_does_not_count(self) -> None:
        photograph, generated, m = case("disc", 40, 40)
        opacity = torch.ones(1, 1, 40, 40)
        opacity[..., :18] = 0
        other = torch.where(opacity > 0, photograph, 1e3)
        seen, hidden = (gradient_domain(x, generated, m, opacity).pixels for x in (photograph, other))
        assert torch.equal(seen[..., 18:], hidden[..., 18:])
        loose = (m < 1).expand_as(seen)
        assert torch.equal(seen[loose], hidden[loose])

    def test_a_part_that_is_cut_off_is_the_generated_picture(self) -> None:
        photograph, generated, m = case("none", 32, 32)
        m[..., :16, :] = 1
        m[..., 16, :] = 0.5
        m[..., 24, :] = 1
        opacity = torch.ones(1, 1, 32, 32)
        opacity[..., 24, :] = 0  # a wall of which nothing is known, right across
        y = gradient_domain(photograph, generated, m, opacity).pixels
        assert torch.equal(y[..., 25:, :], generated[..., 25:, :])
        assert (y - generated)[..., 17:24, :].abs().max() > 0.05


def mask_next_to_hole(m: Tensor) -> Tensor:
    """Bool [H,W]: a pixel with a neighbour whose m is 0."""
    return torch.nn.functional.max_pool2d((m == 0).float(), 3, stride=1, padding=1)[0, 0] > 0


def test_nonsense_is_refused() -> None:
    photograph, generated, m = case("disc", 20, 20)
    for inputs in (
        (photograph[0], generated[0], m),
        (photograph, generated[..., :-1], m),
        (photograph, generated, m[..., :-1]),
        (photograph, generated, m * 2),
        (photograph, generated, m * torch.nan),
        (photograph.to(torch.uint8), generated.to(torch.uint8), m),
    ):
        with pytest.raises(ValueError, match=r"expected|mask"):
            gradient_domain(*inputs)
