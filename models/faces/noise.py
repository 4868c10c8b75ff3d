"""Smooth noise that is a function of the place on the rest head alone: the same on every face."""

from __future__ import annotations

import math

import numpy as np

from models.faces.compiled import kernel, typed_kernel

_I, _J, _K, _SEED = 374761393, 668265263, 2147483647, 974634533  # the hash's factors


@typed_kernel("f8(i8)")
def _lattice(n: int) -> float:
    """−1…1 at a lattice point, whose summed number is `n`."""
    n &= 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 32767.5 - 1.0


@typed_kernel("f8(f8, f8, f8, i8)")
def value_noise(x: float, y: float, z: float, seed: int) -> float:
    """−1…1, one bump per unit."""
    x, y, z = x + 512, y + 512, z + 512
    i, j, k = int(x), int(y), int(z)
    u, v, w = x - i, y - j, z - k
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    n = i * _I + j * _J + k * _K + seed * _SEED
    a, b, c, d = _lattice(n), _lattice(n + _K), _lattice(n + _J), _lattice(n + _J + _K)
    low, high = a + w * (b - a), c + w * (d - c)
    left = low + v * (high - low)
    n += _I
    a, b, c, d = _lattice(n), _lattice(n + _K), _lattice(n + _J), _lattice(n + _J + _K)
    low, high = a + w * (b - a), c + w * (d - c)
    return left + u * (low + v * (high - low) - left)


@typed_kernel("f8(f8, f8)")
def bump(distance: float, width: float) -> float:
    """Gaussian bump: 1 at distance 0; its far tail (below 1e-4) is cut off, which saves most exponentials."""
    square = (distance / width) ** 2
    return math.exp(-square) if square < 9.2 else 0.0


@typed_kernel("f8(f8, f8, f8)")
def ramp(low: float, high: float, value: float) -> float:
    """Smooth step from 0 at `low` to 1 at `high` (falling when low > high)."""
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3 - 2 * t)


@kernel
def table(value: float, at: np.ndarray, values: np.ndarray) -> float:
    """Linear interpolation in a table with rising `at`; constant beyond its ends."""
    if value <= at[0]:
        return values[0]
    for k in range(1, at.shape[0]):
        if value < at[k]:
            part = (value - at[k - 1]) / (at[k] - at[k - 1])
            return values[k - 1] + part * (values[k] - values[k - 1])
    return values[-1]
