"""Modulated layers of a StyleGAN2 generator: convolutions steered by a style, noise, activation, toRGB.

The arithmetic is that of Karras et al., CVPR 2020, arXiv 1912.04958; parameters are named and shaped as in
the rosinality checkpoints. Convolutions scale *activations* (style on the way in, demodulation on the way
out), so one weight serves every image of a batch; where an image is larger than the weight and no gradient is
wanted, the style goes into the weight instead. Feature maps are channels-last.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.layers import LEAKY_SLOPE, Edge, EqualLinear, Fir

FeatureHook = Callable[[torch.Tensor], torch.Tensor]
_DEMODULATION_EPSILON = 1e-8


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by a style; demodulation is left to the caller.

    The caller multiplies the answer by `demodulation(style)`: it is one factor per output channel and commutes
    with the FIR, so it can share a pass with noise and bias.
    """

    energy: torch.Tensor | None

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, w_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, out_channels, in_channels, kernel_size, kernel_size))
        self.modulation = EqualLinear(w_dim, in_channels, bias_init=1.0)
        self.scale = 1 / math.sqrt(in_channels * kernel_size**2)
        self.register_buffer("energy", None, persistent=False)

    def style(self, w: torch.Tensor) -> torch.Tensor:
        """w [N,w_dim] → factor per input channel [N,Ci], the equalised learning rate's scale included."""
        return self.modulation(w) * self.scale

    def demodulation(self, style: torch.Tensor) -> torch.Tensor:
        """style [N,Ci] → factor per output channel [N,Co,1,1] that brings the output to unit variance."""
        energy = style.square() @ self._weight_energy().t()
        return torch.rsqrt(energy + _DEMODULATION_EPSILON)[:, :, None, None]

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:  # [N,Ci,H,W], [N,Ci]
        weight = self.weight[0]
        if len(x) == 1 and weight.numel() < x.numel() and not torch.is_grad_enabled():
            return self._convolve(x, weight * style[0, :, None, None])
        return self._convolve(x * style[:, :, None, None], weight)

    def freeze(self) -> None:
        """Remember what depends on the weight alone."""
        # Outside inference mode: a tensor made inside it could not serve a backward pass later.
        with torch.inference_mode(False), torch.no_grad():
            self.energy = self.weight[0].square().sum((2, 3))

    def _convolve(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)

    def _weight_energy(self) -> torch.Tensor:  # [Co,Ci]
        if self.weight.requires_grad:
            self.energy = None  # someone trains it: what was remembered is worth nothing from here on
        return self.weight[0].square().sum((2, 3)) if self.energy is None else self.energy

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        self.energy = None
        super()._load_from_state_dict(state_dict, *args, **kwargs)


class UpsamplingModulatedConv(ModulatedConv):
    """ModulatedConv to twice the size: transposed convolution, then FIR."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, w_dim: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, w_dim)
        self.blur = Fir(gain=4.0)

    def _convolve(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:  # [N,Ci,H,W] → [N,Co,2H,2W]
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # [N,Co,2H+1,2W+1]
        return self.blur.filter(x, padding=(1, 1))


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
        x = torch.addcmul(bias, x, factor * gain)
        x += self.noise(noise * gain)
        return F.leaky_relu(x, LEAKY_SLOPE, inplace=True)


class ToRGB(nn.Module):
    """1×1 modulated convolution to RGB, without demodulation."""

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(channels, 3, 1, w_dim)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:  # [N,C,H,W], [N,w_dim] → [N,3,H,W]
        return self.conv(x, self.conv.style(w)) + self.bias


class SkipToRGB(nn.Module):
    """ToRGB added to the skip image, which the FIR brings to twice its size first."""

    def __init__(self, channels: int, w_dim: int, edge: Edge) -> None:
        super().__init__()
        self.conv = ModulatedConv(channels, 3, 1, w_dim)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = Fir(gain=4.0)
        self.edge: Edge = edge

    def forward(
        self,
        x: torch.Tensor,  # [N,C,H,W]
        w: torch.Tensor,  # [N,w_dim]
        skip: torch.Tensor,  # [N,3,H/2,W/2]
    ) -> torch.Tensor:  # [N,3,H,W]
        return self.conv(x, self.conv.style(w)) + self.bias + self.upsample.upsample(skip, self.edge)
