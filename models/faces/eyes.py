"""Eyeballs: sclera, iris, pupil, and the wet surface's normals. Teeth and tongue too."""

from __future__ import annotations

import math

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.noise import bump, ramp, value_noise

_IRIS = 0.47  # angular radius, radians
_PUPIL = 0.17


@kernel
def paint_eye(
    which: int,  # hd.LEFT_EYE or hd.RIGHT_EYE
    part: np.ndarray,  # H,W
    world: np.ndarray,  # H,W,3
    centre: np.ndarray,  # 3, world
    radius: float,
    frame: np.ndarray,  # 3,3: columns right, up, forward of the gaze, world
    iris: np.ndarray,  # 3, linear
    age: float,  # 0…1, yellows the sclera
    albedo: np.ndarray,  # H,W,3 written
    normal: np.ndarray,  # H,W,3 written
    gloss: np.ndarray,  # H,W written
) -> None:
    """Paint one eyeball as a sphere with a bulging cornea."""
    for row in range(part.shape[0]):
        for column in range(part.shape[1]):
            if part[row, column] != which:
                continue
            out = (world[row, column] - centre).astype(np.float32)
            out /= np.sqrt((out**2).sum()) + 1e-9
            across = out[0] * frame[0, 0] + out[1] * frame[1, 0] + out[2] * frame[2, 0]
            upward = out[0] * frame[0, 1] + out[1] * frame[1, 1] + out[2] * frame[2, 1]
            ahead = out[0] * frame[0, 2] + out[1] * frame[1, 2] + out[2] * frame[2, 2]
            angle = math.acos(min(1.0, max(-1.0, ahead)))
            turn = math.atan2(upward, across)
            fibres = value_noise(math.cos(turn) * 9, math.sin(turn) * 9, angle * 3, 31)
            within = ramp(_IRIS + 0.05, _IRIS - 0.04, angle)
            pupil = ramp(_PUPIL + 0.04, _PUPIL - 0.03, angle)
            limbus = bump(angle - _IRIS, 0.10)
            collar = bump(angle - 0.25, 0.08)
            veins = ramp(0.7, 1.2, angle) * (0.6 + 0.4 * value_noise(across * 30, upward * 30, 0.0, 32))
            lid = ramp(-0.25, 0.75, (world[row, column, 1] - centre[1]) / radius)
            dark = (1 - 0.55 * lid) * (1 - 0.35 * ramp(0.75, 1.3, angle))
            for channel in range(3):
                white = (0.66 - 0.05 * age, 0.62 - 0.12 * veins - 0.09 * age, 0.58 - 0.14 * veins - 0.17 * age)[
                    channel
                ]
                colour = iris[channel] * (1.15 + 0.5 * fibres + 0.55 * collar - 0.25 * lid) * (1 - 0.7 * limbus)
                colour = white + within * (colour - white)
                colour += pupil * (0.004 - colour)
                albedo[row, column, channel] = max(0.003, colour) * dark
            bulge = 0.30 * ramp(_IRIS + 0.1, 0.0, angle)
            for axis in range(3):
                normal[row, column, axis] = out[axis] + bulge * (out[axis] - frame[axis, 2])
            normal[row, column] /= np.sqrt((normal[row, column] ** 2).sum()) + 1e-9
            gloss[row, column] = 1.0


@kernel
def paint_mouth(
    part: np.ndarray,  # H,W
    rest: np.ndarray,  # H,W,3
    age: float,  # 0…1, yellows the teeth
    albedo: np.ndarray,  # H,W,3 written
    gloss: np.ndarray,  # H,W written
) -> None:
    """Teeth with gaps and gums; tongue."""
    for row in range(part.shape[0]):
        for column in range(part.shape[1]):
            kind = part[row, column]
            x, y, z = rest[row, column, 0], rest[row, column, 1], rest[row, column, 2]
            if kind == hd.TONGUE:
                albedo[row, column, 0], albedo[row, column, 1], albedo[row, column, 2] = 0.36, 0.11, 0.10
                gloss[row, column] = 2.0
            if kind == hd.TEETH:
                arc = math.atan2(x, z - 1.08) / 0.235
                upper = y > 6.62
                gap = bump(arc - math.floor(arc + 0.5), 0.06)
                gum = ramp(6.72, 6.76, y) if upper else ramp(6.54, 6.50, y)
                back = 0.35 + 0.65 * ramp(1.15, 1.45, z)
                for channel in range(3):
                    tooth = (0.92, 0.87 - 0.05 * age, 0.78 - 0.18 * age)[channel] * (1 - 0.35 * gap)
                    colour = tooth + gum * ((0.48, 0.16, 0.15)[channel] - tooth)
                    albedo[row, column, channel] = colour * back
                gloss[row, column] = 3.0
