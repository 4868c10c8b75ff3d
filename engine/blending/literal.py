"""The project's first formulation of blending, kept for comparison.

It differs in two ways. The roles are exchanged: the generated part is kept, and the photograph's part bends to it,
following the photograph's gradients. And the minimum is looked for by gradient descent on the objective, as the loop
of losses did, not by solving the system that its gradient is. `literal_form` has the first with the fast solver,
`descend` the second with any roles.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.blending.poisson import PHOTOGRAPH_WEIGHT, TOLERANCE, Refinement, gradient_domain


def literal_form(
    photograph: Tensor, generated: Tensor, invertibility_mask: Tensor, tolerance: float = TOLERANCE
) -> Refinement:
    """Minimise Σ m · |∇y − ∇x|² + λ · Σ (1 − m) · |y − G|², with y = G where m = 0.

    Where m is 1 all over, nothing says how bright y is but the photograph itself: y is x.

    Args:
        photograph: x [N,C,H,W], any range.
        generated: G, like it.
        invertibility_mask: m [N,1,H,W], 0..1.
        tolerance: relative residual.
    """
    return gradient_domain(generated, photograph, 1 - invertibility_mask, tolerance=tolerance)


def objective(
    y: Tensor,
    photograph: Tensor,
    generated: Tensor,
    invertibility_mask: Tensor,
    photograph_weight: float = PHOTOGRAPH_WEIGHT,
) -> Tensor:
    """Σ (1 − m) · |∇y − ∇G|² + λ · Σ m · |y − x|², summed over all images [N,C,H,W]: a scalar. Differentiable in y."""
    offset, free = y - generated, 1 - invertibility_mask
    across = (free[..., 1:] + free[..., :-1]) / 2 * (offset[..., 1:] - offset[..., :-1]).square()
    down = (free[..., 1:, :] + free[..., :-1, :]) / 2 * (offset[..., 1:, :] - offset[..., :-1, :]).square()
    data = invertibility_mask * (y - photograph).square()
    return across.sum() + down.sum() + photograph_weight * data.sum()


def descend(
    photograph: Tensor,
    generated: Tensor,
    invertibility_mask: Tensor,
    photograph_weight: float = PHOTOGRAPH_WEIGHT,
    tolerance: float = TOLERANCE,
    most: int = 100_000,
) -> Refinement:
    """The minimum that `poisson.gradient_domain` finds, by accelerated gradient descent.

    The step is the reciprocal of the gradient's Lipschitz constant; the momentum is Nesterov's, started anew whenever
    it points uphill (O'Donoghue and Candès, "Adaptive restart for accelerated gradient schemes", 2015). Inputs are
    finite. Ends where the gradient, which is twice the system's residual, has fallen to `tolerance` of what it is
    at y = G: the same measure as the solver's, here over the whole batch.
    """
    free = (invertibility_mask < 1).to(photograph.dtype)
    step = 1 / (2 * (8 + photograph_weight * float((invertibility_mask * free).max())))

    def gradient(y: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = y.detach().requires_grad_()
            value = objective(leaf, photograph, generated, invertibility_mask, photograph_weight)
            return torch.autograd.grad(value, leaf)[0] * free

    y = ahead = torch.where(free > 0, generated, photograph)
    start = float(gradient(y).norm())
    momentum, left, count = 1.0, float(start > 0), 0
    while left > tolerance and count < most:
        count += 1
        downhill = gradient(ahead)
        before, y = y, ahead - step * downhill
        faster = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        uphill = float((downhill * (y - before)).sum()) > 0
        ahead = y if uphill else y + (momentum - 1) / faster * (y - before)
        momentum = 1.0 if uphill else faster
        left = float(downhill.norm()) / start
    return Refinement(y, torch.full(photograph.shape[:2], left), count)
