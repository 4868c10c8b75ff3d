"""Descending a loss: Adam with a ramped rate, an end where nothing is gained any more, and the best that was seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

WARM_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps
GAIN = 2e-3  # share of the loss by which it must fall within the patience
PREVIEW_EVERY = 10  # steps

StoppedBy = Literal["steps", "plateau", "report"]
Report = Callable[[float, torch.Tensor | None], None]


class KeepBest(Exception):
    """Raised by a report to stop the work there and keep the best so far; whatever else it raises passes through."""


@dataclass(frozen=True)
class Schedule:
    """At most `steps` steps of Adam at the rate `learning_rate`; `patience` in steps."""

    steps: int
    learning_rate: float
    patience: int


@dataclass(frozen=True)
class Descent:
    """The end of it: the variables at their best, the loss before every step, and why it ended."""

    best: tuple[torch.Tensor, ...]
    losses: tuple[float, ...]
    stopped_by: StoppedBy


@torch.enable_grad()
def descend(
    variables: Sequence[torch.Tensor],
    evaluate: Callable[[int], tuple[torch.Tensor, torch.Tensor]],
    schedule: Schedule,
    report: Report,
) -> Descent:
    """Move the variables, in place, to where the loss is least. Deterministic where `evaluate` is.

    The rate rises and falls as in StyleGAN2's projector (Karras et al., CVPR 2020, arXiv 1912.04958, appendix D). Where
    the loss no longer falls, the ramp down begins early; where it does not fall on the ramp either, the work ends.

    Args:
        variables: leaves.
        evaluate: the step's number → the loss, and the picture [1,3,S,S] that it was taken of. Gradients are taken to
            the variables only.
        schedule: see there.
        report: told after each step the fraction done, and every few steps the picture, in [-1,1], else None.
    """
    for variable in variables:
        variable.requires_grad_()
    optimiser = torch.optim.Adam(variables, schedule.learning_rate)
    ramp = round(schedule.steps * (1 - RAMP_DOWN))
    best, least = _copies(variables), math.inf
    losses: list[float] = []
    position, watched_from = 0, 0
    stopped_by: StoppedBy = "steps"
    while position < schedule.steps:
        loss, picture = evaluate(len(losses))
        losses.append(loss.item())
        if losses[-1] < least:
            best, least = _copies(variables), losses[-1]
        optimiser.param_groups[0]["lr"] = schedule.learning_rate * _rate((position + 0.5) / schedule.steps)
        for variable, gradient in zip(variables, torch.autograd.grad(loss, variables), strict=True):
            variable.grad = gradient
        optimiser.step()
        position += 1
        if _is_plateau(losses[watched_from:], schedule.patience):
            stopped_by = "plateau"
            watched_from = len(losses)
            position = ramp if position < ramp else schedule.steps
        shown = picture.detach().clamp(-1, 1) if len(losses) % PREVIEW_EVERY == 1 else None
        try:
            report(position / schedule.steps, shown)
        except KeepBest:
            return Descent(best, tuple(losses), "report")
    return Descent(best, tuple(losses), stopped_by)


def _rate(t: float) -> float:
    """Share of the full rate at the time t in 0…1."""
    down = min(1.0, (1 - t) / RAMP_DOWN)
    return (0.5 - 0.5 * math.cos(math.pi * down)) * min(1.0, t / WARM_UP)


def _is_plateau(losses: list[float], patience: int) -> bool:
    if len(losses) <= patience:
        return False
    return not min(losses[-patience:]) < (1 - GAIN) * min(losses[:-patience])


def _copies(variables: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return tuple(variable.detach().clone() for variable in variables)
