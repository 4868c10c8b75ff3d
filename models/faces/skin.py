"""Skin: its relief (pores, wrinkles, folds), its colour and its gloss, as functions of the rest head.

Wrinkles are grooves at anatomical places, so that age can be read: forehead, frown, crow's feet, bags, folds from
the nose and from the mouth's corners, lines on lips and neck, sagging texture on cheeks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.coverage import beard_density, brow_density, scalp_density
from models.faces.noise import bump, ramp, value_noise
from models.faces.parameters import Face, linear, years

_LIPS, _EARS, _LIDS, _INSIDE = 0, 1, 2, 3


class SkinLook(NamedTuple):
    """What the kernels need of a face; 0…1 unless told."""

    old: float  # 0 up to 23 years … 1 at 73, soonest between 30 and 50
    feminine: float  # redder lips, shaped brows, of grown faces
    smile: float
    frown: float
    raised: float  # brows up
    melanin: float
    ruddy: float
    freckles: float
    makeup: float
    hairline: float
    recede: float
    bald: float
    beard: float
    moustache: float
    goatee: float
    brows: float
    stubble: float


def skin_look(face: Face) -> SkinLook:
    """The part of `face` that shows on the skin."""
    age = years(face.age)
    old = np.clip((age - 23) / 50, 0, 1.2) ** 0.75 + 0.2 * face.wear * np.clip((age - 24) / 25, 0, 1)
    old = np.clip(old, 0, 1.3)
    return SkinLook(
        float(old), (1 - face.male) * (0.4 + 0.6 * ramp(9.0, 17.0, age)), face.smile, face.frown + max(0.0, -face.brow),
        max(0.0, face.brow), face.mel, face.ruddy, face.freckles, face.makeup, face.hairline, face.recede, face.bald,
        face.beard, face.moustache, face.goatee, face.browth, face.male * ramp(15.0, 24.0, age),
    )  # fmt: skip


@kernel
def _groove(distance: float, width: float) -> float:
    """A fold's profile: a valley with soft shoulders."""
    return -bump(distance, width) + 0.35 * bump(abs(distance) - 1.9 * width, width)


@kernel
def _forehead(x: float, y: float, look: SkinLook) -> float:
    """Four wavering lines across and two upright ones between the brows."""
    total = 0.0
    reach = ramp(0.55, 0.30, abs(x))
    if look.old < 0.02 and look.raised < 0.02 and look.frown < 0.02:
        return 0.0
    for k in range(4):
        wave = 0.012 * value_noise(x * 4, k * 3.7, 0.0, 21) + 0.03 * x * x
        strength = 0.65 + 0.35 * value_noise(x * 3, k * 5.1, 1.0, 22)
        total += strength * _groove(y - (7.62 + 0.105 * k) - wave, 0.021)
    upright = _groove(abs(x) - 0.045 - 0.1 * (y - 7.45), 0.018) * bump(y - 7.45, 0.085)
    deep = look.old
    return reach * total * (
        (1.2 - 0.15 * look.feminine) * deep + 0.35 * look.raised * ramp(0, 0.4, look.old)
    ) + upright * ((1.15 - 0.25 * look.feminine) * deep + 0.4 * look.frown)


@kernel
def _around_eye(x: float, y: float, look: SkinLook) -> float:
    """Crow's feet, and two crescents below the eye (bag and tear trough)."""
    side = abs(x)
    dx, dy = side - 0.44, y - 7.28
    radius, angle = math.sqrt(dx * dx + dy * dy), math.atan2(dy, dx)
    fan = 0.0
    for k in range(4):
        fan += _groove((angle - (-0.75 + 0.42 * k)) * radius, 0.015)
    fan *= ramp(0.06, 0.10, radius) * ramp(0.27, 0.14, radius) * ramp(1.15, 0.85, abs(angle + 0.1))
    ex, ey = (side - 0.31) / 0.19, (y - 7.27) / 0.135
    ring = math.sqrt(ex * ex + ey * ey)
    lower = ramp(0.0, -0.45, ey) * ramp(1.4, 0.9, abs(ex))
    crescents = _groove((ring - 1.05) * 0.15, 0.024) + 0.55 * _groove((ring - 0.72) * 0.15, 0.014)
    return fan * (1.3 * look.old + 0.35 * look.smile * (0.25 + look.old)) + lower * crescents * (
        0.06 + 1.35 * look.old
    )


@kernel
def _around_mouth(x: float, y: float, z: float, look: SkinLook) -> float:
    """Folds from the nose's wings, from the mouth's corners, and fine lines above the lip."""
    side = abs(x)
    t = (6.96 - y) / 0.36
    fold = _groove(side - (0.165 + 0.19 * t - 0.06 * t * t), 0.03) * ramp(-0.02, 0.25, t) * ramp(1.15, 0.75, t)
    u = (6.60 - y) / 0.24
    marionette = _groove(side - (0.275 + 0.03 * u), 0.022) * ramp(0, 0.2, u) * ramp(1.1, 0.6, u)
    lines = (
        math.sin(x * 95 + 2 * value_noise(x * 6, y * 6, 0.0, 23))
        * bump(y - 6.765, 0.05)
        * ramp(0.24, 0.16, side)
    )
    chin = value_noise(x * 9, y * 9, z * 9, 24) * bump(y - 6.36, 0.09) * ramp(0.22, 0.1, side)
    return (
        fold * (0.05 + 1.35 * look.old + 0.55 * look.smile * (0.45 + look.old))
        + marionette * (0.9 - 0.15 * look.feminine) * look.old
        + 0.3 * lines * look.old**1.5
        + 0.3 * chin * look.old
    )


@kernel
def _texture(x: float, y: float, z: float, old: float) -> float:
    """Pores on all skin; crepe, sag and neck bands on old skin."""
    pores = 0.05 * value_noise(x * 60, y * 60, z * 60, 7) + 0.07 * value_noise(x * 28, y * 28, z * 28, 8)
    if old < 0.03:
        return pores
    crepe = value_noise(x * 26 + 8 * y, y * 13 - 6 * abs(x), z * 13, 25) + 0.7 * value_noise(
        x * 12, y * 18, z * 12, 26
    )
    cheek = bump(abs(x) - 0.5, 0.25) * bump(y - 6.85, 0.35)
    bands = 0.0
    if y < 6.25:
        bands = _groove(math.sin(y * 21 + value_noise(x * 2, y * 2, z * 2, 27)) * 0.05, 0.02) * ramp(
            6.25, 6.1, y
        )
    return pores + old**1.2 * (0.5 * crepe * (0.4 + 0.6 * cheek) + 0.5 * bands)


@kernel
def skin_height(rest: np.ndarray, part: np.ndarray, look: SkinLook) -> np.ndarray:
    """H,W relief; 1 is the depth of a deep wrinkle (about a millimetre). `rest` H,W,3; `part` H,W."""
    height = np.zeros(part.shape, np.float32)
    for row in range(part.shape[0]):
        for column in range(part.shape[1]):
            if part[row, column] != hd.BODY:
                continue
            x, y, z = rest[row, column, 0], rest[row, column, 1], rest[row, column, 2]
            total = _texture(x, y, z, look.old)
            if z > 0.9:
                if 7.4 < y < 8.05:
                    total += _forehead(x, y, look)
                elif y < 7.05:
                    total += _around_mouth(x, y, z, look)
                if 6.95 < y < 7.55:
                    total += _around_eye(x, y, look)
            height[row, column] = total
    return height


@kernel
def _blood(x: float, y: float, z: float, ear: float) -> float:
    """Where blood shows: cheeks, nose, chin, ears."""
    if z < 0.2:
        return 0.5 * ear
    cheek = bump(math.hypot(abs(x) - 0.44, y - 6.98), 0.20)
    nose = bump(math.hypot(x, y - 6.95), 0.13) * ramp(1.4, 1.55, z)
    return cheek + 0.9 * nose + 0.7 * ear + 0.3 * bump(math.hypot(x, y - 6.35), 0.15)


@kernel
def _hair_shadow(x: float, y: float, z: float, lips: float, ear: float, look: SkinLook) -> float:
    """How much the roots of hair darken the skin here."""
    if y > 7.3 and z > 1.0 and y < 7.7:
        return 0.42 * (0.4 + 0.6 * look.brows) * brow_density(x, y, z, look.brows)
    if y > 7.2 or z < 0.9:
        return 0.9 * scalp_density(x, y, z, look.hairline, look.recede, look.bald) * (1 - ramp(0.2, 0.5, ear))
    shaved = 0.20 * look.stubble * beard_density(x, y, z, 1.0, 1.0, 0.0)
    return max(shaved, 0.6 * beard_density(x, y, z, look.beard, look.moustache, look.goatee)) * (1 - lips)


@kernel
def paint_skin(
    rest: np.ndarray,  # H,W,3
    masks: np.ndarray,  # H,W,5
    part: np.ndarray,  # H,W
    height: np.ndarray,  # H,W of skin_height
    look: SkinLook,
    hair: np.ndarray,  # 3, linear
    lipstick: np.ndarray,  # 3, linear
    albedo: np.ndarray,  # H,W,3 linear, written
    gloss: np.ndarray,  # H,W written; 1 = bare skin
) -> None:
    """Colour the skin: melanin and blood absorb, spots and hair roots darken, make-up covers."""
    for row in range(part.shape[0]):
        for column in range(part.shape[1]):
            if part[row, column] != hd.BODY:
                continue
            x, y, z = rest[row, column, 0], rest[row, column, 1], rest[row, column, 2]
            lips = ramp(0.25, 0.75, masks[row, column, _LIPS])
            ear, inside = masks[row, column, _EARS], ramp(0.3, 0.8, masks[row, column, _INSIDE])
            patches = value_noise(x * 5, y * 5, z * 5, 3)
            fine = value_noise(x * 16, y * 16, z * 16, 5)
            eye = math.hypot((abs(x) - 0.31) / 0.19, (y - 7.25) / 0.13)
            socket = bump(eye - 0.6, 0.55) * ramp(0.9, 1.1, z)
            uneven = 1 + 1.5 * look.old
            melanin = look.melanin * (1 + uneven * (0.06 * patches + 0.045 * fine)) + 0.02 * socket * (
                1 + 4 * look.old
            )
            spots, dots = 0.0, 0.0
            if look.old > 0.3:
                spots = ramp(0.4, 0.75, value_noise(x * 13, y * 13, z * 13, 13)) * ramp(0.3, 1.0, look.old)
            if look.freckles > 0:
                dots = ramp(0.45, 0.7, value_noise(x * 34, y * 34, z * 34, 11)) * bump(y - 7.05, 0.35)
                dots *= look.freckles
            melanin += (0.10 * spots + 0.16 * dots) * (1 - look.melanin)
            shaded = _hair_shadow(x, y, z, lips, ear, look)
            lid = masks[row, column, _LIDS] * bump(y - 7.36, 0.08)
            cavity = ramp(0.0, -1.2, height[row, column])
            blood = (0.25 + 0.75 * look.ruddy) * _blood(x, y, z, ear) * (1 - 0.5 * look.melanin)
            blood += (
                uneven * (0.08 * patches + 0.05 * fine)
                + 0.35 * cavity
                + 0.2 * socket
                + 0.12 * look.old * (1 + patches)
            )
            blood += look.makeup * (0.35 * bump(math.hypot(abs(x) - 0.47, y - 6.98), 0.16) + 0.3 * lid)
            blood += lips * (1.05 + 0.6 * look.feminine - 0.5 * look.old - 0.3 * look.melanin)
            sallow = 0.15 * look.old
            red = 0.80 * math.exp(-2.35 * melanin - 0.12 * blood - 0.4 * sallow)
            green = 0.56 * math.exp(-2.80 * melanin - 0.54 * blood - 0.6 * sallow)
            blue = 0.45 * math.exp(-3.10 * melanin - 0.48 * blood - 1.5 * sallow)
            border = 4 * lips * (1 - lips)
            dark = (
                1
                - 0.12 * border
                - 0.08 * lips
                - 0.46 * cavity * (0.5 + 0.5 * look.old)
                - 0.45 * look.makeup * lid
            )
            painted = 0.85 * lips * look.makeup
            for channel in range(3):
                colour = (red, green, blue)[channel] * dark
                colour += painted * (lipstick[channel] - colour)
                colour += shaded * (hair[channel] - colour)
                colour += inside * ((0.13, 0.025, 0.025)[channel] - colour)
                albedo[row, column, channel] = colour
            t_zone = 0.7 * bump(math.hypot(x, y - 7.75), 0.3) + bump(math.hypot(x, y - 6.97), 0.12)
            gloss[row, column] = (1 + 0.8 * t_zone + lips * (0.3 + 1.2 * look.makeup)) * (1 - 0.9 * shaded)


def lipstick(face: Face) -> np.ndarray:
    """3, linear: from brown over red to pink."""
    red, green, blue = (
        float(np.interp(face.lipcol, (-1, 0, 1), values))
        for values in ((0.50, 0.70, 0.84), (0.24, 0.12, 0.32), (0.20, 0.15, 0.42))
    )
    darkness = 1 - 0.35 * face.mel
    return linear((red * darkness, green * darkness, blue * darkness))
