"""Brows and beards: short hairs on the shaped head, without guides."""

from __future__ import annotations

import numpy as np

from models.faces import roots
from models.faces.compiled import kernel
from models.faces.coverage import BROW_LENGTH, BROW_START, beard_density, brow_density
from models.faces.hair import Strands, mixed, thinned, unit
from models.faces.parameters import Face


@kernel
def _brow_alive(rest: np.ndarray, chance: np.ndarray, thickness: float) -> np.ndarray:
    result = np.zeros(rest.shape[0], np.bool_)
    for n in range(rest.shape[0]):
        result[n] = brow_density(rest[n, 0], rest[n, 1], rest[n, 2], thickness) > chance[n]
    return result


@kernel
def _beard_alive(
    rest: np.ndarray, chance: np.ndarray, beard: float, moustache: float, goatee: float
) -> np.ndarray:
    result = np.zeros(rest.shape[0], np.bool_)
    for n in range(rest.shape[0]):
        result[n] = beard_density(rest[n, 0], rest[n, 1], rest[n, 2], beard, moustache, goatee) > chance[n]
    return result


def brow_hair(face: Face, shaped: np.ndarray, normals: np.ndarray, scale: float) -> Strands:
    """Short hairs that lie along the brow, upright at the nose."""
    hairs = roots.brows()
    hairs = hairs.subset(_brow_alive(hairs.rest, hairs.chance, face.browth))
    along = (np.abs(hairs.rest[:, 0]) - BROW_START) / BROW_LENGTH
    lean = np.clip(0.9 - 2.2 * along, -0.35, 0.8) + 0.15 * hairs.noise[:, 1]
    way = np.stack([np.sign(hairs.rest[:, 0]), lean, -0.15 - 0.3 * along], 1)
    outward = unit(hairs.on(normals))
    way = unit(way - (way * outward).sum(1, keepdims=True) * outward + 0.18 * outward)
    length = 0.075 * scale * (0.7 + 0.5 * face.browth) * (1 + 0.15 * hairs.noise[:, 2:3])
    points = _straight(hairs.on(shaped) + 0.006 * outward, way, length, 4, 0.15)
    white = np.clip((0.75 * face.grey - hairs.chance) / 0.1, 0, 1)
    return Strands(points, mixed(face, hairs, white, 0.2) * 0.75)


def beard_hair(face: Face, shaped: np.ndarray, normals: np.ndarray, scale: float, fine: float) -> Strands:
    """Beard, moustache and goatee; stubble is short hair. `fine` as for `hair.head_hair`."""
    hairs, width = roots.beard(), thinned(fine)
    grown = np.flatnonzero(_beard_alive(hairs.rest, hairs.chance, face.beard, face.moustache, face.goatee))
    hairs = hairs.subset(grown[grown < len(hairs.chance) / width])
    outward = unit(hairs.on(normals))
    x, y = hairs.rest[:, 0], hairs.rest[:, 1]
    above_lip = (y > 6.66) & (np.abs(x) < 0.28)
    aside = np.where(above_lip, np.tanh(x * 8), 0.15 * np.tanh(x * 4))
    way = np.stack([aside, np.where(above_lip, -0.6, -1.0), 0 * x + 0.1], 1) + 0.3 * hairs.noise[:, :3]
    way = unit(unit(way) + (0.55 - 0.25 * face.beardlen) * outward)
    chin = 0.5 + 1.0 * np.exp(-((x / 0.35) ** 2)) * (y < 6.5)
    length = (0.025 + 0.5 * face.beardlen**1.5 * np.where(above_lip, 0.35, chin)) * scale
    points = _straight(hairs.on(shaped), way, (length * (1 + 0.15 * hairs.noise[:, 3]))[:, None], 6, 0.55)
    curl = 0.04 * face.curl * min(1.0, 2 * face.beardlen) * scale
    turn = np.linspace(0, 7, points.shape[1])[None] * face.beardlen * 2 + 3 * hairs.noise[:, :1]
    points[..., 0] += (curl * np.sin(turn)).astype(np.float32)
    points[..., 1] += (curl * np.cos(turn)).astype(np.float32)
    white = np.clip((1.5 * face.grey - hairs.chance) / 0.4, 0, 1)
    return Strands(points, mixed(face, hairs, white, 0.28) * 0.9, width)


def _straight(start: np.ndarray, way: np.ndarray, length: np.ndarray, points: int, droop: float) -> np.ndarray:
    """N,`points`,3 hairs from `start` N,3 along `way` N,3 for `length` N,1, bending down by `droop`."""
    t = np.linspace(0, 1, points)[None, :, None]
    strands = start[:, None] + way[:, None] * length[:, None] * t
    strands[..., 1] -= (droop * length * t[..., 0] ** 2) * 0.6
    return strands.astype(np.float32)
