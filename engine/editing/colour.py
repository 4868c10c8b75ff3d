"""sRGB's transfer curve, extended to negative and overbright values by symmetry (IEC 61966-2-1, scRGB)."""

from __future__ import annotations

import torch


def to_linear(encoded: torch.Tensor) -> torch.Tensor:
    """Gamma-encoded (0..1, unbounded) → linear light, any shape."""
    size = encoded.abs()
    linear = torch.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return torch.copysign(linear, encoded)


def from_linear(linear: torch.Tensor) -> torch.Tensor:
    """Linear light → gamma-encoded, any shape."""
    size = linear.abs()
    encoded = torch.where(size <= 0.0031308, size * 12.92, 1.055 * size.clamp(min=1e-9) ** (1 / 2.4) - 0.055)
    return torch.copysign(encoded, linear)
