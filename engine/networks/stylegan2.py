"""The StyleGAN2 generator, in the rosinality checkpoint layout, at any resolution and width.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958; the
parameter names are those of the public `stylegan2-ffhq-config-f.pt`, so its state dicts load strictly.

*Convention.* Images are RGB, nominally in [-1,1] and not clamped, gamma-encoded. `w` is [N,w_dim], `w_plus`
[N,num_ws,w_dim] with num_ws = 2·log2(resolution) − 2. Row 0 drives the 4-px convolution; at 8·2^i px row 2i+1 drives
the up-sampling convolution, 2i+2 the second one, 2i+3 the toRGB layer, which shares its row with the next scale.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.layers import (
    LEAKY_SLOPE,
    EqualLinear,
    Fir,
    MappingLayer,
    ModulatedConv,
    PixelNorm,
    UpsamplingModulatedConv,
    check_shape,
)

Edge = Literal["zeros", "replicate"]
FeatureHook = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class GeneratorConfig:
    """What determines the shape of a generator.

    Attributes:
        resolution: side of the image in pixels, a power of two, at least 8.
        channels: widths at 4, 8, …, `resolution` pixels.
        w_dim: length of z and of w.
        n_mlp: layers of the mapping network; 0 where something else (`ConditionalMapping`) makes w.
        lr_mlp: learning-rate multiplier of the mapping network; not visible in a checkpoint.
        edge: what lies outside the image when the toRGB skip is up-sampled. "zeros" is published; "replicate"
            makes it equal to bilinear interpolation, which the embedded default was trained with.
    """

    resolution: int
    channels: tuple[int, ...]
    w_dim: int = 512
    n_mlp: int = 8
    lr_mlp: float = 0.01
    edge: Edge = "zeros"

    def __post_init__(self) -> None:
        if self.resolution < 8 or self.resolution.bit_count() != 1:
            raise ValueError(f"resolution: expected a power of two from 8 on, got {self.resolution}")
        scales = self.resolution.bit_length() - 2
        if len(self.channels) != scales:
            raise ValueError(
                f"channels: expected {scales} widths for {self.resolution} px, got {len(self.channels)}"
            )
        if self.edge not in ("zeros", "replicate"):
            raise ValueError(f'edge: expected "zeros" or "replicate", got {self.edge!r}')

    @property
    def num_ws(self) -> int:
        """Rows of w_plus."""
        return 2 * (self.resolution.bit_length() - 1) - 2

    def width(self, resolution: int) -> int:
        """Channels of the feature maps at `resolution` pixels."""
        return self.channels[resolution.bit_length() - 3]

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, torch.Tensor], lr_mlp: float = 0.01, edge: Edge = "zeros"
    ) -> Self:
        """Read the sizes off a state dict in the rosinality layout (only names and shapes are looked at).

        Raises:
            ValueError: a key that every generator has is missing or has another rank.
        """

        def size(key: str, rank: int, axis: int) -> int:
            if key not in state:
                raise ValueError(f"not a StyleGAN2 state dict in the rosinality layout: {key} is missing")
            if state[key].ndim != rank:
                raise ValueError(f"{key}: expected {rank} axes, got shape {list(state[key].shape)}")
            return state[key].shape[axis]

        blocks = 0
        while f"to_rgbs.{blocks}.bias" in state:
            blocks += 1
        n_mlp = 0
        while f"style.{n_mlp + 1}.weight" in state:
            n_mlp += 1
        return cls(
            resolution=4 * 2**blocks,
            channels=(
                size("input.input", 4, 1),
                *(size(f"convs.{2 * i}.conv.weight", 5, 1) for i in range(blocks)),
            ),
            w_dim=size("conv1.conv.modulation.weight", 2, 1),
            n_mlp=n_mlp,
            lr_mlp=lr_mlp,
            edge=edge,
        )


class ConstantInput(nn.Module):
    """The learned 4×4 start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, batch: int) -> torch.Tensor:  # [batch,C,4,4]
        return self.input.expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)


class NoiseStrength(nn.Module):
    """How much noise a layer takes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return noise * self.weight


class ActivationBias(nn.Module):
    """The bias before a layer's leaky ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class StyledConv(nn.Module):
    """Modulated convolution (and FIR), demodulation, noise, bias, √2·leaky ReLU."""

    def __init__(self, conv: ModulatedConv) -> None:
        super().__init__()
        self.conv = conv
        self.noise = NoiseStrength()
        self.activate = ActivationBias(conv.weight.shape[1])

    def forward(
        self,
        x: torch.Tensor,  # [N,Ci,H,W]
        w: torch.Tensor,  # [N,w_dim]
        noise: torch.Tensor,  # [1 or N,1,H',W']
        hook: FeatureHook | None = None,
    ) -> torch.Tensor:  # [N,Co,H',W']
        style = self.conv.style(w)
        x = self.conv(x, style)
        factor = self.conv.demodulation(style)
        if hook is not None:
            x, factor = hook(x * factor), torch.ones_like(factor)
        # √2·lrelu(y) = lrelu(√2·y): the gain goes onto the small factors.
        gain = math.sqrt(2)
        bias = (self.activate.bias * gain)[None, :, None, None]
        x = torch.addcmul(bias, x, factor * gain) + self.noise(noise * gain)
        return F.leaky_relu(x, LEAKY_SLOPE, inplace=True)


class ToRGB(nn.Module):
    """1×1 modulated convolution to RGB, without demodulation, added to the up-sampled skip image."""

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(channels, 3, 1, w_dim)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: torch.Tensor, w: torch.Tensor, skip: torch.Tensor | None = None) -> torch.Tensor:
        image = self.conv(x, self.conv.style(w)) + self.bias  # [N,3,H,W]
        return image if skip is None else image + self._upsample(skip)

    def _upsample(self, skip: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("the 4-px toRGB layer has no skip image")


class SkipToRGB(ToRGB):
    """ToRGB with the FIR that doubles the skip image."""

    def __init__(self, channels: int, w_dim: int, edge: Edge) -> None:
        super().__init__(channels, w_dim)
        self.upsample = Fir(gain=4.0)
        self.edge: Edge = edge

    def _upsample(self, skip: torch.Tensor) -> torch.Tensor:
        return self.upsample.upsample(skip, self.edge)


class Generator(nn.Module):
    """z → w → w_plus → image. Strictly loads a rosinality `g_ema` state dict of its configuration."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        c, w_dim = config.channels, config.w_dim
        self.style = nn.Sequential(
            PixelNorm(), *(MappingLayer(w_dim, w_dim, lr_mul=config.lr_mlp) for _ in range(config.n_mlp))
        )
        self.input = ConstantInput(c[0])
        self.conv1 = StyledConv(ModulatedConv(c[0], c[0], 3, w_dim))
        self.to_rgb1 = ToRGB(c[0], w_dim)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        for narrow, wide in zip(c, c[1:], strict=False):
            self.convs.append(StyledConv(UpsamplingModulatedConv(narrow, wide, 3, w_dim)))
            self.convs.append(StyledConv(ModulatedConv(wide, wide, 3, w_dim)))
            self.to_rgbs.append(SkipToRGB(wide, w_dim, config.edge))
        self.noises = nn.Module()
        for i, size in enumerate(self.noise_sizes()):
            self.noises.register_buffer(f"noise_{i}", torch.randn(1, 1, size, size))

    @property
    def num_ws(self) -> int:
        return self.config.num_ws

    def noise_sizes(self) -> list[int]:
        """Side of every layer's noise map in pixels: 4, 8, 8, 16, 16, …"""
        return [4, *(8 << (i // 2) for i in range(2 * len(self.to_rgbs)))]

    def freeze(self) -> Self:
        """Make it an inference model: no gradients to the weights, and what follows from the weights alone is kept.

        Gradients to w_plus still flow. Loading other weights, or asking for gradients to them, undoes it layer by
        layer; changing a frozen weight in place does not, so freeze again after that.
        """
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, ModulatedConv):
                module.freeze()
        return self
