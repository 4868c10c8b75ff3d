"""Glasses: two rims, a bridge and two temples as tubes, and the lenses as thin discs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.faces import head_data as hd
from models.faces.parameters import Face

_RING = 48
_TUBE = 8


@dataclass(frozen=True)
class Mesh:
    """V,3 points with V,3 normals and F,3 triangles, on the shaped head."""

    points: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray


def frame_and_lenses(face: Face, shaped: np.ndarray, scale: float) -> tuple[Mesh, Mesh]:
    """The frame's tubes and the lenses, resting on the nose before the eyes."""
    data = hd.load()
    eyes = {sign: shaped[data.vertices_of(part)] for sign, part in ((1, hd.LEFT_EYE), (-1, hd.RIGHT_EYE))}
    index = {name: data.landmarks[k] for k, name in enumerate(data.landmark_names)}
    bridge = shaped[index["nose_0"]]
    ahead = max(float(eyes[1][:, 2].max()) + 0.14 * scale, float(bridge[2]) - 0.02 * scale)
    width, height, square, thick = face.gl
    half = np.array([0.285 + 0.030 * width, 0.205 + 0.040 * height]) * scale
    power = 2.2 + 1.5 * (square + 1)
    radius = (0.010 + 0.0085 * (thick + 1)) * scale
    tubes: list[np.ndarray] = []
    discs: list[np.ndarray] = []
    angle = np.linspace(0, 2 * np.pi, _RING)
    for sign, eye in eyes.items():
        centre = eye.mean(0)
        middle = np.array(
            [sign * max(abs(centre[0]) + 0.01 * scale, half[0] + 0.045 * scale), centre[1] - 0.03 * scale]
        )
        rim = np.sign(np.stack([np.cos(angle), np.sin(angle)], 1))
        rim = rim * np.abs(np.stack([np.cos(angle), np.sin(angle)], 1)) ** (2 / power) * half
        rim[:, 0] *= 1 + 0.06 * rim[:, 1] / half[1]
        ring = _curved(middle + rim, ahead, scale)
        tubes.append(ring)
        discs.append(np.concatenate([ring.mean(0, keepdims=True), ring]))
        tubes.append(_temple(middle, half, sign, ahead, scale, shaped, index))
    inner = max(abs(eyes[1].mean(0)[0]) + 0.01 * scale, half[0] + 0.045 * scale) - half[0]
    t = np.linspace(-1, 1, 16)
    arch = np.stack([t * inner, eyes[1].mean(0)[1] + 0.05 * scale + 0.04 * scale * (1 - t**2)], 1)
    tubes.append(_curved(arch, ahead + 0.02 * scale, scale))
    return _merged([_tube(line, radius) for line in tubes]), _merged([_disc(disc) for disc in discs])


def _curved(flat: np.ndarray, ahead: float, scale: float) -> np.ndarray:
    """N,3: N,2 points on the frame's front, which bends around the face."""
    depth = ahead - 0.16 * (np.abs(flat[:, 0]) / scale) ** 2 * scale
    return np.concatenate([flat, depth[:, None]], 1)


def _temple(
    middle: np.ndarray,
    half: np.ndarray,
    sign: int,
    ahead: float,
    scale: float,
    shaped: np.ndarray,
    index: dict[str, int],
) -> np.ndarray:
    """From the hinge back over the ear."""
    hinge = _curved(np.array([[middle[0] + sign * half[0], middle[1] + 0.5 * half[1]]]), ahead, scale)[0]
    jaw = shaped[index["jaw_16" if sign > 0 else "jaw_0"]]
    ear = np.array([sign * (abs(jaw[0]) + 0.075 * scale), hinge[1] + 0.02 * scale, jaw[2] - 0.15 * scale])
    t = np.linspace(0, 1, 16)[:, None]
    out = np.array([sign * 0.05 * scale, 0, 0]) * np.sin(np.pi * np.minimum(1, 2 * t)) * (t < 0.5)
    return hinge + (ear - hinge) * t + out


def _tube(line: np.ndarray, radius: float) -> Mesh:
    """A tube of `_TUBE` sides about N,3 points."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    first = np.cross(along, np.array([0.05, 0.1, 1.0]))
    first /= np.linalg.norm(first, axis=1, keepdims=True) + 1e-9
    second = np.cross(along, first)
    angle = np.linspace(0, 2 * np.pi, _TUBE, endpoint=False)[None, :, None]
    normals = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    points = line[:, None] + radius * normals
    count = len(line)
    row, column = np.meshgrid(np.arange(count - 1), np.arange(_TUBE), indexing="ij")
    a, b = row * _TUBE + column, row * _TUBE + (column + 1) % _TUBE
    quads = np.stack([a, b, a + _TUBE, b, b + _TUBE, a + _TUBE], -1).reshape(-1, 3)
    return Mesh(points.reshape(-1, 3), normals.reshape(-1, 3), quads)


def _disc(points: np.ndarray) -> Mesh:
    """A fan: the first point is the centre. The normals bulge."""
    away = points - points[0]
    normals = np.array([0, 0, 1.0]) + 0.5 * away / (np.abs(away).max() + 1e-9)
    count = len(points)
    rim = np.arange(1, count - 1)
    triangles = np.stack([np.zeros(count - 2, int), rim, rim + 1], 1)
    return Mesh(points, normals / np.linalg.norm(normals, axis=1, keepdims=True), triangles)


def _merged(meshes: list[Mesh]) -> Mesh:
    starts = np.cumsum([0] + [len(mesh.points) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.points for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]).astype(
            np.int32
        ),
    )
