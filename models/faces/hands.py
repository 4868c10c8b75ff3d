"""Hands: bones to capsules, and the places where people hold them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.faces.limbs import PHALANX, SKIN, SLEEVE, TIP, Limbs, draw_limbs, hand_skin, joined
from models.faces.occluder_canvas import Canvas
from models.faces.sitter import Sitter
from models.faces.surfaces import random_colour

# dm, back of a right hand, wrist at the origin, y along the fingers: index, middle, ring, little
_KNUCKLES = ((-0.29, 0.92), (-0.09, 0.99), (0.11, 0.95), (0.29, 0.84))
_LENGTHS = ((0.40, 0.24, 0.17), (0.45, 0.28, 0.18), (0.41, 0.26, 0.18), (0.31, 0.19, 0.16))
_RADII = ((0.105, 0.098, 0.083, 0.066), (0.108, 0.100, 0.085, 0.068), (0.102, 0.094, 0.080, 0.064),
          (0.088, 0.080, 0.069, 0.056))  # fmt: skip


@dataclass(frozen=True)
class Posture:
    """Bends in radians: at the knuckle, then both finger joints as one number; per finger, index first."""

    knuckles: tuple[float, float, float, float]
    joints: tuple[float, float, float, float]
    spread: float  # radians between neighbours
    thumb: float  # 0 along the hand … 1 spread away


FLAT = Posture((0.12, 0.08, 0.1, 0.15), (0.12, 0.1, 0.12, 0.15), 0.05, 0.5)
POINTING = Posture((0.1, 1.15, 1.2, 1.25), (0.1, 1.25, 1.3, 1.3), 0.02, 0.1)
FIST = Posture((1.05, 1.1, 1.1, 1.15), (1.2, 1.25, 1.25, 1.3), 0.03, 0.15)
RELAXED = Posture((0.35, 0.4, 0.5, 0.6), (0.4, 0.45, 0.5, 0.6), 0.09, 0.6)


def varied(posture: Posture, rng: np.random.Generator) -> Posture:
    """Nobody holds it exactly so."""
    knuckles = np.clip(np.array(posture.knuckles) + rng.normal(0, 0.09, 4), 0, 1.4)
    joints = np.clip(np.array(posture.joints) + rng.normal(0, 0.09, 4), 0, 1.45)
    return Posture(
        tuple(knuckles), tuple(joints), posture.spread + rng.uniform(-0.02, 0.08), posture.thumb * rng.uniform(0.5, 1.4)
    )  # fmt: skip


def hand(posture: Posture, sleeve_from: float) -> Limbs:
    """The capsules in hand coordinates; the sleeve begins `sleeve_from` dm behind the wrist."""
    ends: list[list[np.ndarray]] = []
    radii: list[tuple[float, float]] = []
    chain: list[int] = []
    what: list[int] = []

    def add(start: np.ndarray, end: np.ndarray, sizes: tuple[float, float], group: int, kind: int) -> None:
        ends.append([start, end])
        radii.append(sizes)
        chain.append(group)
        what.append(kind)

    wrist = np.zeros(3)
    add(np.array([0.0, -2.5, 0.02]), wrist, (0.36, 0.25), 0, SKIN)
    add(np.array([0.0, -3.5, 0.03]), np.array([0.0, -sleeve_from, 0.03]), (0.55, 0.38), 9, SLEEVE)
    for finger, (x, y) in enumerate(_KNUCKLES):
        at, sizes = np.array([x, y, -0.015 * abs(finger - 1.2)]), _RADII[finger]
        add(np.array([0.45 * x, 0.08, 0.0]), at, (0.21, 0.135), 0, SKIN)
        way, bend = (finger - 1.4) * posture.spread + 0.06 * x, 0.0
        turns = (posture.knuckles[finger], posture.joints[finger], 0.8 * posture.joints[finger])
        for bone, (length, turn) in enumerate(zip(_LENGTHS[finger], turns, strict=True)):
            bend += turn
            step = np.array([math.sin(way) * math.cos(bend), math.cos(way) * math.cos(bend), -math.sin(bend)])
            following = at + length * step
            kind = TIP if bone == 2 else PHALANX
            add(at, following, (sizes[bone], sizes[bone + 1]), finger + 1, kind)
            at = following
    out = 0.25 + 0.75 * posture.thumb
    joint = np.array([-0.40 - 0.16 * out, 0.50, -0.06])
    middle = joint + np.array([-0.24 * out, 0.27, 0.0])
    tip = middle + np.array([-0.10 * out + 0.02, 0.24, 0.0])
    add(np.array([-0.16, 0.12, -0.02]), joint, (0.19, 0.135), 0, SKIN)
    add(joint, middle, (0.125, 0.105), 5, PHALANX)
    add(middle, tip, (0.105, 0.078), 5, TIP)
    return Limbs(np.array(ends), np.array(radii), np.array(chain), np.array(what))


def draw_hand(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """On a cheek, before the mouth, under the chin, over an eye, pointing to the lips, or raised beside."""
    side = rng.choice((-1.0, 1.0))  # −1: from the picture's left
    name = "right" if side < 0 else "left"
    mouth = (sitter.on_canvas("lip_corner_right") + sitter.on_canvas("lip_corner_left")) / 2
    jaw = sitter.on_canvas("jaw_4" if side < 0 else "jaw_12")
    chin, eye = sitter.on_canvas("jaw_8"), sitter.on_canvas(f"eye_{name}_above_outer")
    face = sitter.size
    places = (
        (FLAT, (0.0, 1.30), 0.5 * (jaw + 0.5 * (mouth + eye)), -side * rng.uniform(0.0, 0.45)),
        (FLAT, (0.0, 1.25), mouth, -side * rng.uniform(0.7, 1.25)),
        (FIST, (0.0, 0.85), chin + 0.05 * face, -side * rng.uniform(-0.1, 0.5)),
        (RELAXED, (0.0, 1.05), eye, -side * rng.uniform(0.2, 0.9)),
        (POINTING, (-0.27, 1.55), mouth, -side * rng.uniform(0.15, 0.6)),
        (FLAT, (0.0, 0.8), jaw + np.array([side, 0.2]) * 0.35 * face, -side * rng.uniform(-0.3, 0.2)),
    )
    posture, anchor, target, angle = places[rng.choice(6, p=(0.24, 0.24, 0.17, 0.12, 0.13, 0.10))]
    scale = sitter.pixels_per_dm * sitter.scale * rng.uniform(0.82, 0.98)
    mirrored = 1.0 if side < 0 else -1.0
    limbs = hand(varied(posture, rng), rng.uniform(0.25, 1.6))
    at = limbs_offset(anchor, angle, scale, mirrored)
    jitter = rng.normal(0, 0.05, 2) * sitter.pixels_per_dm
    skin, sleeve = hand_skin(sitter, rng), random_colour(rng)
    draw_limbs(sitter, canvas, limbs.placed(target - at + jitter, angle, scale, mirrored), skin, sleeve, 0.12)


def limbs_offset(anchor: tuple[float, float], angle: float, scale: float, mirrored: float) -> np.ndarray:
    """2: canvas offset of a place in hand coordinates from the wrist."""
    x, y = anchor[0] * mirrored, anchor[1]
    right, up = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    return np.array([right, -up]) * scale


def wrapped_fingers(count: int, reach: float, gap: float, base: float) -> Limbs:
    """Fingers around a thing whose axis is y: they come from x = −`base` to x = `reach`, stacked `gap` dm apart.

    With the back of the hand behind them and the forearm going down. Nails look to the viewer.
    """
    parts: list[Limbs] = []
    for finger in range(count):
        y, sizes = -gap * finger, _RADII[min(finger, 3)]
        tip = reach * (1, 1.08, 1.0, 0.82)[finger % 4]
        knuckle = np.array([-base, y + 0.04, 0.02])
        joint = np.array([-0.35 * base, y + 0.01, 0.16])
        last = np.array([tip - 0.16, y - 0.02, 0.13])
        ends = np.array([[knuckle, joint], [joint, last], [last, [tip, y - 0.03, 0.06]]])
        radii = np.array([[0.12, sizes[1]], [sizes[1], sizes[2]], [sizes[2], sizes[3]]])
        parts.append(Limbs(ends, radii, np.full(3, finger + 1), np.array([SKIN, PHALANX, TIP])))
    low = -gap * (count - 1)
    palm = [
        [[-base, 0.02, -0.05], [-base - 0.12, low - 0.3, -0.08]],
        [[-base + 0.02, low, -0.05], [-base - 0.1, low - 0.35, -0.08]],
        [[-base - 0.1, low - 0.3, -0.08], [-base - 0.35, low - 3.0, -0.1]],
    ]
    back = Limbs(
        np.array(palm), np.array([[0.15, 0.22], [0.14, 0.22], [0.26, 0.36]]), np.zeros(3, int), np.full(3, SKIN)
    )
    return joined(back, *parts)
