"""A network that tells heads apart: same head, nearby embeddings, whatever the light, the pose and the expression.

Hair, clothes and background are cut away before it looks, so that they do not pass for a person. Trained by supervised
contrast (Khosla et al., NeurIPS 2020, arXiv 2004.11362) and by naming the head's shape. Each picture's own exposure and
contrast are left in: a reader that had them divided out told renders apart as well, and photographs worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.trunk import Trunk, activated, at_size, norm

# The face in an FFHQ crop, in crop units: a square that holds it, and a soft ellipse in that.
_SQUARE_LEFT, _SQUARE_TOP, _SQUARE_SIDE = 0.125, 0.21875, 0.75
_CENTRE, _HALF_AXES, _EDGE = (0.5, 0.60), (0.30, 0.36), 0.08
_POOLED = 3
_HIDDEN = 128


@dataclass(frozen=True)
class IdentityReaderConfig:
    """Size and widths as in `FaceReaderConfig`, the embedding's length, and the names of the shape's numbers."""

    size: int
    channels: tuple[int, ...]
    embedding: int
    shape: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise ValueError(f"a size of {self.size} is no multiple of 32")
        if len(self.channels) < 2 or min(self.channels) < 1 or self.embedding < 1 or not self.shape:
            raise ValueError("the network's widths make no sense")


class IdentityReader(nn.Module):
    """FFHQ crops [N,3,S,S] in [-1,1], any S → embeddings [N,E] of unit length."""

    window: torch.Tensor
    shape_mean: torch.Tensor
    shape_std: torch.Tensor

    def __init__(self, config: IdentityReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config.channels)
        self.deepest = norm(config.channels[-1])
        self.hidden = nn.Linear(config.channels[-1] * _POOLED**2, _HIDDEN)
        self.embedding = nn.Linear(_HIDDEN, config.embedding)
        self.shape = nn.Linear(_HIDDEN, len(config.shape))
        self.register_buffer("window", face_window(config.size), persistent=False)
        self.register_buffer("shape_mean", torch.zeros(len(config.shape)))
        self.register_buffer("shape_std", torch.ones(len(config.shape)))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.read(image)[0]

    def read(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings [N,E] and the head's normalised shape [N,P]."""
        face = face_only(at_size(image, self.config.size)) * self.window
        deep = activated(self.deepest(self.trunk(face)[-1]))
        hidden = activated(self.hidden(F.adaptive_avg_pool2d(deep, _POOLED).flatten(1)))
        return F.normalize(self.embedding(hidden), dim=1), self.shape(hidden)

    def similarity(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Cosine of the embeddings of pictures a and b, [N,3,S,S] each: [N] in [-1,1]; 1 is the same head."""
        return (self(a) * self(b)).sum(1)


def face_only(x: torch.Tensor) -> torch.Tensor:
    """The square around the face: [...,S,S] → [...,3S/4,3S/4]."""
    size = x.shape[-1]
    left, top, side = (round(share * size) for share in (_SQUARE_LEFT, _SQUARE_TOP, _SQUARE_SIDE))
    return x[..., top : top + side, left : left + side]


def face_window(size: int) -> torch.Tensor:
    """1 in the face, 0 around it, soft between, over the square of `face_only`: [3S/4,3S/4]."""
    at = (torch.arange(size) + 0.5) / size
    x, y = (at - _CENTRE[0]) / _HALF_AXES[0], (at - _CENTRE[1]) / _HALF_AXES[1]
    inside = (1 - (x[None].square() + y[:, None].square()).sqrt()) * min(_HALF_AXES) / _EDGE + 0.5
    return face_only(inside.clamp(0, 1))
