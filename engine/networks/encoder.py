"""The e4e encoder: a face at 256 px → w_plus offsets and the feature maps that SAMM compares with.

Source: Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021, arXiv 2102.02766, on
the feature pyramid of Richardson et al. (pSp), CVPR 2021, arXiv 2008.00951. Parameter names are those of
`e4e_ffhq_encode.pt` without the prefix `encoder.`. pSp files have the same names but another forward: their
heads answer rows of w_plus, not offsets to the first row, so they do not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks import irse
from engine.networks.layers import EqualLinear, check_shape

INPUT_SIZE = 256
_COARSE_ROWS = 3  # rows 0–2 read the 16-px map, rows 3–6 the 32-px one, the others the 64-px one
_MIDDLE_ROWS = 7
_HEAD_SLOPE = 0.01

Pyramid = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class EncoderConfig:
    """What determines the shape of an encoder.

    Attributes:
        widths: channels at 256 px (input layer) and of the four stages at 128, 64, 32, 16 px.
        num_ws: rows of w_plus.
        w_dim: length of one row.
        pyramid: how a coarser map is brought to the next size, corners aligned; not visible in a checkpoint.
            e4e itself is "bilinear", the encoder inside the published out-of-domain model "bicubic".
    """

    widths: tuple[int, int, int, int, int] = (64, 64, 128, 256, 512)
    num_ws: int = 18
    w_dim: int = 512
    pyramid: Pyramid = "bilinear"

    @classmethod
    def from_state_dict(cls, state: Mapping[str, torch.Tensor], pyramid: Pyramid = "bilinear") -> Self:
        """Read the sizes off an encoder's state dict (only names and shapes are looked at).

        Raises:
            ValueError: a key that every e4e encoder has is missing.
        """
        first_units = (0, *accumulate(irse.UNITS_PER_STAGE[:-1]))
        keys = ("input_layer.0.weight", *(f"body.{i}.res_layer.3.weight" for i in first_units))
        for key in (*keys, "styles.0.linear.weight", "latlayer1.weight", "latlayer2.weight"):
            if key not in state:
                raise ValueError(f"not an e4e encoder's state dict: {key} is missing")
        w0, w1, w2, w3, w4 = (len(state[key]) for key in keys)
        num_ws = 0
        while f"styles.{num_ws}.linear.weight" in state:
            num_ws += 1
        return cls((w0, w1, w2, w3, w4), num_ws, len(state["styles.0.linear.weight"]), pyramid)


@dataclass(frozen=True)
class Encoding:
    """What the encoder says about an image.

    Attributes:
        w_plus: [N,num_ws,w_dim], to be added to `latent_avg`.
        features: maps [N,C,r,r] at r = 256, 128, 64, 32 and 16 px, widths as in the configuration.
    """

    w_plus: torch.Tensor
    features: tuple[torch.Tensor, ...]


class GradualStyleBlock(nn.Module):
    """A head: strided 3×3 convolutions down to 1 px, then a linear map to one row of w_plus."""

    def __init__(self, in_channels: int, w_dim: int, count: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(count):
            layers += [nn.Conv2d(w_dim if i else in_channels, w_dim, 3, 2, 1), nn.LeakyReLU(_HEAD_SLOPE)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(w_dim, w_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [N,C,2^count,2^count] → [N,w_dim]
        return self.linear(self.convs(x).flatten(1))


class E4eEncoder(nn.Module):
    """Image → `Encoding`. Made for inference: batch norm with its running statistics, so call `eval()`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        top = config.widths[4]
        self.input_layer = irse.input_layer(config.widths[0])
        self.body = irse.body(config.widths)
        self.styles = nn.ModuleList(
            GradualStyleBlock(top, config.w_dim, 4 if i < _COARSE_ROWS else 5 if i < _MIDDLE_ROWS else 6)
            for i in range(config.num_ws)
        )
        self.latlayer1 = nn.Conv2d(config.widths[3], top, 1)
        self.latlayer2 = nn.Conv2d(config.widths[2], top, 1)

    def forward(self, x: torch.Tensor) -> Encoding:
        """x [N,3,256,256], RGB in [-1,1].

        Raises:
            ValueError: another shape. Resizing (plain bilinear, as published) is the caller's.
        """
        check_shape("image", x, ("N", 3, INPUT_SIZE, INPUT_SIZE))
        features = self._features(x)
        coarse = features[4]
        middle = self._add_upsampled(coarse, self.latlayer1(features[3]))
        fine = self._add_upsampled(middle, self.latlayer2(features[2]))

        first = self.styles[0](coarse)
        rows = [first]
        for i in range(1, self.config.num_ws):
            pyramid = coarse if i < _COARSE_ROWS else middle if i < _MIDDLE_ROWS else fine
            rows.append(first + self.styles[i](pyramid))
        return Encoding(torch.stack(rows, dim=1), features)

    def _features(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.input_layer(x.contiguous(memory_format=torch.channels_last))
        features = [x]
        start = 0
        for count in irse.UNITS_PER_STAGE:
            x = self.body[start : start + count](x)
            features.append(x)
            start += count
        return tuple(features)

    def _add_upsampled(self, coarse: torch.Tensor, lateral: torch.Tensor) -> torch.Tensor:
        size = lateral.shape[-2:]
        return F.interpolate(coarse, size=size, mode=self.config.pyramid, align_corners=True) + lateral
