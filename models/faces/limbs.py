"""Fingers, palms and sleeves: tapered capsules melted into one height field, then lit as skin or cloth.

Capsules lie in canvas pixels, x right, y down, z towards the viewer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.faces.compiled import kernel
from models.faces.occluder_canvas import Canvas, cast_shadow, lit_surface, over
from models.faces.parameters import linear
from models.faces.raster import blur
from models.faces.sitter import Sitter

SKIN, PHALANX, TIP, SLEEVE = range(4)  # what a capsule is; PHALANX has creases at its start, TIP a nail as well
_NOTHING = -1e9


@dataclass(frozen=True)
class Limbs:
    """K capsules."""

    ends: np.ndarray  # K,2,3
    radii: np.ndarray  # K,2
    chain: np.ndarray  # K int: capsules of one finger share it; 0 is the palm, which melts into all
    what: np.ndarray  # K int, SKIN … SLEEVE

    def placed(self, origin: np.ndarray, angle: float, scale: float, mirrored: float) -> Limbs:
        """From hand coordinates (dm, y along the fingers) to the canvas: `angle` 0 points up, positive right.

        `mirrored` is −1 for the other hand, else 1; `scale` canvas pixels per dm; `origin` 2 where (0, 0) goes.
        """
        x, y, z = self.ends[..., 0] * mirrored, self.ends[..., 1], self.ends[..., 2]
        right = x * math.cos(angle) + y * math.sin(angle)
        up = -x * math.sin(angle) + y * math.cos(angle)
        ends = np.stack([origin[0] + right * scale, origin[1] - up * scale, z * scale], -1)
        return Limbs(ends, self.radii * scale, self.chain, self.what)


def joined(*parts: Limbs) -> Limbs:
    """All capsules; chains stay as they are numbered."""
    return Limbs(
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.radii for part in parts]),
        np.concatenate([part.chain for part in parts]),
        np.concatenate([part.what for part in parts]),
    )


@kernel
def _raise_field(
    ends: np.ndarray, radii: np.ndarray, chain: np.ndarray, melt: float,
    height: np.ndarray, owner: np.ndarray, along: np.ndarray, across: np.ndarray,
) -> None:  # fmt: skip
    """Height of the union; per pixel the highest capsule, where along (in lengths) and across it (in radii)."""
    rows, columns = height.shape
    for k in range(ends.shape[0]):
        ax, ay, az = ends[k, 0, 0], ends[k, 0, 1], ends[k, 0, 2]
        dx, dy, dz = ends[k, 1, 0] - ax, ends[k, 1, 1] - ay, ends[k, 1, 2] - az
        length = max(1e-6, dx * dx + dy * dy)
        big = max(radii[k, 0], radii[k, 1])
        top, bottom = max(0, int(min(ay, ay + dy) - big)), min(rows, int(max(ay, ay + dy) + big) + 2)
        left, right = max(0, int(min(ax, ax + dx) - big)), min(columns, int(max(ax, ax + dx) + big) + 2)
        for row in range(top, bottom):
            for column in range(left, right):
                px, py = column + 0.5 - ax, row + 0.5 - ay
                free = (px * dx + py * dy) / length
                t = min(1.0, max(0.0, free))
                ox, oy = px - t * dx, py - t * dy
                radius = radii[k, 0] + t * (radii[k, 1] - radii[k, 0])
                inside = radius * radius - ox * ox - oy * oy
                if inside <= 0:
                    continue
                here = az + t * dz + math.sqrt(inside) * (0.75 if chain[k] == 0 else 1.0)
                before = height[row, column]
                if before < -1e8:
                    width = 0.0
                else:
                    other = chain[owner[row, column]]
                    width = melt if chain[k] == 0 or other == 0 else 0.35 * melt if chain[k] == other else 0.0
                near = max(0.0, width - abs(here - before)) / width if width > 0 else 0.0
                height[row, column] = max(here, before) + 0.25 * near * near * width
                if here > before:
                    owner[row, column] = k
                    along[row, column] = free
                    across[row, column] = (px * dy - py * dx) / (math.sqrt(length) * radius)


def draw_limbs(
    sitter: Sitter, canvas: Canvas, limbs: Limbs, skin: np.ndarray, sleeve: np.ndarray, distance: float
) -> None:
    """Draw over everything; `skin` and `sleeve` are albedos, `distance` dm from the face for the shadow."""
    unit = sitter.pixels_per_dm * sitter.scale
    window, corner = _window(limbs, canvas.alpha.shape[0])
    shape = canvas.alpha[window].shape
    height, owner = np.full(shape, _NOTHING), np.zeros(shape, np.int64)
    along, across = np.zeros(shape), np.zeros(shape)
    _raise_field(limbs.ends - corner, limbs.radii, limbs.chain, 0.09 * unit, height, owner, along, across)
    seen = height > _NOTHING
    if not seen.any():
        return
    normal, hollow = _relief(height, seen, unit)
    what = limbs.what[owner[seen]]
    lengths = np.linalg.norm(limbs.ends[:, 1] - limbs.ends[:, 0], axis=1)[owner[seen]] / unit
    albedo, gloss = _surface(what, along[seen], across[seen], lengths, skin, sleeve)
    view = np.broadcast_to(np.array([0.0, 0.0, 1.0]), normal.shape)
    light = lit_surface(normal, view, albedo * (1 - hollow)[:, None], gloss, sitter.lights)
    where = np.zeros(canvas.alpha.shape, np.bool_)
    where[window] = seen
    over(canvas, where, light, 1.0)
    cast_shadow(sitter, canvas, where.astype(np.float32), distance)


def _window(limbs: Limbs, side: int) -> tuple[tuple[slice, slice], np.ndarray]:
    """The part of a canvas of `side` pixels that the capsules touch (one pixel at least), and its corner x, y, 0."""
    reach = limbs.radii[..., None] + 2
    low = np.clip(np.floor((limbs.ends[..., :2] - reach).min((0, 1))), 0, side - 1).astype(int)
    high = np.clip(np.ceil((limbs.ends[..., :2] + reach).max((0, 1))), low + 1, side).astype(int)
    return (slice(low[1], high[1]), slice(low[0], high[0])), np.array([low[0], low[1], 0.0])


def _relief(height: np.ndarray, seen: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """P,3 normals and P, 0…1: how much a place lies in a crease."""
    floor = height[seen].min() - 0.05 * unit
    filled = np.where(seen, height, floor).astype(np.float32)
    share = seen.astype(np.float32)
    both = blur(np.stack([np.where(seen, height - floor, 0), share], -1).astype(np.float32), 0.9)
    smooth = np.where(seen, both[..., 0] / np.maximum(both[..., 1], 1e-3), 0)
    wide = blur(np.stack([np.where(seen, filled - floor, 0), share], -1).astype(np.float32), 0.07 * unit)
    mean = np.where(seen, wide[..., 0] / np.maximum(wide[..., 1], 1e-3), 0)
    down, right = np.gradient(np.where(seen, smooth, smooth[seen].min() - 1.0))
    limit = 3.0
    slope_x, slope_y = np.clip(right[seen], -limit, limit), np.clip(down[seen], -limit, limit)
    normal = np.stack([-slope_x, slope_y, np.ones_like(slope_x)], 1)
    return normal, np.clip((mean - smooth)[seen] / (0.22 * unit), 0, 0.6)


def _surface(
    what: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    length: np.ndarray,
    skin: np.ndarray,
    sleeve: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """P,3 albedo and P gloss: creases and red at the joints, nails with a pale rim, ribbed sleeves."""
    from_joint = along * length  # dm
    finger = (what == PHALANX) | (what == TIP)
    red = finger * np.exp(-((from_joint / 0.09) ** 2)) + (what == TIP) * np.clip(along - 0.3, 0, 1)
    albedo = skin * (1 + red[:, None] * np.array([0.02, -0.14, -0.12]))
    crease = np.zeros(len(what))
    for place, depth in ((-0.028, 0.14), (0.0, 0.2), (0.026, 0.12)):
        crease += depth * np.exp(-(((from_joint - place) / 0.010) ** 2))
    albedo *= (1 - crease * finger * np.clip(1.15 - across**2, 0, 1))[:, None]
    nail_along, nail_across = (along - 0.86) / 0.5, across / 0.66
    shape = np.abs(nail_along) ** 3 + np.abs(nail_across) ** 3
    nail = (what == TIP) & (shape < 1)
    border = np.clip((shape - 0.72) / 0.28, 0, 1) * nail
    pale = nail & (nail_along > 0.62)
    nail_colour = 0.55 * skin + 0.45 * np.array([0.62, 0.40, 0.36]) * (0.4 + skin.mean())
    albedo = np.where(nail[:, None], nail_colour, albedo)
    albedo = np.where(pale[:, None], 0.5 * nail_colour + 0.3, albedo) * (1 - 0.35 * border)[:, None]
    cuff = 0.86 + 0.14 * np.cos(from_joint * 90)
    albedo = np.where((what == SLEEVE)[:, None], sleeve * cuff[:, None], albedo)
    gloss = np.where(nail, 0.9, np.where(what == SLEEVE, 0.03, 0.3))
    return albedo, gloss


def hand_skin(sitter: Sitter, rng: np.random.Generator) -> np.ndarray:
    """3: the sitter's own skin, seldom another person's."""
    if rng.random() < 0.12:
        return linear(np.array([[0.80, 0.62, 0.53], [0.66, 0.47, 0.36], [0.36, 0.23, 0.17]])[rng.integers(3)])
    one = np.ones((1, 3))
    ahead = np.array([[0.0, 0.0, 1.0]])
    arriving = lit_surface(ahead, ahead, one, np.zeros(1), sitter.lights)[0]
    return np.clip(sitter.skin_light / arriving * rng.uniform(0.9, 1.1), 0.015, 0.75)
