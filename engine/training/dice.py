"""Random decisions about one picture, out of a generator of its own (draws.generator)."""

from __future__ import annotations

import torch


class Dice:
    """Draws numbers one after the other; the same generator gives the same numbers."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, low: float, high: float) -> float:
        """Evenly between `low` and `high`."""
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def happens(self, probability: float) -> bool:
        return torch.rand((), generator=self.generator).item() < probability

    def below(self, count: int) -> int:
        """One of 0 … count − 1."""
        return int(torch.randint(count, (), generator=self.generator).item())

    def even(self, *shape: int) -> torch.Tensor:
        """Values in 0…1."""
        return torch.rand(shape, generator=self.generator)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal values."""
        return torch.randn(shape, generator=self.generator)
