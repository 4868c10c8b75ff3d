"""A symmetric linear system on the pixel grid, solved by conjugate gradients preconditioned with multigrid.

Every pixel is tied to its four neighbours by edges, and to zero by its anchor (both ≥ 0):

    (A u)_p = anchor_p · u_p + Σ_q edge_pq · (u_p − u_q)

One V-cycle of cell-centred multigrid is the preconditioner: coarser grids of half the pixels, bilinear prolongation
and its transpose, two Chebyshev steps of Jacobi's iteration before and after. Conjugate gradients make up for the
places where the coarse grids do not see the fine one's walls. Work and memory are linear in the pixels, the number
of iterations hardly depends on them.

Sources: Trottenberg, Oosterlee, Schüller, "Multigrid", 2001 (cell-centred coarsening 2.8.4, multigrid as a
preconditioner 7.8); Adams et al., "Parallel multigrid smoothing", J. Comput. Phys. 2003 (Chebyshev); Hestenes and
Stiefel, J. Res. NBS 1952 (conjugate gradients).

*Convention.* A tensor of pixels is [N,C,H,W]; what belongs to the grid is [N,1,H,W] and serves all C channels. An
edge `across` [N,1,H,W−1] ties pixel (y, x) to (y, x + 1), `down` [N,1,H−1,W] ties (y, x) to (y + 1, x).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

# Chebyshev's points for eigenvalues of D⁻¹A from 0.5 to 2: what the next coarser grid cannot represent.
FIRST, SECOND = 1 / (1.25 + 0.75 * 0.5**0.5), 1 / (1.25 - 0.75 * 0.5**0.5)
STEP = 5  # an iteration leaves at most a fifth of the last one's change as error (measured)


@dataclass(frozen=True)
class Grid:
    """The system's matrix A. A pixel with neither edges nor anchor is no unknown: it stays 0.

    Attributes:
        across: [N,1,H,W−1] edges to the right neighbour.
        down: [N,1,H−1,W] edges to the neighbour below.
        anchor: [N,1,H,W] ties to zero.
    """

    across: Tensor
    down: Tensor
    anchor: Tensor

    @cached_property
    def diagonal(self) -> Tensor:
        """[N,1,H,W]: a pixel's anchor and edges together."""
        diagonal = self.anchor.clone()
        for pixels, edges in _sides(diagonal, self):
            pixels += edges
        return diagonal

    @cached_property
    def inverse_diagonal(self) -> Tensor:
        """[N,1,H,W]: 1 / diagonal, 0 where there is no unknown."""
        unknown = self.diagonal > 0
        return torch.where(unknown, 1 / torch.where(unknown, self.diagonal, 1), 0)

    @cached_property
    def unknown(self) -> Tensor:
        """[N,1,H,W]: 1 where the system has an unknown, 0 elsewhere."""
        return (self.diagonal > 0).to(self.diagonal.dtype)

    def apply(self, u: Tensor) -> Tensor:
        """A u [N,C,H,W]."""
        return _less_neighbours(self.diagonal * u, self, u)

    def residual(self, b: Tensor, u: Tensor) -> Tensor:
        """b − A u [N,C,H,W]."""
        return _less_neighbours(torch.addcmul(b, self.diagonal, u, value=-1), self, u, -1)

    def coarser(self) -> Grid:
        """The grid of half the pixels: an edge is one twice as long and twice as wide, anchors add up."""
        return _halved(_halved(self, -1), -2)


@dataclass(frozen=True)
class Solution:
    """What `solve` found.

    Attributes:
        u: [N,C,H,W].
        relative_residual: [N,C], |b − A u| / |b|, computed anew at the end; 0 where b is 0.
        iterations: of conjugate gradients, each with one V-cycle.
    """

    u: Tensor
    relative_residual: Tensor
    iterations: int


@torch.no_grad()
def solve(grid: Grid, b: Tensor, tolerance: float = 1e-4, most: int = 100) -> Solution:
    """The u [N,C,H,W] with A u = b, starting from 0. Deterministic; images and channels do not touch each other.

    Where strong anchors outweigh the rest, a small residual alone says little about u far from them. So an iteration
    ends the work only when |b − A u| ≤ tolerance · |b| and, by what it changed, max |error| ≤ tolerance · max |u|.
    A part of an image without any anchor gets the solution that is nearest to 0 or, where other parts are anchored,
    one that differs from it by a constant.

    Args:
        grid: A, of one floating type with b.
        b: [N,C,H,W], 0 where the grid has no unknown.
        tolerance: of single precision: not below 1e-6.
        most: iterations at which the work ends whatever the residual is.
    """
    levels = [grid]
    while max(levels[-1].anchor.shape[-2:]) > 1:
        levels.append(levels[-1].coarser())
    u, residual = torch.zeros_like(b), b.clone()
    goal = tolerance * _norm(b)
    working = goal > 0
    towards = z = _v_cycle(levels, residual)
    energy = _dot(residual, z)
    iterations = 0
    while working.any() and iterations < most:
        iterations += 1
        image = grid.apply(towards)
        # an image or channel that has arrived stays as it is while others go on
        length = torch.where(working, energy / _positive(_dot(towards, image)), 0)
        u.addcmul_(length, towards)
        residual.addcmul_(length, image, value=-1)
        changed = length.abs() * _largest(towards)
        arrived = (_norm(residual) <= goal) & (changed <= STEP * tolerance * _largest(u))
        working = working & ~arrived
        if working.any():
            z = _v_cycle(levels, residual)
            before, energy = energy, _dot(residual, z)
            towards = torch.addcmul(z, energy / _positive(before), towards)
    left = _norm(grid.residual(b, u)) / _positive(_norm(b))
    return Solution(u, left[..., 0, 0], iterations)


def _v_cycle(levels: list[Grid], b: Tensor) -> Tensor:
    """About A⁻¹ b, starting from 0: symmetric in b, as conjugate gradients need it."""
    grid, *coarser = levels
    u = grid.inverse_diagonal * b
    if not coarser:
        return u  # a single pixel: exact
    u *= FIRST
    _relax(grid, b, u, SECOND)
    below = _v_cycle(coarser, _restricted(_restricted(grid.residual(b, u), -2), -1))
    height, width = u.shape[-2:]
    u.addcmul_(grid.unknown, _prolonged(_prolonged(below, -1, width), -2, height))
    _relax(grid, b, u, SECOND)
    _relax(grid, b, u, FIRST)
    return u


def _relax(grid: Grid, b: Tensor, u: Tensor, step: float) -> None:
    """One damped step of Jacobi's iteration, in place."""
    u.addcmul_(grid.inverse_diagonal, grid.residual(b, u), value=step)


def _less_neighbours(result: Tensor, grid: Grid, u: Tensor, sign: int = 1) -> Tensor:
    """`result` − sign · Σ_q edge_pq · u_q, in place."""
    neighbours = (u[..., 1:], u[..., :-1], u[..., 1:, :], u[..., :-1, :])
    for (pixels, edges), other in zip(_sides(result, grid), neighbours, strict=True):
        pixels.addcmul_(edges, other, value=-sign)
    return result


def _sides(pixels: Tensor, grid: Grid) -> tuple[tuple[Tensor, Tensor], ...]:
    """Views of the pixels that have a neighbour at the right, the left, below, above; and the edges to those."""
    return (
        (pixels[..., :-1], grid.across),
        (pixels[..., 1:], grid.across),
        (pixels[..., :-1, :], grid.down),
        (pixels[..., 1:, :], grid.down),
    )


def _halved(grid: Grid, axis: int) -> Grid:
    """Pixels taken together in twos along an axis. Edges along it are twice as long: half as stiff."""
    along, beside = (grid.across, grid.down) if axis == -1 else (grid.down, grid.across)
    along = 0.5 * (along[..., 1::2] if axis == -1 else along[..., 1::2, :])
    beside = _even(beside, axis) + _odd(beside, axis)
    anchor = _even(grid.anchor, axis) + _odd(grid.anchor, axis)
    return Grid(along, beside, anchor) if axis == -1 else Grid(beside, along, anchor)


def _restricted(fine: Tensor, axis: int) -> Tensor:
    """Sums over an axis with weights ¼ ¾ ¾ ¼, half as many: the transpose of `_prolonged`."""
    even, odd = _even(fine, axis), _odd(fine, axis)
    last = even.shape[axis] - 1
    coarse = even + odd
    coarse *= 0.75
    coarse.narrow(axis, 1, last).add_(odd.narrow(axis, 0, last), alpha=0.25)
    coarse.narrow(axis, 0, last).add_(even.narrow(axis, 1, last), alpha=0.25)
    coarse.narrow(axis, 0, 1).add_(even.narrow(axis, 0, 1), alpha=0.25)
    coarse.narrow(axis, last, 1).add_(odd.narrow(axis, last, 1), alpha=0.25)
    return coarse


def _prolonged(coarse: Tensor, axis: int, length: int) -> Tensor:
    """Linear interpolation along an axis to `length` pixels, of which two lie in each coarse one."""
    last = coarse.shape[axis] - 1
    even, odd = 0.75 * coarse, 0.75 * coarse
    even.narrow(axis, 1, last).add_(coarse.narrow(axis, 0, last), alpha=0.25)
    even.narrow(axis, 0, 1).add_(coarse.narrow(axis, 0, 1), alpha=0.25)
    odd.narrow(axis, 0, last).add_(coarse.narrow(axis, 1, last), alpha=0.25)
    odd.narrow(axis, last, 1).add_(coarse.narrow(axis, last, 1), alpha=0.25)
    at = coarse.ndim + axis
    return torch.stack((even, odd), at + 1).flatten(at, at + 1).narrow(axis, 0, length)


def _even(values: Tensor, axis: int) -> Tensor:
    """Every second pixel along an axis, from the first."""
    return values[..., ::2] if axis == -1 else values[..., ::2, :]


def _odd(values: Tensor, axis: int) -> Tensor:
    """Every second pixel along an axis, from the second; a last one without partner is paired with 0."""
    if values.shape[axis] % 2:
        values = F.pad(values, (0, 1) if axis == -1 else (0, 0, 0, 1))
    return values[..., 1::2] if axis == -1 else values[..., 1::2, :]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Σ a·b of each image and channel [N,C,1,1]."""
    return (a * b).sum((-2, -1), keepdim=True)


def _norm(values: Tensor) -> Tensor:
    """√Σ v² of each image and channel [N,C,1,1]."""
    return _dot(values, values).sqrt()


def _largest(values: Tensor) -> Tensor:
    """max |v| of each image and channel [N,C,1,1]."""
    return values.abs().amax((-2, -1), keepdim=True)


def _positive(values: Tensor) -> Tensor:
    """Fit to divide by: what is 0, because nothing is left to do, becomes 1."""
    return torch.where(values > 0, values, 1)
