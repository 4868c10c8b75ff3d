"""Sunglasses, face masks and scarves, fitted to the shaped head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.faces import glasses
from models.faces import head_data as hd
from models.faces.labels import Region
from models.faces.occluder_canvas import Canvas, Mesh, Paint, cast_shadow, draw_mesh
from models.faces.sitter import Sitter
from models.faces.surfaces import draped, grid, random_colour, tube

_AXIS = 0.55  # dm, z of the vertical axis a face mask is wrapped about


def draw_sunglasses(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """Dark lenses that mirror sky and horizon, in a frame; temples vanish under hair."""
    shape = (rng.uniform(0.2, 1.7), rng.uniform(-0.2, 1.9), rng.uniform(-1, 0.8), rng.uniform(-0.6, 1))
    worn = replace(sitter.face, glasses=1.0, gl=shape)
    frame, lenses = glasses.frame_and_lenses(worn, sitter.shaped, sitter.scale)
    colour = random_colour(rng, 0.03, 0.6) if rng.random() < 0.5 else np.full(3, 0.012)
    tint, mirror = random_colour(rng, 0.03, 0.5) * 0.08, random_colour(rng, 0.3) if rng.random() < 0.3 else 1.0
    opacity, strength = rng.uniform(0.9, 1.0), rng.uniform(0.03, 0.35)
    horizon, slope = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)
    sky = sitter.lights.sky.mean()
    albedo_of_light = max(0.2, float(sky))

    def lens(uv: np.ndarray, _: np.ndarray) -> Paint:
        high = uv[:, 1] - slope * uv[:, 0] - horizon
        bright = np.clip(high / 0.25 + 0.3, 0.08, 1) * (0.75 + 0.25 * np.cos(5 * uv[:, 0] + 3 * slope))
        reflected = strength * bright[:, None] * np.array([0.85, 0.95, 1.1]) * mirror * 0.28
        return Paint(tint * (1.3 - 0.8 * uv[:, 1:2]) + reflected / albedo_of_light, 0.5, opacity)

    hair = sitter.region(Region.HAIR)
    lower = sitter.on_canvas("eye_right_outer")[0], sitter.on_canvas("eye_left_outer")[0]

    def rim(uv: np.ndarray, places: np.ndarray) -> Paint:
        margin = 0.15 * (lower[1] - lower[0])
        beside = (places[:, 0] < lower[0] - margin) | (places[:, 0] > lower[1] + margin)
        hidden = beside & hair[places[:, 1], places[:, 0]]
        return Paint(colour, 1.0, np.where(hidden, 0.0, 1.0))

    seen = draw_mesh(sitter, canvas, _within_lenses(sitter, lenses), lens, 0.03 * sitter.scale)
    flat = np.zeros((len(frame.points), 2))
    seen |= draw_mesh(sitter, canvas, Mesh(frame.points, flat, frame.triangles), rim, 0.045 * sitter.scale)
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.12)


def _within_lenses(sitter: Sitter, lenses: glasses.Mesh) -> Mesh:
    """uv: place relative to the lens's middle in quarters of a decimetre; bulging a little."""
    middles = [sitter.eye(part) for part in (hd.RIGHT_EYE, hd.LEFT_EYE)]
    which = (lenses.points[:, 0] > 0).astype(int)
    uv = (lenses.points - np.stack(middles)[which])[:, :2] / (0.25 * sitter.scale)
    points = lenses.points.copy()
    points[:, 2] += 0.05 * sitter.scale * np.clip(1 - (uv**2).sum(1), -0.5, 1)
    return Mesh(points, uv, lenses.triangles)


def draw_face_mask(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """Surgical or cloth, from the bridge of the nose to under the chin, with loops to the ears."""
    scale, surgical = sitter.scale, rng.random() < 0.6
    surgical_colours = np.array(
        [[0.33, 0.60, 0.72], [0.78, 0.80, 0.81], [0.35, 0.62, 0.50], [0.02, 0.02, 0.022]]
    )
    colour = surgical_colours[rng.choice(4, p=(0.5, 0.25, 0.1, 0.15))] if surgical else random_colour(rng)
    points = _mask_sheet(sitter, rng.uniform(0.25, 0.75), 0.012 * surgical, rng)
    second, pattern = random_colour(rng), rng.choice(4) if not surgical else 0
    edge = 0.75 if surgical else 0.85

    def cloth(uv: np.ndarray, _: np.ndarray) -> Paint:
        u, v = uv.T
        fold = 1 - 0.16 * surgical * (np.abs(v * 5 % 1 - 0.5) < 0.09) * (np.abs(v - 0.5) < 0.32)
        hem = (v < 0.05) | (v > 0.95) | (u < 0.02) | (u > 0.98) | ((not surgical) & (np.abs(u - 0.5) < 0.004))
        printed = (
            (pattern == 1) & (np.sin(u * 60) > 0.3)
            | (pattern == 2) & (np.sin(u * 75) * np.sin(v * 40) > 0.35)
            | (pattern == 3) & ((np.floor(u * 22) + np.floor(v * 13)) % 2 == 0)
        )
        albedo = np.where(printed[:, None], second, colour)
        return Paint(albedo * (fold * np.where(hem, edge, 1.0))[:, None], 0.08)

    _draw_loops(sitter, canvas, points, colour if not surgical or rng.random() < 0.3 else np.full(3, 0.75))
    seen = draw_mesh(sitter, canvas, grid(points), cloth, 0.05 * scale)
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.05)


def _mask_sheet(sitter: Sitter, high: float, pleat: float, rng: np.random.Generator) -> np.ndarray:
    """R,C,3: `high` up the nose (0 its tip's ridge … 1 its root); pleats `pleat` dm deep."""
    scale, rows, columns = sitter.scale, 19, 33
    bridge, ridge = sitter.landmark("nose_0")[1], sitter.landmark("nose_2")[1]
    chin, mouth = sitter.landmark("jaw_8")[1], sitter.landmark("lip_corner_left")[1]
    ahead = np.linspace(-1, 1, columns)
    reach = rng.uniform(1.05, 1.25)
    top_middle, top_side = ridge + high * (bridge - ridge), mouth + rng.uniform(0.12, 0.26) * scale
    low_middle, low_side = chin - 0.07 * scale, mouth - rng.uniform(0.14, 0.24) * scale
    top = top_side + (top_middle - top_side) * np.exp(-((ahead / 0.42) ** 2))
    low = low_side + (low_middle - low_side) * np.cos(ahead * np.pi / 2) ** 0.7
    v = np.linspace(0, 1, rows)[:, None]
    heights, angles = top + v * (low - top), np.broadcast_to(ahead * reach, (rows, columns))
    radius = draped(sitter, angles, heights, _AXIS) + scale * (0.02 + pleat * ((v * 5) % 1))
    crease = np.sin(7 * ahead + 9 * v + rng.uniform(0, 6)) * np.sin(5 * v - 4 * ahead + rng.uniform(0, 6))
    radius = radius + 0.010 * scale * crease
    return np.stack([radius * np.sin(angles), heights, _AXIS + radius * np.cos(angles)], -1)


def _draw_loops(sitter: Sitter, canvas: Canvas, sheet: np.ndarray, colour: np.ndarray) -> None:
    """From the corners of the mask behind the ears; hair covers them."""
    hair = sitter.region(Region.HAIR)

    def elastic(uv: np.ndarray, places: np.ndarray) -> Paint:
        return Paint(colour, 0.1, np.where(hair[places[:, 1], places[:, 0]], 0.0, 1.0))

    part = np.linspace(0, 1, 12)[:, None]
    for column, ear in ((0, "jaw_0"), (-1, "jaw_16")):
        for row, rise in ((1, 0.30), (-2, 0.05)):
            start = sheet[row, column]
            end = sitter.landmark(ear) + np.array([0, rise, -0.1]) * sitter.scale
            end[0] *= 1.1
            line = start + part * (end - start) + part * (1 - part) * np.array([0.35 * np.sign(end[0]), 0, 0.1])
            draw_mesh(sitter, canvas, tube(line, 0.014 * sitter.scale, 6), elastic, 0.1 * sitter.scale)


def draw_scarf(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """Rolls of cloth about the neck, up to the chin or the mouth."""
    scale, chin = sitter.scale, sitter.landmark("jaw_8")
    mouth = sitter.landmark("lip_top_2")[1]
    top = chin[1] + rng.uniform(-0.02, 1.1) * (mouth - chin[1])
    ahead = float(sitter.landmark("nose_3")[2] if top > chin[1] + 0.25 * (mouth - chin[1]) else chin[2])
    colour, second = random_colour(rng), random_colour(rng)
    pattern, rolls = rng.choice(3), rng.uniform(2.2, 3.6)
    angle = np.linspace(-np.pi, np.pi, 73)
    v = np.linspace(0, 1, 40)[:, None]
    phase = rng.uniform(0, 6, 3)
    turn = v * rolls + 0.18 * np.sin(angle + phase[0]) + 0.08 * np.sin(3 * angle + phase[1])
    fold = np.abs(np.sin(np.pi * turn)) ** 0.7
    bulge = scale * (0.22 * v + 0.13 * fold + 0.02 * np.sin(9 * angle + 14 * v + phase[2]) - 0.12 * (v < 0.04))
    depth = ahead - 0.35 + 0.01 * scale
    x = (0.74 * scale + bulge) * np.sin(angle)
    y = top - v * 1.2 * scale + 0.10 * scale * (1 - np.cos(angle))
    points = np.stack([x, np.broadcast_to(y, x.shape), 0.35 + (depth + bulge - 0.05) * np.cos(angle)], -1)

    def wool(uv: np.ndarray, _: np.ndarray) -> Paint:
        twist = np.interp(uv[:, 1], v[:, 0], fold[:, 36])
        knit = 0.85 + 0.15 * np.cos(uv[:, 0] * 500) * np.cos(uv[:, 1] * 160)
        striped = (pattern == 1) & (np.sin(uv[:, 0] * 45) > 0.5) | (pattern == 2) & (
            np.sin(uv[:, 1] * 60) > 0.2
        )
        return Paint(np.where(striped[:, None], second, colour) * (knit * (0.45 + 0.55 * twist))[:, None], 0.05)

    seen = draw_mesh(sitter, canvas, grid(points), wool, 0.05 * scale)
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.08)
