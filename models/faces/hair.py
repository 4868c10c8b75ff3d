"""Strands of head hair, grown on the shaped head before it is posed.

Some hundred guides are grown with gravity, combing and collision; thousands of hairs follow their nearest guides
and are gathered into locks. Style is a handful of smooth numbers (`Face.hairlen`, `volume`, `curl`, …).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.faces import head_data as hd
from models.faces import roots
from models.faces.compiled import kernel
from models.faces.coverage import scalp_density
from models.faces.noise import ramp, value_noise
from models.faces.parameters import Face, linear

_SEGMENTS = 13
_GRID = (48, 96)  # polar, azimuth
_SKULL = (0.0, 7.55, 0.45)  # rest head: centre of the map of radii


@dataclass(frozen=True)
class Strands:
    """N polylines of S points on the shaped head, and a colour per strand."""

    points: np.ndarray  # N,S,3 float32
    colours: np.ndarray  # N,3 linear float32
    width: float = 1.0  # of each, against the finest: fewer hairs are wider


class _Style(NamedTuple):
    length: float
    volume: float
    curl: float
    part: float
    fringe: float
    sweep: float
    behind: float
    scale: float
    brow_height: float  # y of the brows, dm
    chin_height: float


def head_hair(face: Face, shaped: np.ndarray, normals: np.ndarray, scale: float, fine: float) -> Strands:
    """Hair of the scalp; small pictures (`fine` < 1) have fewer and wider hairs that cover as much."""
    scalp = roots.scalp()
    data = hd.load()
    brow = float(shaped[data.landmarks[data.landmark_names.index("brow_left_2")], 1])
    chin = float(shaped[data.landmarks[data.landmark_names.index("jaw_8")], 1])
    style = _Style(
        math.exp(face.hairlen), face.volume, face.curl, face.part * 0.3, face.fringe, face.sweep, face.behind,
        scale, brow, chin,
    )  # fmt: skip
    radii = _radii(shaped, _centre(shaped))
    places, outward = scalp.guides.on(shaped), unit(scalp.guides.on(normals))
    guides = _grow(places, outward, scalp.guides.rest, _centre(shaped), radii, style)
    chosen = np.flatnonzero(_alive(scalp.hairs, face))
    width = thinned(fine)
    chosen = chosen[chosen < len(scalp.hairs.chance) / width]
    hairs = scalp.hairs.subset(chosen)
    strands = _follow(
        guides, places, hairs.on(shaped), unit(hairs.on(normals)), scalp.followed[chosen], scalp.shares[chosen],
        hairs.rest, hairs.noise, style, _points(style),
    )  # fmt: skip
    return Strands(strands, _hair_colours(face, hairs), width)


def thinned(fine: float) -> float:
    """How many times fewer (and wider) hairs a picture of fineness `fine` 0…1 has."""
    return 1 / (0.35 + 0.65 * max(0.3, fine))


def _points(style: _Style) -> int:
    """Points of a strand: enough for its bends, few for short ones."""
    turns = _turns(style) * style.length * style.scale / (2 * math.pi) if style.curl > 0 else 0.0
    return int(min(40, 5 + 5 * min(1.6, style.length) + 7 * turns))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


def _centre(shaped: np.ndarray) -> np.ndarray:
    """The skull's centre on the shaped head: the rest place moved as the scalp moved."""
    data = hd.load()
    scalp = roots.scalp().guides
    moved = scalp.on(shaped).mean(0) - scalp.on(data.vertices).mean(0)
    return np.array(_SKULL) + np.array([0.0, moved[1], moved[2]])


def _radii(shaped: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Polar × azimuth map: how far the head reaches from `centre`."""
    data = hd.load()
    body = (data.vertex_part == hd.BODY) & (data.masks[:, 3] < 0.3) & (data.masks[:, 1] < 0.5)
    return _radius_map(shaped[body & (data.vertices[:, 1] > 6.0)], centre, *_GRID)


@kernel
def _radius_map(points: np.ndarray, centre: np.ndarray, rows: int, columns: int) -> np.ndarray:
    result = np.zeros((rows, columns))
    for n in range(points.shape[0]):
        x, y, z = points[n, 0] - centre[0], points[n, 1] - centre[1], points[n, 2] - centre[2]
        radius = math.sqrt(x * x + y * y + z * z)
        row = min(rows - 1, int(math.acos(y / radius) / math.pi * rows))
        column = int((math.atan2(x, z) + math.pi) / (2 * math.pi) * columns) % columns
        result[row, column] = max(result[row, column], radius)
    for _ in range(12):
        filled = result.copy()
        for row in range(rows):
            for column in range(columns):
                if result[row, column] > 0:
                    continue
                total, count = 0.0, 0
                for dr, dc in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                    near = result[min(rows - 1, max(0, row + dr)), (column + dc) % columns]
                    total, count = total + near, count + (near > 0)
                if count:
                    filled[row, column] = total / count
        result = filled
    return result


def _alive(hairs: roots.Roots, face: Face) -> np.ndarray:
    """N bool: the scalp's density reaches the hair's chance."""
    return _above(hairs.rest, hairs.chance, face.hairline, face.recede, face.bald)


@kernel
def _above(rest: np.ndarray, chance: np.ndarray, hairline: float, recede: float, bald: float) -> np.ndarray:
    result = np.zeros(rest.shape[0], np.bool_)
    for n in range(rest.shape[0]):
        result[n] = scalp_density(rest[n, 0], rest[n, 1], rest[n, 2], hairline, recede, bald) > chance[n]
    return result


@kernel
def _combed(rest: np.ndarray, outward: np.ndarray, style: _Style) -> np.ndarray:
    """The direction in which a hair leaves the scalp."""
    x, y, z = rest[0], rest[1], rest[2]
    top = ramp(7.75, 8.25, y)
    front = ramp(0.3, 1.1, z)
    side = math.tanh((x - style.part) * 9)
    long = ramp(0.3, 0.8, style.length)
    lock_x = value_noise(x * 5, y * 5, z * 5, 51)
    lock_z = value_noise(x * 5, y * 5, z * 5, 52)
    along = -style.sweep * (1 - long) * front - 0.35 * (1 - style.fringe) * long
    direction = np.empty(3)
    direction[0] = top * side * (0.5 + 0.5 * long) + (1 - top) * 0.15 * math.copysign(1.0, x)
    direction[1] = (1 - top) * (-0.9 + 0.5 * style.volume * (1 - long)) - 0.1 * top
    direction[2] = top * (along + style.fringe * front) + (1 - top) * (-0.35)
    direction[0] += 0.28 * lock_x
    direction[2] += 0.28 * lock_z
    lift = 0.35 + 0.9 * style.volume * (1 - 0.6 * long) + 0.9 * ramp(0.35, 0.9, style.curl)
    return direction + lift * outward


@kernel
def _pushed_out(point: np.ndarray, way: np.ndarray, centre: np.ndarray, radii: np.ndarray, gap: float) -> None:
    """Keep `point` `gap` outside of the head and turn `way` along its surface, in place."""
    x, y, z = point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]
    radius = math.sqrt(x * x + y * y + z * z) + 1e-9
    row = min(radii.shape[0] - 1, int(math.acos(min(1.0, max(-1.0, y / radius))) / math.pi * radii.shape[0]))
    column = int((math.atan2(x, z) + math.pi) / (2 * math.pi) * radii.shape[1]) % radii.shape[1]
    least = radii[row, column] + gap
    if radius >= least:
        return
    inward = (way[0] * x + way[1] * y + way[2] * z) / radius
    point[0], point[1], point[2] = (
        centre[0] + x / radius * least,
        centre[1] + y / radius * least,
        centre[2] + z / radius * least,
    )
    if inward < 0:
        way[0] -= inward * x / radius
        way[1] -= inward * y / radius
        way[2] -= inward * z / radius


@kernel
def _part_the_face(point: np.ndarray, way: np.ndarray, centre: np.ndarray, style: _Style) -> None:
    """Hair in front of the face goes aside, above the brows (fringe) or along the cheeks."""
    azimuth = math.atan2(point[0] - centre[0], point[2] - centre[2])
    clear = style.brow_height + style.scale * (0.50 - 0.52 * style.fringe)
    if point[2] > centre[2] and abs(azimuth) < 1.0 and point[1] < clear:
        push = 0.55 * ramp(1.0, 0.7, abs(azimuth))
        way[0] += push * (1.0 if azimuth > style.part else -1.0)
        way[2] -= 0.5 * push


@kernel
def _grow(
    places: np.ndarray,  # G,3
    outward: np.ndarray,  # G,3
    rest: np.ndarray,  # G,3
    centre: np.ndarray,  # 3
    radii: np.ndarray,  # polar, azimuth
    style: _Style,
) -> np.ndarray:
    """G,S,3 guides: combed, pulled down, kept out of the head and the face."""
    result = np.empty((places.shape[0], _SEGMENTS + 1, 3))
    long = ramp(0.25, 0.9, style.length)
    coils = ramp(0.35, 0.9, style.curl)
    shrunken = 1 - 0.5 * coils * long  # coiled hair hangs shorter and closer than it is long
    weight = (0.10 + 0.55 * long) * (1 - 0.75 * coils * (1 - 0.6 * long))
    gap = style.scale * (0.025 + 0.20 * style.volume * (0.35 + 0.65 * long)) * (0.4 + 0.6 * shrunken)
    for g in range(places.shape[0]):
        length = (
            style.length
            * shrunken
            * style.scale
            * (1 + 0.12 * value_noise(rest[g, 0] * 7, rest[g, 1] * 7, rest[g, 2] * 7, 53))
        )
        step = length / _SEGMENTS
        point = places[g].astype(np.float64)
        way = _combed(rest[g], outward[g], style)
        result[g, 0] = point
        stop = style.brow_height + style.scale * (0.47 - 0.55 * style.fringe + 0.09 * outward[g, 0])
        for s in range(_SEGMENTS):
            if point[2] > centre[2] + 0.45 * style.scale and point[1] < stop and rest[g, 1] > 7.8:
                result[g, s + 1] = point
                continue
            way /= np.sqrt((way**2).sum()) + 1e-9
            way[1] -= weight * (0.35 + 1.2 * s / _SEGMENTS)
            if point[1] < style.chin_height + 0.4 * style.scale:
                way[2] += 0.35 * (0.5 - style.behind)
                way[0] *= 0.8
            _part_the_face(point, way, centre, style)
            way /= np.sqrt((way**2).sum()) + 1e-9
            point += way * step
            grown = (s + 1) / _SEGMENTS
            _pushed_out(point, way, centre, radii, gap * min(1.0, 3 * grown * (0.3 + long)))
            result[g, s + 1] = point
    return result


@kernel
def _turns(style: _Style) -> float:
    """Radians per dm that a curl turns."""
    return 7.0 + 17.0 * ramp(0.3, 0.9, style.curl)


@kernel
def _follow(
    guides: np.ndarray,  # G,S,3
    guide_places: np.ndarray,  # G,3
    places: np.ndarray,  # N,3
    outward: np.ndarray,  # N,3
    followed: np.ndarray,  # N,3
    shares: np.ndarray,  # N,3
    rest: np.ndarray,  # N,3
    noise: np.ndarray,  # N,4
    style: _Style,
    points: int,
) -> np.ndarray:
    """N,points,3 hairs: between their guides, gathered to locks, curled, with a few astray."""
    count, knots = places.shape[0], guides.shape[1]
    result = np.empty((count, points, 3), np.float32)
    length = style.length * style.scale
    long = ramp(0.25, 0.9, style.length)
    waves = ramp(0.0, 0.4, style.curl) * (1 - 0.2 * ramp(0.6, 1, style.curl))
    amplitude = style.scale * min(0.085, 0.35 * style.length) * waves
    turns = min(_turns(style), 0.95 * points / length)  # radians per dm, no more than the points can show
    gather = 0.35 + 0.35 * waves
    spread = style.scale * (0.012 + 0.05 * style.volume * (0.4 + 0.6 * long)) + 0.35 * amplitude
    for n in range(count):
        own = 1 - 0.22 * abs(noise[n, 0])
        phase = 3.5 * value_noise(rest[n, 0] * 8, rest[n, 1] * 8, rest[n, 2] * 8, 54) + 0.4 * noise[n, 1]
        out = abs(noise[n, 2]) * spread
        for s in range(points):
            t = s / (points - 1)
            at = own * (knots - 1) * t
            low = min(knots - 2, int(at))
            part = at - low
            hold = 1 - gather * t
            angle = phase + turns * t * length
            swing = amplitude * min(1.0, 4 * t) * (0.8 + 0.2 * noise[n, 3])
            coil = (math.cos(angle), 0.6 * math.sin(1.3 * angle), math.sin(angle))
            astray = 0.012 * style.scale * t * min(1.0, 2 * style.length)
            for axis in range(3):
                value = outward[n, axis] * out * min(1.0, 3 * t) + swing * coil[axis] + astray * noise[n, axis]
                for k in range(3):
                    g = followed[n, k]
                    guide = guides[g, low, axis] * (1 - part) + guides[g, low + 1, axis] * part
                    value += shares[n, k] * (guide + hold * (places[n, axis] - guide_places[g, axis]))
                result[n, s, axis] = value
    return result


def _hair_colours(face: Face, hairs: roots.Roots) -> np.ndarray:
    """N,3 linear: natural colour with single hairs lighter or darker, and white ones, temples first."""
    temples = np.exp(-(((hairs.rest[:, 1] - 7.4) / 0.4) ** 2)) * 0.35
    white = np.clip(
        (face.grey * 1.45 + temples * (face.grey > 0) * min(1.0, 3 * face.grey) - hairs.chance) / 0.4, 0, 1
    )
    return mixed(face, hairs, np.clip(0.55 * white + 0.45 * face.grey, 0, 1), 0.20)


def mixed(face: Face, hairs: roots.Roots, white: np.ndarray, variety: float) -> np.ndarray:
    own = linear(face.hcol) * np.exp(variety * hairs.noise[:, :1])
    return (own * (1 - white[:, None]) + np.array([0.56, 0.55, 0.53]) * white[:, None]).astype(np.float32)
