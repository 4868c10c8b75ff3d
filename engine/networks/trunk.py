"""The convolutional trunk that both feature networks stand on: small enough for a laptop's CPU.

Group norms only, so that one picture alone gives what it gives in a batch, bit for bit the same every time.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.layers import LEAKY_SLOPE

GROUP = 8  # channels of a group norm's group; every width is a multiple of it


def activated(x: torch.Tensor) -> torch.Tensor:
    """The activation between all layers."""
    return F.leaky_relu(x, LEAKY_SLOPE)


def norm(channels: int) -> nn.GroupNorm:
    """A norm over groups of `GROUP` channels. Raises `ValueError` where they do not divide."""
    if channels % GROUP:
        raise ValueError(f"{channels} channels are no multiple of {GROUP}")
    return nn.GroupNorm(channels // GROUP, channels)


class Residual(nn.Module):
    """x + conv(act(conv(act(norm(x))))), both 3×3; at first the identity. [N,C,H,W] → [N,C,H,W]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(activated(self.first(activated(self.norm(x)))))


class Trunk(nn.Module):
    """Image [N,3,S,S] in [-1,1] → feature maps, `channels[k]` wide, at S/2, S/4, S/8, … (rounded up)."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels[0], 5, 2, 2)
        self.down = nn.ModuleList(
            nn.Sequential(norm(narrow), nn.LeakyReLU(LEAKY_SLOPE), nn.Conv2d(narrow, wide, 3, 2, 1))
            for narrow, wide in pairwise(channels)
        )
        self.blocks = nn.ModuleList(Residual(wide) for wide in channels[1:])

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        maps = [self.stem(image)]
        for down, block in zip(self.down, self.blocks, strict=True):
            maps.append(block(down(maps[-1])))
        return maps


def at_size(image: torch.Tensor, size: int) -> torch.Tensor:
    """[N,3,H,W] → [N,3,size,size], averaging where it shrinks; unchanged where it fits."""
    if image.shape[-2:] == (size, size):
        return image
    return F.interpolate(image, (size, size), mode="bilinear", align_corners=False, antialias=True)
