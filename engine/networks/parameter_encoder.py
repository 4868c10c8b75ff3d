"""Our encoder: a face crop → the code of the generator's face that is most like it, offsets for W+, landmarks; in one pass.

The form is that of e4e (Tov et al., SIGGRAPH 2021, arXiv 2102.02766): IR-SE units, a first latent, and offsets for the other
rows of w_plus that are learnt in stages. It differs in what a first latent is: a *code*, for a conditional generator its
parameters c, so that w = mapping(c) lies on the generator's manifold, for others the normalised w. Norms are over groups, so
that a picture alone gives what it gives in a batch; and it is small: some tens of milliseconds on one core.

*Convention.* Codes are normalised: what they stand for is `code_mean + code_std · code`. Landmarks are in crop units.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.features import expectation
from engine.networks.irse import IRUnit, SqueezeExcitation
from engine.networks.layers import check_shape
from engine.networks.trunk import activated, at_size, norm

_REDUCTION = 4  # of the squeeze and excitation: widths are small
_POINTED = 32  # width of the map that landmarks are read from, at size/4
_POOLED = 4  # cells across, of what the code is read from
_HIDDEN = 256
_POINT_GAIN = 4.0  # landmarks lie within about a quarter of the middle


@dataclass(frozen=True)
class ParameterEncoderConfig:
    """What determines the shape of an encoder.

    Attributes:
        size: side in pixels of the pictures that it looks at.
        widths: of the feature maps at size, size/2, size/4, …; multiples of 8.
        units: IR-SE units at size/2, size/4, …
        code: length of a code.
        num_ws, w_dim: of the generator's w_plus.
        landmarks: how many points it reads; 0 for none.
    """

    size: int
    widths: tuple[int, ...]
    units: tuple[int, ...]
    code: int
    num_ws: int
    w_dim: int
    landmarks: int

    def __post_init__(self) -> None:
        if len(self.widths) < 4 or len(self.units) != len(self.widths) - 1:
            raise ValueError("at least four widths are needed, and one number of units less")
        if self.size % (1 << len(self.units)) or self.size < 4 << len(self.units):
            raise ValueError(f"a size of {self.size} cannot be halved so often")
        if min(*self.widths, *self.units, self.code, self.w_dim) < 1 or self.num_ws < 2 or self.landmarks < 0:
            raise ValueError("the encoder's sizes make no sense")

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """The inverse of `metadata`. Raises `KeyError`, `ValueError`, `TypeError`."""
        widths, units = (tuple(map(int, json.loads(metadata[name]))) for name in ("widths", "units"))
        size, code, num_ws, w_dim, landmarks = (int(metadata[name]) for name in _NUMBERS)
        return cls(size, widths, units, code, num_ws, w_dim, landmarks)

    def metadata(self) -> dict[str, str]:
        """As strings, for a file's metadata."""
        numbers = {name: str(getattr(self, name)) for name in _NUMBERS}
        return numbers | {"widths": json.dumps(self.widths), "units": json.dumps(self.units)}


_NUMBERS = ("size", "code", "num_ws", "w_dim", "landmarks")


@dataclass(frozen=True)
class ParameterEncoding:
    """What the encoder says about N pictures.

    Attributes:
        code: [N,K], normalised.
        offsets: [N,num_ws,w_dim], to be added to the broadcast w of the code; the first row is zero.
        landmarks: [N,L,2], crop units.
        heat: [N,L,size/4,size/4], logits of the maps whose means the landmarks are.
        features: maps [N,C,r,r] at r = size, size/2, …, widths as in the configuration.
    """

    code: torch.Tensor
    offsets: torch.Tensor
    landmarks: torch.Tensor
    heat: torch.Tensor
    features: tuple[torch.Tensor, ...]

    def feature(self, resolution: int) -> torch.Tensor:
        """The map of that many pixels. Raises `KeyError`."""
        for feature in self.features:
            if feature.shape[-1] == resolution:
                return feature
        raise KeyError(f"the encoder has no features at {resolution} px")


class ParameterEncoder(nn.Module):
    """Image [N,3,H,W] in [-1,1], any size → `ParameterEncoding`."""

    code_mean: torch.Tensor
    code_std: torch.Tensor

    def __init__(self, config: ParameterEncoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), norm(widths[0]), nn.PReLU(widths[0])
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(_unit(narrow if k == 0 else wide, wide, 2 if k == 0 else 1) for k in range(count)))
            for narrow, wide, count in zip(widths, widths[1:], config.units, strict=False)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, _POINTED, 1) for width in widths[2:])
        self.mixed = nn.Sequential(norm(_POINTED), nn.PReLU(_POINTED), nn.Conv2d(_POINTED, _POINTED, 3, 1, 1))
        self.pointed = norm(_POINTED)
        self.heat = nn.Conv2d(_POINTED, config.landmarks, 1) if config.landmarks else None
        self.deepest = norm(widths[-1])
        self.hidden = nn.Linear(widths[-1] * _POOLED**2 + 2 * config.landmarks, _HIDDEN)
        self.code = nn.Linear(_HIDDEN, config.code)
        self.rows = nn.Linear(_HIDDEN, (config.num_ws - 1) * config.w_dim)
        nn.init.zeros_(self.rows.weight)
        nn.init.zeros_(self.rows.bias)
        self.register_buffer("code_mean", torch.zeros(config.code))
        self.register_buffer("code_std", torch.ones(config.code))

    def forward(self, image: torch.Tensor) -> ParameterEncoding:
        check_shape("image", image, ("N", 3, "H", "W"))
        features = self._features(at_size(image, self.config.size))
        heat, landmarks = self._points(features)
        deep = F.adaptive_avg_pool2d(activated(self.deepest(features[-1])), _POOLED).flatten(1)
        points = _POINT_GAIN * (landmarks.flatten(1) - 0.5)
        hidden = activated(self.hidden(torch.cat([deep, points], 1)))
        rows = self.rows(hidden).unflatten(1, (self.config.num_ws - 1, self.config.w_dim))
        return ParameterEncoding(self.code(hidden), F.pad(rows, (0, 0, 1, 0)), landmarks, heat, features)

    def raw(self, code: torch.Tensor) -> torch.Tensor:
        """What codes [N,K] stand for: raw parameters, or w."""
        return self.code_mean + self.code_std * code

    def _features(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = [self.input_layer(image.contiguous(memory_format=torch.channels_last))]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return tuple(features)

    def _points(self, features: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        """Heat maps' logits at size/4 and the points."""
        if self.heat is None:
            return features[2][:, :0], features[2].new_zeros(len(features[2]), 0, 2)
        merged = self.lateral[-1](features[-1])
        for lateral, finer in zip(reversed(self.lateral[:-1]), reversed(features[2:-1]), strict=True):
            merged = F.interpolate(merged, finer.shape[-2:], mode="bilinear", align_corners=False) + lateral(
                finer
            )
        merged = merged + self.mixed(merged)
        heat = self.heat(activated(self.pointed(merged)))
        return heat, expectation(heat.flatten(2).softmax(2).unflatten(2, heat.shape[-2:]))


def _unit(narrow: int, wide: int, stride: int) -> IRUnit:
    return IRUnit(narrow, wide, stride, norm, SqueezeExcitation(wide, _REDUCTION))
