"""Learning rates over a stage."""

from __future__ import annotations

import math

import torch

from engine.training.recipe import Rate


def rate_at(rate: Rate, step: int, steps: int) -> float:
    """The learning rate of step `step` of `steps`."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    ramp = min(1.0, (step + 1) / (rate.warm_up + 1))
    return ramp * (rate.last + (rate.first - rate.last) * cosine)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group this learning rate, `times` its own factor where it has one."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("times", 1.0)


def ema_share(half_life: int, step: int, batch: int) -> float:
    """By how much the averaged weights move towards the live ones; `half_life` in images, shorter early on."""
    return 1 - 0.5 ** (batch / min(half_life, max(1.0, 0.1 * (step + 1) * batch)))
