"""Parameters of a conditional generator → the segmentation of the face it makes, without making it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Self

import torch
import torch.nn.functional as F
from torch import nn

SIZE = 64  # px of the segmentation's side
_FIRST = 4
_WIDTHS = (128, 96, 64, 48)  # at 4, 8, 16, 32 px


class RegionMap(nn.Module):
    """A linear map to 4×4 features, then convolutions that double the size; the last doubling is of the logits."""

    def __init__(self, c_dim: int, regions: int) -> None:
        super().__init__()
        self.first = nn.Linear(c_dim, _WIDTHS[0] * _FIRST**2)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(_WIDTHS))
        self.mixed = nn.Conv2d(_WIDTHS[-1], _WIDTHS[-1], 3, padding=1)
        self.logits = nn.Conv2d(_WIDTHS[-1], regions, 1)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """An untrained map of the sizes in `state`. Raises `KeyError` where a tensor is missing."""
        return cls(state["first.weight"].shape[1], len(state["logits.bias"]))

    def forward(self, c: torch.Tensor) -> torch.Tensor:
        """c [N,P], normalised parameters → logits [N,regions,64,64], over the generated crop."""
        x = F.silu(self.first(c)).unflatten(1, (_WIDTHS[0], _FIRST, _FIRST))
        for conv in self.convs:
            x = F.silu(conv(_doubled(x)))
        return _doubled(self.logits(F.silu(self.mixed(x))))


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
