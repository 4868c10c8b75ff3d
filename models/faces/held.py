"""Microphones, telephones and cups, and the fingers that hold them."""

from __future__ import annotations

import math

import numpy as np

from models.faces.hands import wrapped_fingers
from models.faces.limbs import draw_limbs, hand_skin
from models.faces.occluder_canvas import Canvas, Paint, cast_shadow, draw_world_mesh, lit_surface, over
from models.faces.sitter import Sitter
from models.faces.surfaces import random_colour, turned


def _mouth(sitter: Sitter) -> np.ndarray:
    """3, world."""
    corners = [sitter.landmark(name) for name in ("lip_corner_right", "lip_corner_left")]
    return sitter.pose.to_world(np.mean(corners, 0))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _hold(
    sitter: Sitter, canvas: Canvas, rng: np.random.Generator, at: np.ndarray, axis: np.ndarray, radius: float,
    fingers: int, side: float,
) -> None:  # fmt: skip
    """Fingers around the thing at `at` (world) with the upward `axis`, from the `side` (−1 the picture's left)."""
    here, there = sitter.place_world(np.stack([at, at + 0.2 * axis]))[:, :2]
    angle = math.atan2(there[0] - here[0], here[1] - there[1])
    limbs = wrapped_fingers(fingers, radius * rng.uniform(0.55, 0.9), 0.185, radius + 0.10)
    scale = sitter.pixels_per_dm * sitter.scale * rng.uniform(0.85, 0.98)
    mirrored = -side
    placed = limbs.placed(here, angle + rng.normal(0, 0.08), scale, mirrored)
    draw_limbs(sitter, canvas, placed, hand_skin(sitter, rng), random_colour(rng), 0.25)


def draw_microphone(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """A ball of foam or wire mesh before the mouth, a tapered handle, mostly a hand."""
    scale, side = sitter.scale, rng.choice((-1.0, 1.0))
    axis = _unit(np.array([-side * rng.uniform(0.0, 0.7), 1.0, -rng.uniform(0.05, 0.5)]))  # up to the ball
    ball = rng.uniform(0.20, 0.30) * scale
    centre = _mouth(sitter) + np.array([side * rng.uniform(0, 0.3), -rng.uniform(0.0, 0.35), 0.25]) * scale
    foam, colour = rng.random() < 0.5, random_colour(rng, 0.03)
    if rng.random() < 0.5:
        colour = np.full(3, 0.02 if foam else 0.32)
    grip = np.full(3, rng.choice((0.015, 0.05, 0.3)))

    def head(uv: np.ndarray, _: np.ndarray) -> Paint:
        u, v = uv.T
        if foam:
            return Paint(colour * (0.8 + 0.4 * (np.sin(u * 390 + 31 * np.sin(v * 70)) > 0))[:, None], 0.02)
        wire = (np.abs(np.sin(u * 120 + v * 40)) < 0.45) | (np.abs(np.sin(u * 120 - v * 40)) < 0.45)
        ring = np.abs(v - 0.5) < 0.07
        return Paint(np.where((wire | ring)[:, None], colour, 0.25 * colour), 1.2)

    arc = np.linspace(-np.pi / 2, np.pi / 2, 22)
    seen = draw_world_mesh(
        sitter, canvas, turned(centre, axis, ball * np.sin(arc), ball * np.cos(arc)), head, 0.1 * scale
    )
    low = np.array([0.85, 0.9, 1.5, 1.6, 9.0]) * ball
    wide = np.array([0.0, 0.62, 0.5, 0.46, 0.36]) * ball
    seen |= draw_world_mesh(
        sitter, canvas, turned(centre, -axis, low, wide), lambda uv, _: Paint(grip, 0.8), 0.1 * scale
    )
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.30)
    if rng.random() < 0.8:
        place = centre - axis * (ball * rng.uniform(1.6, 2.6) + 0.1 * scale)
        _hold(sitter, canvas, rng, place, axis, 0.15, 4, side)


def draw_cup(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """A paper cup or a mug at the lips, held from one side."""
    scale, side = sitter.scale, rng.choice((-1.0, 1.0))
    axis = _unit(np.array([side * rng.uniform(-0.1, 0.25), 1.0, -rng.uniform(0.0, 0.5)]))
    tall, top = rng.uniform(0.75, 1.1) * scale, rng.uniform(0.30, 0.42) * scale
    paper = rng.random() < 0.55
    low = top * (rng.uniform(0.66, 0.8) if paper else rng.uniform(0.9, 1.0))
    rim = _mouth(sitter) + np.array([side * rng.uniform(-0.05, 0.3), -rng.uniform(-0.15, 0.12), 0.35]) * scale
    colour, second, pattern = random_colour(rng, 0.1), random_colour(rng), rng.choice(4)
    heights = np.array([0.0, 0.001, 0.03, 0.5, 0.95, 0.965, 1.0]) * tall
    part = np.array([0.0, 0.001, 0.03, 0.5, 0.95, 0.965, 1.0])
    radii = low + (top - low) * part + np.array([0, 0, 0, 0, 0, 0.02, 0.02]) * scale
    radii[0] = 0

    def wall(uv: np.ndarray, _: np.ndarray) -> Paint:
        u, v = uv[:, 0], np.interp(uv[:, 1], np.linspace(0, 1, 7), part)
        marked = (
            (pattern == 1) & (v > 0.28) & (v < 0.72)
            | (pattern == 2) & (np.sin(v * 40) > 0.4)
            | (pattern == 3) & (np.hypot((u * 4 % 1 - 0.5) / 0.25, (v - 0.55) / 0.18) < 1)
        )
        lid = paper & (v > 0.93)
        albedo = np.where(marked[:, None], second, colour)
        return Paint(
            np.where(lid[:, None], 0.75 if colour.mean() < 0.4 else 0.05, albedo), 0.15 if paper else 0.9
        )

    base = rim - axis * tall
    seen = draw_world_mesh(sitter, canvas, turned(base, axis, heights, radii), wall, 0.25 * scale)
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.25)
    place = base + axis * tall * rng.uniform(0.55, 0.8)
    _hold(sitter, canvas, rng, place, axis, float(0.9 * top / scale), 4, side)


def draw_phone(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """A slab at the ear or before the face (its back with the cameras, or its screen), and fingers."""
    side = rng.choice((-1.0, 1.0))
    unit = sitter.pixels_per_dm * sitter.scale
    if rng.random() < 0.5:
        jaw = sitter.on_canvas("jaw_2" if side < 0 else "jaw_14")
        target, angle = jaw + np.array([side * 0.05, -0.2]) * unit, -side * rng.uniform(0.0, 0.4)
    else:
        nose = sitter.on_canvas("nose_3")
        target, angle = nose + rng.uniform(-0.6, 0.6, 2) * unit, rng.normal(0, 0.15)
    half = np.array([rng.uniform(0.34, 0.40), rng.uniform(0.68, 0.82)]) * unit * rng.uniform(0.9, 1.05)
    seen = _draw_slab(sitter, canvas, rng, target, angle, half)
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.2)
    limbs = wrapped_fingers(
        4, float(half[0] / unit) * rng.uniform(-0.7, -0.2), 0.19, float(half[0] / unit) + 0.08
    )
    turn = np.array([math.sin(angle), -math.cos(angle)])
    middle = target + turn * half[1] * rng.uniform(-0.1, 0.25)
    scale = unit * rng.uniform(0.85, 0.98)
    placed = limbs.placed(middle, angle, scale, -side)
    draw_limbs(sitter, canvas, placed, hand_skin(sitter, rng), random_colour(rng), 0.2)


def _draw_slab(
    sitter: Sitter, canvas: Canvas, rng: np.random.Generator, target: np.ndarray, angle: float, half: np.ndarray
) -> np.ndarray:
    """H,W bool where it is; canvas pixels."""
    row, column = np.mgrid[: sitter.canvas_size, : sitter.canvas_size].astype(np.float32) + 0.5
    x, y = column - target[0], row - target[1]
    across, down = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    corner = rng.uniform(0.12, 0.28) * half[0]
    inner = np.stack([np.abs(across) - half[0], np.abs(down) - half[1]], -1) + corner
    outside = np.linalg.norm(np.maximum(inner, 0), axis=-1) + np.minimum(inner.max(-1), 0) - corner
    seen = outside < 0
    rim = np.clip(1 + outside[seen] / (0.10 * half[0]), 0, 1)
    u, v = across[seen] / half[0], down[seen] / half[1]
    painted = _phone_back if rng.random() < 0.65 else _phone_screen
    albedo = painted(u, v, float(half[1] / half[0]), random_colour(rng, 0.03, 0.8) * 0.9, rng)
    tilt_x = rng.normal(0, 0.25) + 1.5 * rim * np.sign(u) * (
        np.abs(u) * half[0] > np.abs(v) * half[1] - half[1] + half[0]
    )
    normal = np.stack([tilt_x, rng.normal(0, 0.15) - 0.6 * rim * np.sign(v), np.ones_like(u)], 1)
    view = np.broadcast_to(np.array([0.0, 0.0, 1.0]), normal.shape)
    over(canvas, seen, lit_surface(normal, view, albedo, np.full(len(u), 0.8), sitter.lights), 1.0)
    return seen


def _phone_back(
    u: np.ndarray, v: np.ndarray, tall: float, colour: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """P,3 albedo at −1…1 across and down of a back `tall` times as high as wide: one to three cameras."""
    albedo = np.tile(colour, (len(u), 1))
    for x, y in ((-0.55, -0.76), (-0.55, -0.54), (-0.13, -0.65))[: int(rng.integers(1, 4))]:
        distance = np.hypot(u - x, (v - y) * tall)
        albedo[distance < 0.24] = 0.10
        albedo[distance < 0.19] = 0.008
        albedo[np.hypot(u - x + 0.05, (v - y + 0.03) * tall) < 0.045] = 0.3
    return albedo


def _phone_screen(
    u: np.ndarray, v: np.ndarray, tall: float, colour: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """As `_phone_back`: black glass with a streak of light, framed."""
    glass = (np.abs(u) < 1 - 0.08) & (np.abs(v) < 1 - 0.1 / tall)
    streak = 0.02 + 0.10 * (np.sin(1.5 * u + 2.2 * v + rng.uniform(0, 6)) > 0.55)
    return np.where(glass[:, None], streak[:, None] * np.array([0.9, 0.95, 1.1]), colour)
