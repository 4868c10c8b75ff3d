"""Where hair grows on the rest head: densities 0…1 of scalp, brows and beard.

Azimuth is 0 at the face's middle and π at the nape, about the axis x = 0, z = .45.
"""

from __future__ import annotations

import math

import numpy as np

from models.faces.compiled import typed_kernel
from models.faces.noise import bump, ramp, table

_AZIMUTH = np.array([0.0, 0.45, 0.8, 1.12, 1.32, 1.52, 1.8, 2.2, 3.2])
_LOWEST = np.array([8.00, 8.02, 7.90, 7.62, 7.26, 7.34, 7.1, 6.7, 6.6])  # the hairline's height there
BROW_START, BROW_LENGTH = 0.10, 0.46  # dm from the middle
_CHEEK_AZIMUTH = np.array([0.0, 0.35, 0.6, 0.9, 1.2, 1.45])
_CHEEK_LINE = np.array([6.82, 6.74, 6.76, 6.88, 7.14, 7.26])  # upper border of the beard


@typed_kernel("f8(f8, f8, f8, f8, f8, f8)")
def scalp_density(x: float, y: float, z: float, hairline: float, recede: float, bald: float) -> float:
    """Density of the hair; `hairline` −1…1, `recede` (temples) and `bald` (crown) 0…1."""
    azimuth = abs(math.atan2(x, z - 0.45))
    line = table(azimuth, _AZIMUTH, _LOWEST)
    front = ramp(1.25, 0.7, azimuth)
    line += front * (0.07 * hairline + 0.38 * bald)
    line += recede * (0.30 * bump(azimuth - 0.55, 0.28) + 0.08 * front)
    density = ramp(line - 0.02, line + 0.09, y) * ramp(0.86, 0.80, abs(x))
    crown = 8.50 - 0.62 * bald + 0.25 * ramp(0.2, -0.5, z) * (1 - bald)
    density *= 1 - bald**0.35 * ramp(crown - 0.12, crown + 0.06, y) if bald > 0 else 1.0
    return density


@typed_kernel("UniTuple(f8, 2)(f8, f8)")
def brow_place(x: float, y: float) -> tuple[float, float]:
    """Along (0 at the nose … 1 at the temple) and across (signed, dm above the middle line) the brow."""
    side = abs(x)
    along = (side - BROW_START) / BROW_LENGTH
    middle = 7.488 + 0.026 * bump(side - 0.38, 0.15) - 0.11 * max(0.0, side - 0.43) / 0.2
    return along, y - middle


@typed_kernel("f8(f8, f8, f8, f8)")
def brow_density(x: float, y: float, z: float, thickness: float) -> float:
    """`thickness` 0…1."""
    along, across = brow_place(x, y)
    if along < 0 or along > 1 or z < 1:
        return 0.0
    half = (0.011 + 0.026 * thickness) * (0.75 + 0.5 * bump(along - 0.3, 0.35)) * ramp(1.05, 0.7, along)
    return ramp(1.25, 0.5, abs(across) / (half + 1e-6)) * ramp(0, 0.08, along)


@typed_kernel("f8(f8, f8, f8, f8, f8, f8)")
def beard_density(x: float, y: float, z: float, beard: float, moustache: float, goatee: float) -> float:
    """Largest of the three densities here; lips are not left out (their mask is the caller's)."""
    if z < 0.6 or y < 6.05 or y > 7.3:
        return 0.0
    side = abs(x)
    azimuth = abs(math.atan2(x, z - 0.45))
    below = ramp(0.0, -0.10, y - table(azimuth, _CHEEK_AZIMUTH, _CHEEK_LINE))
    throat = ramp(6.08, 6.2, y) * (1 - ramp(1.22, 1.10, z) * ramp(6.42, 6.32, y))
    full = beard * below * throat * ramp(1.42, 1.25, azimuth)
    lip = (
        moustache
        * ramp(0.30, 0.24, side)
        * ramp(6.84, 6.80, y)
        * ramp(6.66 - 0.5 * max(0.0, side - 0.2), 6.70, y)
    )
    chin = goatee * ramp(0.30, 0.2, side) * ramp(6.52, 6.46, y) * throat
    return max(full * (0.35 + 0.65 * moustache if y > 6.70 and side < 0.25 else 1.0), lip, chin)
