"""Caps, beanies and brimmed hats, fitted to the shaped skull."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.faces import head_data as hd
from models.faces.occluder_canvas import Canvas, Paint, cast_shadow, draw_mesh
from models.faces.parameters import Face
from models.faces.sitter import Sitter
from models.faces.surfaces import grid, outside, random_colour

_AROUND = 72
_BEHIND = 0.6  # dm: ears and locks do not stick through a hat, the far side of its brim is hidden


@dataclass(frozen=True)
class _Fit:
    """An ellipse about the skull, and the slanting line on which a hat sits; shaped coordinates."""

    half_width: float
    half_depth: float
    middle: float  # z
    front: float  # y of the line at the forehead
    back: float  # y of the line at the nape
    top: float  # y
    scale: float

    def ring(self, angle: np.ndarray, larger: np.ndarray | float) -> np.ndarray:
        """…,3 on the line; angle 0 is the forehead, `larger` widens by dm."""
        y = self.front + (self.back - self.front) * (1 - np.cos(angle)) / 2
        x = (self.half_width + larger) * np.sin(angle)
        return np.stack([x, y, self.middle + (self.half_depth + larger) * np.cos(angle)], -1)


def puff(face: Face) -> float:
    """How far hair stands off the head, roughly 0…1; hats do not go over more than about a half."""
    long = np.clip((math.exp(face.hairlen) - 0.15) / 0.6, 0, 1)
    kept = 1 - 0.7 * face.bald
    return kept * float(face.volume * (0.35 + 0.65 * long) + 0.6 * face.curl * min(1.0, math.exp(face.hairlen)))


def _fit(sitter: Sitter, rng: np.random.Generator, low: float, high: float) -> _Fit:
    """A line `low`…`high` dm above the brows."""
    scale, data = sitter.scale, hd.load()
    skull = sitter.shaped[(data.vertex_part == hd.BODY) & (data.vertices[:, 1] > 7.75)]
    gap = scale * (0.05 + 0.24 * puff(sitter.face))
    brow = float(sitter.landmark("brow_left_2")[1])
    return _Fit(
        half_width=float(np.abs(skull[:, 0]).max()) + gap,
        half_depth=float(np.ptp(skull[:, 2])) / 2 + gap,
        middle=float(skull[:, 2].max() + skull[:, 2].min()) / 2,
        front=brow + scale * rng.uniform(low, high),
        back=brow - scale * rng.uniform(0.05, 0.3),
        top=float(skull[:, 1].max()) + gap,
        scale=scale,
    )


def _dome(fit: _Fit, height: float, roundness: float, rows: int = 24) -> np.ndarray:
    """R,C,3: from the line to `height` dm above the skull's top; the larger `roundness`, the flatter on top."""
    up = np.linspace(0, 1, rows)[:, None] ** 0.8
    angle = np.linspace(-np.pi, np.pi, _AROUND)[None]
    width = np.maximum(1 - up**roundness, 0) ** (1 / 2.2)
    points = np.broadcast_to(fit.ring(angle, 0.0), (rows, _AROUND, 3)).copy()
    middle = np.array([0.0, 0.0, fit.middle])
    points[..., [0, 2]] = middle[[0, 2]] + (points[..., [0, 2]] - middle[[0, 2]]) * width[..., None]
    points[..., 1] += up * (fit.top + height - points[..., 1])
    return points


def draw_beanie(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """Ribbed wool, mostly with a turned-up cuff, sometimes a bobble."""
    fit = _fit(sitter, rng, 0.14, 0.40)
    colour, second = random_colour(rng), random_colour(rng)
    striped, cuff = rng.random() < 0.35, rng.uniform(0.18, 0.34) * (rng.random() < 0.8)
    ribs = rng.integers(34, 60)
    points = _dome(fit, fit.scale * rng.uniform(0.05, 0.30), rng.uniform(2.0, 3.0))
    angle = np.linspace(-np.pi, np.pi, _AROUND)
    points[..., 1] += 0.02 * fit.scale * np.sin(3 * angle + rng.uniform(0, 6))

    def wool(uv: np.ndarray, _: np.ndarray) -> Paint:
        rib = 0.72 + 0.28 * np.cos(uv[:, 0] * 2 * np.pi * ribs)
        stitch = 0.9 + 0.1 * np.cos(uv[:, 1] * 110)
        banded = striped & (np.sin(uv[:, 1] * 22) > 0.2)
        return Paint(np.where(banded[:, None], second, colour) * (rib * stitch)[:, None], 0.05)

    seen = draw_mesh(sitter, canvas, outside(sitter, grid(points)), wool, _BEHIND)
    if cuff:
        around = np.linspace(-np.pi, np.pi, _AROUND)
        rise = np.array([0.0, 0.04, 0.5, 0.95, 1.0])[:, None]
        bulge = np.array([0.0, 0.05, 0.075, 0.06, 0.0])[:, None] * fit.scale
        rolled = fit.ring(np.broadcast_to(around, (5, _AROUND)), bulge)
        rolled[..., 1] += rise * cuff * fit.scale
        seen |= draw_mesh(sitter, canvas, outside(sitter, grid(rolled)), wool, _BEHIND)
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.08)


def draw_cap(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """A baseball cap: six panels, a button, a curved visor, mostly a badge."""
    fit = _fit(sitter, rng, 0.24, 0.45)
    colour = random_colour(rng)
    visor = colour if rng.random() < 0.6 else random_colour(rng)
    badge, badged = random_colour(rng, 0.3), rng.random() < 0.6
    rim = rng.uniform(0.3, 0.55)

    def panels(uv: np.ndarray, _: np.ndarray) -> Paint:
        seam = np.abs((uv[:, 0] * 6) % 1 - 0.5) < 0.02
        albedo = np.where(seam[:, None], colour * 0.6, colour)
        about = np.hypot((uv[:, 0] - 0.5) / 0.055, (uv[:, 1] - 0.42) / 0.2)
        marked = (
            badged & (about < 1) & ((about > 0.72) | (np.sin(uv[:, 0] * 260) * np.cos(uv[:, 1] * 40) > rim))
        )
        return Paint(np.where(marked[:, None], badge, albedo), 0.1)

    seen = draw_mesh(sitter, canvas, outside(sitter, grid(_dome(fit, 0.08 * fit.scale, 2.4))), panels, _BEHIND)
    reach, bend = fit.scale * rng.uniform(0.62, 0.95), rng.uniform(0.15, 0.45)
    angle = np.linspace(-1.15, 1.15, 41)
    inner = fit.ring(angle, 0.0)
    forward = (np.cos(angle * np.pi / 2 / 1.15) ** 0.6)[:, None]
    away = np.linspace(0, 1, 8)[:, None, None]
    sheet = inner + away * forward * np.array([0.0, -rng.uniform(0.15, 0.5), 1.0]) * reach
    sheet[..., 1] -= bend * (sheet[..., 0] / fit.half_width) ** 2 * away[..., 0] * fit.scale

    def stitched(uv: np.ndarray, _: np.ndarray) -> Paint:
        line = np.abs((uv[:, 1] * 6) % 1 - 0.5) < 0.06
        return Paint(np.where(line[:, None], 0.75 * visor, visor), 0.15)

    edge = draw_mesh(sitter, canvas, grid(sheet), stitched, _BEHIND)
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.05)
    cast_shadow(sitter, canvas, edge.astype(np.float32), 0.40)


def draw_brim(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """Straw or felt: a crown with a band, a brim all around that waves."""
    fit = _fit(sitter, rng, 0.30, 0.55)
    colour = random_colour(rng, 0.1) if rng.random() < 0.5 else np.array([0.55, 0.40, 0.21])
    band, woven = random_colour(rng), rng.random() < 0.5
    reach, droop = fit.scale * rng.uniform(0.4, 0.85), rng.uniform(-0.12, 0.2)

    def weave(uv: np.ndarray) -> np.ndarray:
        return 1 - 0.22 * woven * (np.sin(uv[:, 0] * 420) * np.sin(uv[:, 1] * 60) > 0)

    def crown(uv: np.ndarray, _: np.ndarray) -> Paint:
        banded = (uv[:, 1] > 0.04) & (uv[:, 1] < 0.26)
        return Paint(np.where(banded[:, None], band, colour * weave(uv)[:, None]), 0.1)

    points = _dome(fit, fit.scale * rng.uniform(0.1, 0.3), rng.uniform(5, 9))
    across = points[..., 0] / fit.half_width
    high = np.clip((points[..., 1] - fit.top) / (0.2 * fit.scale), 0, 1)
    points[..., 1] -= 0.16 * fit.scale * high * np.exp(-((across / 0.3) ** 2))  # the crease on top
    seen = draw_mesh(sitter, canvas, outside(sitter, grid(points)), crown, _BEHIND)
    angle = np.linspace(-np.pi, np.pi, _AROUND)
    away = np.linspace(0, 1, 10)[:, None]
    brim = fit.ring(np.broadcast_to(angle, (10, _AROUND)), away * reach)
    wave = 0.05 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.04 * np.cos(3 * angle + rng.uniform(0, 6))
    brim[..., 1] -= fit.scale * away**1.5 * (droop + wave - 0.16 * np.abs(np.sin(angle)))
    edge = draw_mesh(
        sitter, canvas, grid(brim), lambda uv, _: Paint(colour * weave(uv[:, ::-1])[:, None], 0.1), _BEHIND
    )
    cast_shadow(sitter, canvas, seen.astype(np.float32), 0.05)
    cast_shadow(sitter, canvas, edge.astype(np.float32), 0.42)
