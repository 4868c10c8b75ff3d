from __future__ import annotations

import pytest
import torch

from engine.blending.multigrid import Grid, Solution, _prolonged, _restricted, _v_cycle, solve

SHAPES = ((1, 1), (1, 9), (12, 1), (2, 3), (17, 24), (33, 41))


def random_grid(height: int, width: int, seed: int = 0, images: int = 1, anchored: float = 0.1) -> Grid:
    generator = torch.Generator().manual_seed(seed)
    across = torch.rand(images, 1, height, width - 1, generator=generator)
    down = torch.rand(images, 1, height - 1, width, generator=generator)
    anchor = (torch.rand(images, 1, height, width, generator=generator) < anchored).float()
    anchor[..., 0, 0] = 1
    return Grid(across, down, anchor)


def in_double(grid: Grid) -> Grid:
    return Grid(grid.across.double(), grid.down.double(), grid.anchor.double())


def dense(grid: Grid) -> torch.Tensor:
    """A [HW,HW] float64 of one image, by its definition."""
    width = grid.anchor.shape[-1]
    matrix = torch.diag(grid.anchor.double().flatten())
    for edges, step in ((grid.across, 1), (grid.down, width)):
        for i, j in torch.nonzero(edges[0, 0]).tolist():
            p, q, edge = i * width + j, i * width + j + step, float(edges[0, 0, i, j])
            matrix[p, p] += edge
            matrix[q, q] += edge
            matrix[p, q] -= edge
            matrix[q, p] -= edge
    return matrix


def noise(height: int, width: int, seed: int = 1, images: int = 1, channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images, channels, height, width, generator=generator)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_stencil_is_the_matrix(shape: tuple[int, int]) -> None:
    grid, u = in_double(random_grid(*shape)), noise(*shape).double()
    expected = (u.flatten(2) @ dense(grid)).reshape(u.shape)
    torch.testing.assert_close(grid.apply(u), expected)
    torch.testing.assert_close(grid.residual(u, u), u - expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_a_direct_solve(shape: tuple[int, int]) -> None:
    grid, b = random_grid(*shape), noise(*shape)
    found = solve(grid, b, 1e-5)
    expected = torch.linalg.solve(dense(grid), b.double().flatten(2)[0].T).T.reshape(b.shape)
    assert (found.u - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert found.relative_residual.shape == (1, 2)
    assert found.relative_residual.max() <= 1e-5


@pytest.mark.parametrize("length", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("axis", [-1, -2])
def test_restriction_is_the_transpose_of_prolongation(length: int, axis: int) -> None:
    shapes = {-1: ((3, (length + 1) // 2), (3, length)), -2: (((length + 1) // 2, 3), (length, 3))}[axis]
    coarse, fine = noise(*shapes[0]).double(), noise(*shapes[1]).double()
    torch.testing.assert_close(
        (_prolonged(coarse, axis, length) * fine).sum(), (coarse * _restricted(fine, axis)).sum()
    )
    assert torch.equal(_prolonged(torch.ones_like(coarse), axis, length), torch.ones_like(fine))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_preconditioner_is_symmetric_and_positive(shape: tuple[int, int]) -> None:
    """Else conjugate gradients would not be what they are."""
    grid = in_double(random_grid(*shape))
    levels = [grid]
    while max(levels[-1].anchor.shape[-2:]) > 1:
        levels.append(levels[-1].coarser())
    a, b = noise(*shape, seed=2).double(), noise(*shape, seed=3).double()
    torch.testing.assert_close((a * _v_cycle(levels, b)).sum(), (_v_cycle(levels, a) * b).sum())
    assert (a * _v_cycle(levels, a)).sum() > 0


def test_images_and_channels_do_not_touch_each_other() -> None:
    grid, b = random_grid(40, 56, images=3), noise(40, 56, images=3, channels=3)
    b[1, 2] = 0
    b[2] *= 1e-3
    together = solve(grid, b)
    alone = [
        [
            solve(
                Grid(grid.across[n : n + 1], grid.down[n : n + 1], grid.anchor[n : n + 1]),
                b[n : n + 1, c : c + 1],
            )
            for c in range(3)
        ]
        for n in range(3)
    ]
    for n in range(3):
        for c in range(3):
            torch.testing.assert_close(together.u[n, c], alone[n][c].u[0, 0], rtol=1e-6, atol=1e-7)
    assert together.iterations == max(one.iterations for row in alone for one in row)
    assert (together.u[1, 2] == 0).all()


def test_without_any_anchor_the_answer_is_the_nearest_to_zero() -> None:
    grid = random_grid(20, 30)
    loose = Grid(grid.across, grid.down, torch.zeros_like(grid.anchor))
    assert torch.equal(solve(loose, torch.zeros(1, 3, 20, 30)).u, torch.zeros(1, 3, 20, 30))


def test_pixels_without_ties_stay_zero() -> None:
    nothing = Grid(torch.zeros(1, 1, 4, 5), torch.zeros(1, 1, 3, 6), torch.zeros(1, 1, 4, 6))
    nothing.anchor[..., 1, 2] = 2
    b = torch.zeros(1, 1, 4, 6)
    b[..., 1, 2] = 6
    assert torch.equal(solve(nothing, b).u, b / 2)


def test_the_number_of_iterations_hardly_depends_on_the_size() -> None:
    counts = [solve(random_grid(n, n, anchored=1e-3), noise(n, n)).iterations for n in (32, 64, 128, 256)]
    assert max(counts) <= 12, counts


def test_the_same_system_gives_the_same_bits() -> None:
    def once() -> Solution:
        return solve(random_grid(63, 50), noise(63, 50))

    assert torch.equal(once().u, once().u)
