"""Layers shared by the networks: equalised linear maps, modulated convolutions, FIR resampling.

The arithmetic is StyleGAN2's (Karras et al., CVPR 2020, arXiv 1912.04958). Parameters are named and shaped as in
the rosinality checkpoints. Convolutions scale *activations* (style on the way in, demodulation on the way out), so
one weight serves every image of a batch; where an image is larger than the weight and no gradient is wanted, the
style goes into the weight instead. Feature maps are channels-last.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

LEAKY_SLOPE = 0.2
FIR_TAPS = (1.0, 3.0, 3.0, 1.0)
_DEMODULATION_EPSILON = 1e-8


def fir_kernel(gain: float = 1.0) -> torch.Tensor:
    """The separable [1,3,3,1] low-pass as a 4×4 kernel whose sum is `gain`."""
    taps = torch.tensor(FIR_TAPS)
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


def check_shape(name: str, tensor: torch.Tensor, expected: tuple[int | str, ...]) -> None:
    """Raise ValueError unless `tensor` has the shape; strings in `expected` stand for any size."""
    fits = tensor.ndim == len(expected) and all(
        isinstance(size, str) or size == actual
        for size, actual in zip(expected, tensor.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(map(str, expected))
        raise ValueError(f"{name}: expected shape [{wanted}], got {list(tensor.shape)}")


class PixelNorm(nn.Module):
    """Scale each vector of [N,D] to unit mean square."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [N,D]
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Linear map whose weight is kept at unit variance and scaled at run time by gain·lr_mul/√in."""

    def __init__(
        self, in_dim: int, out_dim: int, bias_init: float = 0.0, lr_mul: float = 1.0, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_dim,), bias_init / lr_mul))
        self.scale = gain * lr_mul / math.sqrt(in_dim)
        self.lr_mul = lr_mul

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [N,in] → [N,out]
        # The scale goes onto the vector, which is smaller than the matrix.
        return F.linear(x * self.scale, self.weight, self.bias * self.lr_mul)


class MappingLayer(EqualLinear):
    """An EqualLinear followed by √2·leaky ReLU, as in the published mapping network."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [N,in] → [N,out]
        return F.leaky_relu(super().forward(x), LEAKY_SLOPE) * math.sqrt(2)


class Fir(nn.Module):
    """Holds a 4×4 FIR kernel under the checkpoint's name; the two ways to apply it are its methods."""

    kernel: torch.Tensor

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("kernel", fir_kernel(gain))

    def filter(self, x: torch.Tensor, padding: tuple[int, int]) -> torch.Tensor:  # [N,C,H,W]
        """Convolve every channel, zeros added (before, after) on both axes."""
        before, after = padding
        if before == after:
            border = before
        else:
            x, border = F.pad(x, (before, after, before, after)), 0
        channels = x.shape[1]
        weight = self.kernel.flip(0, 1).expand(channels, 1, 4, 4).contiguous()
        return F.conv2d(x, weight, padding=border, groups=channels)

    def upsample(self, x: torch.Tensor, edge: str) -> torch.Tensor:  # [N,C,H,W] → [N,C,2H,2W]
        """Double the size; `edge` says what lies outside ("zeros" as published, or "replicate")."""
        channels = x.shape[1]
        weight = self.kernel.expand(channels, 1, 4, 4).contiguous()
        margin = 0
        if edge == "replicate":
            x, margin = F.pad(x, (1, 1, 1, 1), mode="replicate"), 1
        return F.conv_transpose2d(x, weight, stride=2, padding=1 + 2 * margin, groups=channels)


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by a style; demodulation is left to the caller.

    The caller multiplies the answer by `demodulation(style)`: it is one factor per output channel and commutes with
    the FIR, so it can share a pass with noise and bias.
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
