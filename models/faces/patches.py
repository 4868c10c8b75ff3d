"""Patches of other textures, mosaics, stains and scratches: they lie in the picture, not before the person."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from models.faces.film import OVER
from models.faces.loose_hair import strokes
from models.faces.occluder_canvas import Canvas, over
from models.faces.sitter import Sitter


def draw_patch(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """One to three pieces of something else; or scratches."""
    if rng.random() < 0.22:
        _draw_scratches(sitter, canvas, rng)
        return
    for _ in range(int(rng.integers(1, 4))):
        seen = _patch_shape(sitter, rng)
        if not seen.any():
            continue
        texture = _TEXTURES[rng.choice(len(_TEXTURES))](sitter, rng)[seen]
        opacity = 1.0 if rng.random() < 0.75 else rng.uniform(0.45, 0.95)
        over(canvas, seen, sitter.light_of(texture), opacity)


def _patch_shape(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    """H,W bool: a rectangle, an ellipse or a blob, mostly on the face."""
    side = sitter.canvas_size
    points = sitter.place(
        np.stack([sitter.landmark(name) for name in ("jaw_8", "nose_1", "lip_top_2", "jaw_3")])
    )
    target = points[rng.integers(4), :2] + rng.normal(0, 0.14, 2) * side
    row, column = np.mgrid[:side, :side].astype(np.float32) + 0.5
    angle = rng.uniform(0, np.pi) * (rng.random() < 0.6)
    x, y = column - target[0], row - target[1]
    half = rng.uniform(0.06, 0.24, 2) * side
    across = (x * math.cos(angle) + y * math.sin(angle)) / half[0]
    down = (-x * math.sin(angle) + y * math.cos(angle)) / half[1]
    style = rng.choice(3)
    if style == 0:
        return (np.abs(across) < 1) & (np.abs(down) < 1)
    border = np.ones_like(across)
    if style == 2:
        around = np.arctan2(down, across)
        for k in range(2, 8):
            border += rng.normal(0, 0.30 / k) * np.cos(k * around + rng.uniform(0, 6))
    return np.hypot(across, down) < border


def _noise(side: int, rng: np.random.Generator, coarse: int) -> np.ndarray:
    """side,side,3 in 0…1: noise of bumps about `coarse` canvas pixels wide."""
    cells = -(-side // coarse)
    image = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
    if coarse > 1:
        image = image.resize((cells * coarse, cells * coarse), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32)[:side, :side] / 255


def _flat(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    colour = rng.uniform(0, 1, 3) if rng.random() < 0.6 else np.full(3, rng.choice((0.0, 1.0)))
    return np.broadcast_to(colour, (sitter.canvas_size, sitter.canvas_size, 3))


def _two_coloured(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    """Checks or stripes, turned."""
    side, angle = sitter.canvas_size, rng.uniform(0, np.pi)
    row, column = np.mgrid[:side, :side]
    cell = side * rng.uniform(0.02, 0.09)
    a = np.floor((column * math.cos(angle) + row * math.sin(angle)) / cell)
    b = np.floor((row * math.cos(angle) - column * math.sin(angle)) / cell) * (rng.random() < 0.5)
    first, second = rng.uniform(0, 1, (2, 3))
    return np.where(((a + b) % 2 == 0)[..., None], first, second)


def _noisy(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    coarse = int(rng.choice((1, 3, 8, 16)))
    noise = _noise(sitter.canvas_size, rng, coarse)
    return np.clip(rng.uniform(0, 1, 3) + (noise - 0.5) * rng.uniform(0.4, 1.6), 0, 1)


def _elsewhere(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    """The photograph itself, turned, moved and in other colours: edges and textures of the right kind."""
    image = np.rot90(sitter.photograph, int(rng.integers(1, 4))) / 255
    image = np.roll(image, rng.integers(0, sitter.size, 2), (0, 1))[..., rng.permutation(3)]
    return (image ** rng.uniform(0.6, 1.6)).repeat(OVER, 0).repeat(OVER, 1)


def _mosaic(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    """The photograph in coarse squares, as faces are made unrecognisable."""
    cell = max(2, round(sitter.size * rng.uniform(0.04, 0.09)))
    cells = -(-sitter.size // cell)
    padded = np.pad(sitter.photograph / 255, ((0, cells * cell - sitter.size),) * 2 + ((0, 0),), mode="edge")
    means = padded.reshape(cells, cell, cells, cell, 3).mean((1, 3))
    return means.repeat(cell * OVER, 0).repeat(cell * OVER, 1)[: sitter.canvas_size, : sitter.canvas_size]


def _stained(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    """The photograph soaked in something coloured, blotchy."""
    colour = np.array(
        ((0.35, 0.22, 0.10), (0.45, 0.02, 0.03), (0.10, 0.16, 0.35), (0.08, 0.07, 0.06))[rng.choice(4)]
    )
    soaked = np.clip(0.45 + 1.2 * (_noise(sitter.canvas_size, rng, 12)[..., :1] - 0.3), 0.3, 0.97)
    below = (sitter.photograph / 255).repeat(OVER, 0).repeat(OVER, 1)
    return below + (colour - below) * soaked


_TEXTURES = (
    _flat,
    _two_coloured,
    _two_coloured,
    _noisy,
    _noisy,
    _elsewhere,
    _elsewhere,
    _mosaic,
    _stained,
    _stained,
)


def _draw_scratches(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """Thin bent lines, all bright or all dark."""
    count, side = int(rng.integers(3, 14)), sitter.canvas_size
    start = rng.uniform(0.1, 0.9, (count, 2)) * side
    way = rng.normal(0, 1, 2) * 0.35 * side + rng.normal(0, 0.08, (count, 2)) * side
    bend = rng.normal(0, 0.03, (count, 2)) * side
    t = np.linspace(0, 1, 20)[None, :, None]
    lines = start[:, None] + t * way[:, None] + 4 * t * (1 - t) * bend[:, None]
    ink = sitter.light_of(np.full(3, rng.choice((0.04, 0.95))) + rng.uniform(-0.04, 0.04, 3))
    light = np.broadcast_to(ink, (count, 20, 3)).astype(np.float32)
    radius = np.full(20, side * rng.uniform(0.0025, 0.008))
    strokes(lines, light, radius, rng.uniform(0.7, 1), canvas.light, canvas.alpha, canvas.covered)
