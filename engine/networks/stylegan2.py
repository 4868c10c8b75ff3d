"""The StyleGAN2 generator, in the rosinality checkpoint layout, at any resolution and width.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958;
the parameter names are those of the public `stylegan2-ffhq-config-f.pt`, so its state dicts load strictly.

*Convention.* Images are RGB, nominally in [-1,1] and not clamped, gamma-encoded. `w` is [N,w_dim], `w_plus`
[N,num_ws,w_dim] with num_ws = 2·log2(resolution) − 2. Row 0 drives the 4-px convolution; at 8·2^i px row 2i+1
drives the up-sampling convolution, 2i+2 the second one, 2i+3 the toRGB layer, which shares its row with the
next scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.layers import LEAKY_SLOPE, Edge, EqualLinear, MappingLayer, PixelNorm, check_shape
from engine.networks.modulated import (
    ConstantInput,
    FeatureHook,
    ModulatedConv,
    SkipToRGB,
    StyledConv,
    ToRGB,
    UpsamplingModulatedConv,
)


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
        for narrow, wide in pairwise(c):
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
        """Make it an inference model: no gradients to the weights; what follows from them alone is kept.

        Gradients to w_plus still flow. Loading other weights, or asking for gradients to them, undoes it
        layer by layer; changing a frozen weight in place does not, so freeze again after that.
        """
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, ModulatedConv):
                module.freeze()
        return self

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        """z [N,w_dim], standard normal → w [N,w_dim], on z's device.

        Raises:
            ValueError: wrong shape, or the model has no mapping network of its own (n_mlp = 0).
        """
        if self.config.n_mlp == 0:
            raise ValueError("this generator has no mapping network: w comes from elsewhere")
        check_shape("z", z, ("N", self.config.w_dim))
        return self.style(z.to(self.input.input.device)).to(z.device)

    def truncate(self, w: torch.Tensor, latent_avg: torch.Tensor, truncation_psi: float) -> torch.Tensor:
        """Pull w [N,w_dim] or w_plus [N,num_ws,w_dim] towards the average face: avg + psi·(w − avg).

        `latent_avg` is [w_dim], [1,w_dim] or [num_ws,w_dim] (e4e); the last makes a w into a w_plus.
        """
        rows = latent_avg.reshape(-1, latent_avg.shape[-1])
        if len(rows) == 1:
            rows = rows[0]
        else:
            check_shape("latent_avg", rows, (self.num_ws, self.config.w_dim))
            w = self.broadcast(w)
        return rows + truncation_psi * (w - rows)

    def broadcast(self, w: torch.Tensor) -> torch.Tensor:
        """w [N,w_dim] → w_plus [N,num_ws,w_dim], every row the same; a w_plus passes unchanged.

        Raises:
            ValueError: it is neither.
        """
        if w.ndim == 2:
            check_shape("w", w, ("N", self.config.w_dim))
            return w[:, None].expand(-1, self.num_ws, -1)
        check_shape("w_plus", w, ("N", self.num_ws, self.config.w_dim))
        return w

    def mix(self, w: torch.Tensor, w_fine: torch.Tensor, inject_index: int) -> torch.Tensor:
        """Style mixing: rows before `inject_index` from the first, the others from the second (W or W+)."""
        if not 0 <= inject_index <= self.num_ws:
            raise ValueError(f"inject_index: expected 0 to {self.num_ws}, got {inject_index}")
        coarse, fine = self.broadcast(w), self.broadcast(w_fine)
        return torch.cat([coarse[:, :inject_index], fine[:, inject_index:]], dim=1)

    def synthesis(
        self,
        w: torch.Tensor,
        noise: Sequence[torch.Tensor] | None = None,
        resolution: int | None = None,
        feature_hooks: Mapping[int, FeatureHook] | None = None,
    ) -> torch.Tensor:
        """Paint the image. Deterministic, and differentiable with respect to `w`.

        Args:
            w: w [N,w_dim] or w_plus [N,num_ws,w_dim].
            noise: one [1 or N,1,r,r] per layer, sizes as in `noise_sizes()` (later ones may be missing where
                `resolution` stops earlier); None takes the model's own.
            resolution: stop early and return the skip image of that size, as a preview; None runs to the end.
            feature_hooks: by resolution, a function of the up-sampling convolution's features [N,C,r,r], after
                demodulation and FIR, before noise, bias and activation; what it returns replaces them.

        Returns:
            [N,3,r,r], nominally in [-1,1], not clamped.

        Raises:
            ValueError: wrong shapes, or a resolution that the model does not pass through.
        """
        return self.skip_images(w, noise, resolution, feature_hooks)[-1]

    def skip_images(
        self,
        w: torch.Tensor,
        noise: Sequence[torch.Tensor] | None = None,
        resolution: int | None = None,
        feature_hooks: Mapping[int, FeatureHook] | None = None,
    ) -> list[torch.Tensor]:
        """`synthesis` with everything on its way: the skip images [N,3,r,r] of 4, 8, … pixels up to `resolution`.

        Computed where the weights are, answered where `w` is; noise and hooks' features are where the weights are.
        """
        w_plus = self.broadcast(w).to(self.input.input.device)
        blocks = self._blocks_up_to(self.config.resolution if resolution is None else resolution)
        hooks = feature_hooks or {}
        if unknown := set(hooks) - {8 << i for i in range(blocks)}:
            raise ValueError(f"feature_hooks: no up-sampling convolution is run at {sorted(unknown)} px")
        maps = self._noise_maps(noise, 1 + 2 * blocks, len(w_plus))

        x = self.conv1(self.input(len(w_plus)), w_plus[:, 0], maps[0])
        images = [self.to_rgb1(x, w_plus[:, 1])]
        for i in range(blocks):
            x = self.convs[2 * i](x, w_plus[:, 2 * i + 1], maps[2 * i + 1], hooks.get(8 << i))
            x = self.convs[2 * i + 1](x, w_plus[:, 2 * i + 2], maps[2 * i + 2])
            images.append(self.to_rgbs[i](x, w_plus[:, 2 * i + 3], images[-1]))
        return [image.to(w.device) for image in images]

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """z [N,w_dim] → image [N,3,resolution,resolution], without truncation."""
        return self.synthesis(self.mapping(z))

    def _blocks_up_to(self, resolution: int) -> int:
        blocks = resolution.bit_length() - 3
        if resolution != 4 << max(blocks, 0) or blocks > len(self.to_rgbs):
            raise ValueError(
                f"resolution: expected a power of two from 4 to {self.config.resolution}, got {resolution}"
            )
        return blocks

    def _noise_maps(self, noise: Sequence[torch.Tensor] | None, layers: int, batch: int) -> list[torch.Tensor]:
        if noise is None:
            return [self.noises.get_buffer(f"noise_{i}") for i in range(layers)]
        if len(noise) < layers:
            raise ValueError(f"noise: expected {layers} maps, got {len(noise)}")
        maps = list(noise[:layers])
        for i, (size, tensor) in enumerate(zip(self.noise_sizes(), maps, strict=False)):
            check_shape(f"noise[{i}]", tensor, (batch if len(tensor) > 1 else 1, 1, size, size))
        return maps


class ConditionalMapping(nn.Module):
    """The embedded default's mapping: parameters c [N,c_dim] → w [N,w_dim].

    Equalised linear layers `map.{i}` (gain 1.4, learning-rate multiplier 0.1), each followed by a leaky ReLU of
    slope 0.2. Nothing is normalised: the size of c means something. The generator behind it has n_mlp = 0.
    """

    def __init__(self, c_dim: int, w_dim: int, layers: int = 3) -> None:
        super().__init__()
        widths = [c_dim, *(w_dim for _ in range(layers))]
        self.map = nn.ModuleList(EqualLinear(a, b, lr_mul=0.1, gain=1.4) for a, b in pairwise(widths))
        self.c_dim = c_dim
        self.w_dim = w_dim

    @classmethod
    def from_state_dict(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """An untrained mapping of the sizes in `state` (keys `map.{i}.weight`, `map.{i}.bias`)."""
        layers = 0
        while f"map.{layers}.weight" in state:
            layers += 1
        if layers == 0:
            raise ValueError("not a conditional mapping: map.0.weight is missing")
        w_dim, c_dim = state["map.0.weight"].shape
        return cls(c_dim, w_dim, layers)

    def forward(self, c: torch.Tensor) -> torch.Tensor:
        check_shape("c", c, ("N", self.c_dim))
        for layer in self.map:
            c = F.leaky_relu(layer(c), LEAKY_SLOPE)
        return c
