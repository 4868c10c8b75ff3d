"""Moving a picture and all its labels by one and the same affine map, so that nobody relies on the crop being exact.

*Convention.* Points are in crop units, corner-based (engine.faces.crop); a point p of the picture goes to
`linear · (p − ½) + ½ + shift`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from engine.training.dice import Dice

_ANGLE = math.radians(14)
_SCALE = 0.18  # natural logarithm
_ASPECT = 0.07  # heads are longer or broader than the renderer's
_SHIFT = 0.07  # of the crop's side


@dataclass(frozen=True)
class Jitter:
    """One picture's map.

    Attributes:
        linear: [2,2].
        shift: [2] crop units.
        mirrored: whether `linear` swaps left and right: then what is called left becomes what is called right.
    """

    linear: torch.Tensor
    shift: torch.Tensor
    mirrored: bool

    @classmethod
    def draw(cls, dice: Dice, strength: float = 1.0) -> Jitter:
        """A random one; `strength` scales how far it goes. Every other one is mirrored."""
        mirrored = dice.happens(0.5)
        angle = strength * dice.uniform(-_ANGLE, _ANGLE)
        aspect = math.exp(strength * dice.uniform(-_ASPECT, _ASPECT))
        scale = math.exp(strength * dice.uniform(-_SCALE, _SCALE))
        shift = strength * torch.tensor([dice.uniform(-_SHIFT, _SHIFT), dice.uniform(-_SHIFT, _SHIFT)])
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        stretch = torch.tensor([(-1.0 if mirrored else 1.0) * aspect, 1 / aspect])
        return cls(scale * turn * stretch, shift, mirrored)

    @classmethod
    def none(cls, mirrored: bool = False) -> Jitter:
        """Nothing but, if wanted, the mirror image."""
        return cls(torch.diag(torch.tensor([-1.0 if mirrored else 1.0, 1.0])), torch.zeros(2), mirrored)

    def points(self, points: torch.Tensor) -> torch.Tensor:
        """Where points [...,2] of the picture go; they keep their order."""
        return (points - 0.5) @ self.linear.T + 0.5 + self.shift

    def theta(self) -> torch.Tensor:
        """[2,3] for `affine_grid`: from the result's coordinates back to the picture's, both −1…1."""
        back = torch.linalg.inv(self.linear)
        return torch.cat([back, -2 * (back @ self.shift)[:, None]], 1)


def moved_pictures(pictures: torch.Tensor, jitters: Sequence[Jitter]) -> torch.Tensor:
    """Pictures [N,3,S,S], each by its own map; bilinear, the border repeated outside."""
    return F.grid_sample(
        pictures, _grid(pictures.shape, jitters), "bilinear", padding_mode="border", align_corners=False
    )


def moved_labels(labels: torch.Tensor, jitters: Sequence[Jitter], size: int) -> torch.Tensor:
    """Labels [N,S,S] uint8, each by its own map → [N,size,size]: the nearest; the border repeated outside."""
    grid = _grid(torch.Size((len(labels), 1, size, size)), jitters)
    moved = F.grid_sample(labels[:, None].float(), grid, "nearest", padding_mode="border", align_corners=False)
    return moved[:, 0].to(labels.dtype)


def _grid(shape: torch.Size, jitters: Sequence[Jitter]) -> torch.Tensor:
    theta = torch.stack([jitter.theta() for jitter in jitters])
    return F.affine_grid(theta, list(shape), align_corners=False)


def mirror_order(names: Sequence[str]) -> list[int]:
    """For each named point, which one takes its place in the mirror image.

    “left” and “right” change places. Rows without a side run from one side to the other (jaw_0 … jaw_16,
    lip_top_0 … lip_top_4), those of the nose from top to bottom.

    Raises:
        ValueError: a name has no partner.
    """
    rows: dict[str, list[int]] = {}
    for name in names:
        stem, _, number = name.rpartition("_")
        if number.isdigit():
            rows.setdefault(stem, []).append(int(number))
    return [names.index(_partner(name, rows)) for name in names]


def _partner(name: str, rows: dict[str, list[int]]) -> str:
    for side, other in (("left", "right"), ("right", "left")):
        if side in name.split("_"):
            return "_".join(other if word == side else word for word in name.split("_"))
    stem, _, number = name.rpartition("_")
    if number.isdigit() and stem != "nose":
        return f"{stem}_{min(rows[stem]) + max(rows[stem]) - int(number)}"
    return name
