"""Locks that fall across the face; and the thin lines they are drawn with."""

from __future__ import annotations

import math

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.labels import Region
from models.faces.occluder_canvas import Canvas, cast_shadow
from models.faces.parameters import linear
from models.faces.sitter import Sitter


def draw_hair(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """Locks of thin strands that fall from the crown across the face, in the hair's or another colour."""
    side, unit = sitter.canvas_size, sitter.pixels_per_dm * sitter.scale
    dyed = rng.random() < 0.12
    light = sitter.light_of(rng.uniform(0.03, 0.5, 3)) if dyed else _hair_light(sitter)
    brow, chin = sitter.on_canvas("nose_0"), sitter.on_canvas("jaw_8")
    caster = np.zeros_like(canvas.alpha)
    which = rng.choice((-1.0, 1.0))
    roots = _scalp(sitter, which)
    for _ in range(int(rng.integers(3, 8))):
        strands = int(rng.integers(15, 50))
        root = roots[rng.integers(len(roots))]
        down = rng.uniform(0.2, 1.3)
        tip = brow + (chin - brow) * down + np.array([which * rng.uniform(-0.75, 0.35), 0]) * unit
        lines = _lock(root, tip, strands, unit, rng)
        t = np.linspace(0, 1, lines.shape[1])
        gleam = 0.6 + 0.75 * np.exp(-(((t - rng.uniform(0.25, 0.5)) / 0.14) ** 2))
        colours = light * np.exp(rng.normal(0, 0.35, (strands, 1, 1))) * gleam[None, :, None]
        radius = (0.42 + 0.35 * side / 512) * (1.1 - t**2)
        before = canvas.covered.copy()
        strokes(lines, colours.astype(np.float32), radius, 0.9, canvas.light, canvas.alpha, canvas.covered)
        caster = np.maximum(caster, canvas.covered - before)
    cast_shadow(sitter, canvas, caster, 0.06)


def _scalp(sitter: Sitter, which: float) -> np.ndarray:
    """N,2: canvas places on the skull behind the hairline, from the `which` side (−1 the picture's left) to the middle."""
    data = hd.load()
    x, y, z = data.vertices.T
    here = (data.vertex_part == hd.BODY) & (y > 8.15) & (z > 0.5) & (x * which > -0.15)
    return sitter.place(sitter.shaped[here])[:, :2]


def _hair_light(sitter: Sitter) -> np.ndarray:
    hair = sitter.photograph[np.isin(sitter.segmentation, (Region.HAIR, Region.BROWS))]
    return sitter.light_of(np.median(hair, 0) / 255) if len(hair) > 40 else 0.5 * linear(sitter.face.hcol)


def _lock(root: np.ndarray, tip: np.ndarray, strands: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    """N,S,2: strands that part from each other at the root and the tip and run together between."""
    t = np.linspace(0, 1, 28)[None, :, None]
    bend = rng.normal(0, 0.16, 2) * unit
    wave = rng.uniform(0, 0.05) * np.sin(
        t * rng.uniform(4, 14) + rng.uniform(0, 6) + rng.normal(0, 0.3, (strands, 1, 1))
    )
    spread_root = rng.normal(0, 0.045, (strands, 1, 2)) * unit
    spread_tip = rng.normal(0, 0.10, (strands, 1, 2)) * unit
    middle = rng.normal(0, 0.05, (strands, 1, 2)) * unit
    line = root + t * (tip - root) + 4 * t * (1 - t) * bend
    stray = spread_root * (1 - t) ** 2 + spread_tip * rng.uniform(0.4, 1.6) * t**2 + 2 * t * (1 - t) * middle
    return line + stray + wave * unit * np.array([1.0, 0.2])


@kernel
def strokes(
    lines: np.ndarray,  # N,S,2 canvas pixels
    light: np.ndarray,  # N,S,3
    radius: np.ndarray,  # S pixels
    opacity: float,
    canvas_light: np.ndarray,  # as Canvas, in and out
    alpha: np.ndarray,
    covered: np.ndarray,
) -> None:
    """Polylines with soft edges; a line narrower than a pixel is fainter instead."""
    height, width = alpha.shape
    for n in range(lines.shape[0]):
        for s in range(lines.shape[1] - 1):
            ax, ay = lines[n, s, 0], lines[n, s, 1]
            dx, dy = lines[n, s + 1, 0] - ax, lines[n, s + 1, 1] - ay
            square = max(1e-9, dx * dx + dy * dy)
            half = radius[s]
            reach = half + 0.5
            for row in range(
                max(0, int(min(ay, ay + dy) - reach)), min(height, int(max(ay, ay + dy) + reach) + 1)
            ):
                for column in range(
                    max(0, int(min(ax, ax + dx) - reach)), min(width, int(max(ax, ax + dx) + reach) + 1)
                ):
                    px, py = column + 0.5 - ax, row + 0.5 - ay
                    t = (px * dx + py * dy) / square
                    if t < 0 or t >= 1:  # the neighbour's pixel
                        continue
                    distance = math.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2)
                    part = min(1.0, max(0.0, half + 0.5 - distance)) * min(1.0, 2 * half)
                    if part <= 0:
                        continue
                    top = opacity * part
                    below = alpha[row, column] * (1 - top)
                    for channel in range(3):
                        own = canvas_light[row, column, channel]
                        mixed = light[n, s, channel] * top + own * below
                        canvas_light[row, column, channel] = mixed / (top + below)
                    alpha[row, column] = top + below
                    covered[row, column] = max(covered[row, column], part, alpha[row, column])
