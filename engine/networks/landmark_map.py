"""Parameters of a conditional generator → the landmarks of the face it makes, without making it.

Learned once from samples of the generator and a landmark network's reading of them; its derivative with respect to a
parameter is how that parameter moves the face, free of what confuses a landmark network in any one picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
import torch.nn.functional as F
from torch import nn


class LandmarkMap(nn.Module):
    """A linear map plus a small correction by an MLP, both into the principal components of the landmarks."""

    mean: torch.Tensor
    components: torch.Tensor

    def __init__(self, c_dim: int, points: int, components: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(c_dim, components)
        self.inner = nn.Linear(c_dim, width)
        self.middle = nn.Linear(width, width)
        self.outer = nn.Linear(width, components)
        nn.init.zeros_(self.outer.weight)
        self.register_buffer("mean", torch.zeros(points, 2))
        self.register_buffer("components", torch.zeros(components, points * 2))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """An untrained map of the sizes in `state`. Raises `KeyError` where a tensor is missing."""
        components, c_dim = state["linear.weight"].shape
        return cls(c_dim, len(state["mean"]), components, len(state["inner.bias"]))

    def forward(self, c: torch.Tensor) -> torch.Tensor:
        """c [N,P], normalised parameters → landmarks [N,points,2] in crop units."""
        hidden = F.silu(self.middle(F.silu(self.inner(c))))
        coefficients = self.linear(c) + self.outer(hidden)
        return self.mean + (coefficients @ self.components).unflatten(1, (-1, 2))
