"""Layers shared by the networks (equalised linear maps, FIR resampling) and the check of tensor arguments.

The arithmetic is StyleGAN2's (Karras et al., CVPR 2020, arXiv 1912.04958), the names of parameters and
buffers are those of the rosinality checkpoints.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

Edge = Literal["zeros", "replicate"]
LEAKY_SLOPE = 0.2
FIR_TAPS = (1.0, 3.0, 3.0, 1.0)


def fir_kernel(gain: float = 1.0) -> torch.Tensor:
    """The separable [1,3,3,1] low-pass as a 4×4 kernel whose sum is `gain`."""
    taps = torch.tensor(FIR_TAPS)
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


def check_shape(name: str, tensor: torch.Tensor, expected: tuple[int | str, ...]) -> None:
    """Raise ValueError unless `tensor` has the shape; strings in `expected` stand for any size."""
    fits = tensor.ndim == len(expected) and all(
        isinstance(size, str) or size == actual for size, actual in zip(expected, tensor.shape, strict=True)
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

    def upsample(self, x: torch.Tensor, edge: Edge) -> torch.Tensor:  # [N,C,H,W] → [N,C,2H,2W]
        """Double the size; `edge` says what lies outside the image."""
        channels = x.shape[1]
        weight = self.kernel.expand(channels, 1, 4, 4).contiguous()
        margin = 0
        if edge == "replicate":
            x, margin = F.pad(x, (1, 1, 1, 1), mode="replicate"), 1
        return F.conv_transpose2d(x, weight, stride=2, padding=1 + 2 * margin, groups=channels)
