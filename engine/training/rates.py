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
    """Give every parameter group this learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate
