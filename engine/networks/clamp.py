"""NVIDIA's limit on activations, `conv_clamp`, for a generator in the rosinality layout, which has none.

Source: NVlabs/stylegan2-ada-pytorch, training/networks.py: `bias_act(…, clamp)` after the leaky ReLU's gain in
SynthesisLayer, after the bias in ToRGBLayer, before the skip image is added. It came with half precision; a generator
that was trained with it is another function without it where the limit is reached.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from engine.networks.modulated import SkipToRGB, StyledConv, ToRGB
from engine.networks.stylegan2 import Generator


def limit_activations(generator: Generator, conv_clamp: float) -> None:
    """Clamp every layer's activations and every toRGB's share to ±`conv_clamp`, from now on."""
    for module in generator.modules():
        if isinstance(module, StyledConv):
            module.register_forward_hook(_limit(conv_clamp))
        elif isinstance(module, ToRGB | SkipToRGB):
            module.conv.register_forward_hook(_limit_before_bias(module, conv_clamp))


def _limit(conv_clamp: float) -> Any:
    def hook(_module: nn.Module, _arguments: Any, output: torch.Tensor) -> torch.Tensor:
        return output.clamp(-conv_clamp, conv_clamp)

    return hook


def _limit_before_bias(to_rgb: ToRGB | SkipToRGB, conv_clamp: float) -> Any:
    """The bias, and then the skip image, are added after this hook: |x + b| ≤ c where −c − b ≤ x ≤ c − b."""

    def hook(_module: nn.Module, _arguments: Any, output: torch.Tensor) -> torch.Tensor:
        return torch.clamp(output, -conv_clamp - to_rgb.bias, conv_clamp - to_rgb.bias)

    return hook
