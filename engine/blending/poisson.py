"""Gradient-domain refinement: the photograph is fixed, the generated part bends until no seam is left.

With x the photograph, G the generated picture and m the mask (1: the photograph's pixel stays), the y that minimises

    Σ_edges (1 − m) · |∇y − ∇G|²  +  λ · Σ_pixels m · |y − x|²,        y = x wherever m = 1.

∇ is the difference of two neighbours, the border of the picture is free (no edge leads out of it), and an edge
weighs the mean of its two pixels' 1 − m. In u = y − G this is a symmetric linear system of engine.blending.multigrid:
u is the offset x − G, known where the photograph holds, carried on into the generated part as smoothly as possible.

    Σ_q edge_pq · (u_p − u_q) + λ · m_p · u_p  =  λ · m_p · (x − G)_p        for every p with m < 1

Sources: Pérez, Gangnet, Blake, "Poisson image editing", SIGGRAPH 2003 (the guided interpolation, eq. 3–7); the data
term as in Bhat et al., "GradientShop", ACM TOG 2010.

*λ.* By the maximum principle |y − x| at a pixel is at most 4 · (1 − m/2) / (λ · m) of the largest offset beside it. With
λ = 255 one tenth of full range there moves a pixel of m = 0.8 by less than a third of 1/255. What follows from it:
already an m of 0.01 holds the photograph within a pixel or two. Faint values that mean nothing are to be taken off a
mask beforehand (`engine.blending.composite.settled`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.blending.multigrid import Grid, solve

PHOTOGRAPH_WEIGHT = 255.0  # λ
TOLERANCE = 1e-4  # relative residual
LEFT, RIGHT = (..., slice(None, -1)), (..., slice(1, None))  # the two ends of edges across,
UPPER, LOWER = (..., slice(None, -1), slice(None)), (..., slice(1, None), slice(None))  # and down


@dataclass(frozen=True)
class Refinement:
    """A refined picture.

    Attributes:
        pixels: [N,C,H,W], y.
        relative_residual: [N,C] of the linear system.
        iterations: that the solver took.
    """

    pixels: Tensor
    relative_residual: Tensor
    iterations: int


@torch.no_grad()
def gradient_domain(
    photograph: Tensor,
    generated: Tensor,
    invertibility_mask: Tensor,
    opacity: Tensor | None = None,
    photograph_weight: float = PHOTOGRAPH_WEIGHT,
    tolerance: float = TOLERANCE,
) -> Refinement:
    """Bend the generated picture to the photograph. Differs from the photograph in no bit where m = 1.

    Where m is 0 all over, y is G; where it is 1, the photograph; a hole is m = 0 within m = 1, and nothing of the
    photograph is read there. What is not finite is not used: a photograph's pixel neither holds nor borders anything,
    and in place of a generated one stands the photograph's.

    Args:
        photograph: [N,C,H,W], any range, gamma-encoded as the mask is meant.
        generated: like it.
        invertibility_mask: [N,1,H,W], 0..1: m.
        opacity: [N,1,H,W], 0..1: the photograph's alpha. Colour that cannot be seen does not count.
        photograph_weight: λ.
        tolerance: relative residual; see `multigrid.solve`, also for what it says about the error.
    """
    if photograph.shape != generated.shape or photograph.ndim != 4 or not photograph.is_floating_point():
        found = f"{photograph.dtype} {photograph.shape} and {generated.shape}"
        raise ValueError(f"expected two floating pictures [N,C,H,W], not {found}")
    for name, plane in (("mask", invertibility_mask), ("opacity", opacity)):
        if plane is not None and plane.shape != (len(photograph), 1, *photograph.shape[2:]):
            raise ValueError(f"expected a {name} [N,1,H,W] for {photograph.shape}, not {plane.shape}")
    if not ((invertibility_mask >= 0) & (invertibility_mask <= 1)).all():
        raise ValueError("the mask's values lie in 0..1")
    part = _part_to_solve(invertibility_mask)
    y = photograph.clone()
    residual, iterations = photograph.new_zeros(photograph.shape[:2]), 0
    if part is not None:
        x, guide, m = photograph[part], generated[part], invertibility_mask[part].to(photograph.dtype)
        grid, b, held = system(x, guide, m, None if opacity is None else opacity[part], photograph_weight)
        solution = solve(grid, b, tolerance)
        y[part] = torch.where(held, x, guide + solution.u)
        residual, iterations = solution.relative_residual, solution.iterations
    return Refinement(y, residual, iterations)


def system(
    x: Tensor, guide: Tensor, m: Tensor, opacity: Tensor | None, photograph_weight: float
) -> tuple[Grid, Tensor, Tensor]:
    """The linear system for u = y − G, its right side [N,C,H,W], and where y is the photograph (bool [N,1,H,W])."""
    seen, made = x.isfinite().all(1, keepdim=True), guide.isfinite().all(1, keepdim=True)
    if opacity is not None:
        seen = seen & (opacity > 0)
    held = (m >= 1) | ~made
    offset = torch.where(seen & made, x - guide, 0)
    free, fixed = (~held).to(x), held.to(x)
    anchor = photograph_weight * m * seen * free
    if opacity is not None:
        anchor = anchor * opacity
    b = anchor * offset

    known = made & (seen | ~held)  # an edge needs a gradient, and a held end its colour
    loose, linked = 1 - m, known.to(x)
    edges = []
    for one, other in ((LEFT, RIGHT), (UPPER, LOWER)):
        edge = (loose[one] + loose[other]) / 2 * linked[one] * linked[other]
        for here, there in ((one, other), (other, one)):
            tie = edge * free[here] * fixed[there]  # to an end that is known: it moves to the right side
            anchor[here] += tie
            b[here] += tie * offset[there]
        edges.append(edge * free[one] * free[other])
    grid = Grid(edges[0], edges[1], anchor)
    return (grid if known.all() else _without_loose_parts(grid)), b, held


def _without_loose_parts(grid: Grid) -> Grid:
    """The grid without what no anchor reaches, cut off from the photograph by pixels of which nothing is known.

    Nothing says how bright such a part is but the generated picture: it stays as it is, u = 0.
    """
    reached = grid.anchor > 0
    while True:
        wider = _spread(_spread(reached, grid.across > 0).mT, (grid.down > 0).mT).mT
        if torch.equal(wider, reached):
            return Grid(grid.across * reached[LEFT], grid.down * reached[UPPER], grid.anchor)
        reached = wider


def _spread(reached: Tensor, linked: Tensor) -> Tensor:
    """`reached` [...,W], and all that it is linked to along its row; linked [...,W−1] to the right neighbour."""
    starts = torch.ones_like(reached)
    starts[RIGHT] = ~linked
    run = starts.flatten().cumsum(0) - 1
    hit = run.new_zeros(run.numel(), dtype=torch.bool)
    hit[run[reached.flatten()]] = True
    return hit[run].reshape(reached.shape)


def _part_to_solve(invertibility_mask: Tensor) -> tuple[slice, slice, slice, slice] | None:
    """Rows and columns with pixels that are not held, and one more around; None where there are none."""
    free = (invertibility_mask < 1).any(0)[0]
    if not free.any():
        return None
    rows, columns = (torch.nonzero(free.any(axis))[:, 0] for axis in (1, 0))
    down = slice(max(0, int(rows[0]) - 1), int(rows[-1]) + 2)
    across = slice(max(0, int(columns[0]) - 1), int(columns[-1]) + 2)
    return slice(None), slice(None), down, across
