"""The garment: the bust below a neckline, pushed outwards and coloured."""

from __future__ import annotations

import math

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.noise import ramp, value_noise
from models.faces.parameters import Face

_THICKNESS = 0.07  # dm


@kernel
def cloth_cover(x: float, y: float, z: float, neck: float, vneck: float) -> float:
    """Signed height below the neckline (dm, positive = covered) at a place of the rest body."""
    side = abs(x)
    line = 5.98 - 0.30 * neck + 0.10 * min(1.0, side / 0.6) + 0.06 * ramp(0.4, -0.2, z)
    if z > 0.2:
        round_cut = np.exp(-((side / 0.42) ** 2))
        pointed = max(0.0, 1 - side / 0.45)
        line -= (0.15 + 0.75 * neck) * ((1 - vneck) * 0.7 * round_cut + vneck * pointed)
    return line - y


@kernel
def push_out(rest: np.ndarray, points: np.ndarray, normals: np.ndarray, neck: float, vneck: float) -> None:
    """Move covered vertices V,3 outwards, in place."""
    for v in range(rest.shape[0]):
        cover = cloth_cover(rest[v, 0], rest[v, 1], rest[v, 2], neck, vneck)
        if cover > -0.05 and rest[v, 1] < 6.2:
            points[v] += normals[v] * np.float32(_THICKNESS * ramp(-0.05, 0.05, cover))


@kernel
def paint_cloth(
    rest: np.ndarray,  # P,3
    part: np.ndarray,  # P
    neck: float,
    vneck: float,
    colour: np.ndarray,  # 3, linear
    collar: np.ndarray,  # 3, linear
    albedo: np.ndarray,  # P,3 written
    gloss: np.ndarray,  # P written
    normal: np.ndarray,  # P,3 folds are added
) -> np.ndarray:
    """Colour the garment; P bool where it is."""
    covered = np.zeros(part.shape, np.bool_)
    for n in range(part.shape[0]):
        x, y, z = rest[n, 0], rest[n, 1], rest[n, 2]
        if part[n] != hd.BODY or y > 6.2:
            continue
        cover = cloth_cover(x, y, z, neck, vneck)
        if cover < 0:
            continue
        covered[n] = True
        band = ramp(0.10, 0.08, cover)
        weave = 1 + 0.08 * value_noise(x * 30, y * 30, z * 30, 41) + 0.12 * value_noise(x * 3, y * 6, z * 3, 42)
        seam = 1 - 0.4 * ramp(0.02, 0.0, abs(cover - 0.09))
        edge = 1 - 0.45 * ramp(0.022, 0.0, cover)  # the hem turns inwards
        rib = 1 + 0.10 * band * math.sin(90 * x + 40 * z)
        for channel in range(3):
            base = colour[channel] + band * (collar[channel] - colour[channel])
            albedo[n, channel] = base * weave * seam * edge * rib
        gloss[n] = 0.12
        _fold(normal, n, x, y, z, 1 - band)
    return covered


@kernel
def _fold(normal: np.ndarray, n: int, x: float, y: float, z: float, strength: float) -> None:
    """Tilt a normal by soft folds that fall from the shoulders to the middle."""
    along = abs(x) * 0.8 + y
    tilt = value_noise(along * 5.5 + 1.5, x * 1.2, z * 1.5, 43) + 0.5 * value_noise(
        along * 12, x * 2, z * 2, 44
    )
    normal[n, 0] += 0.22 * strength * tilt * (1.0 if x > 0 else -1.0)
    normal[n, 1] += 0.30 * strength * tilt
    length = math.sqrt(normal[n, 0] ** 2 + normal[n, 1] ** 2 + normal[n, 2] ** 2) + 1e-9
    for axis in range(3):
        normal[n, axis] /= length


def collar_colour(face: Face, colour: np.ndarray) -> np.ndarray:
    """3, linear: the garment's own colour, lighter or darker."""
    target = 0.8 if face.trim > 0 else 0.02
    return (colour + abs(face.trim) * (target - colour)).astype(np.float32)
