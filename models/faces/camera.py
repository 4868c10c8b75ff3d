"""Pose, perspective and the FFHQ crop.

*Conventions.* World: x right in the picture, y up, z towards the camera, origin at the neck's pivot. Pixels: x
right, y down, the centre of the first pixel at (.5, .5). Depth grows towards the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.parameters import Face

_PIVOT = (0.0, 6.35, 0.35)  # rest head: where the skull sits on the neck
_FOLLOW = 0.3  # share of the head's yaw that the shoulders take


@dataclass(frozen=True)
class Pose:
    """Turns the head about the neck; shoulders follow a little."""

    pivot: np.ndarray  # 3, in the shaped head's coordinates
    head: np.ndarray  # 3,3 rotation
    shoulders: np.ndarray  # 3,3 rotation
    scale: float  # size of this head against the rest head

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """…,3 of the shaped head → …,3 of the world, float32. Below the chin the shoulders' turn fades in."""
        flat = np.ascontiguousarray(points, np.float32).reshape(-1, 3)
        return _turned(flat, self.pivot, self.head, self.shoulders, self.scale).reshape(points.shape)


@dataclass(frozen=True)
class Camera:
    """Perspective from a point on the z axis through the face, then a similarity to the crop's pixels."""

    eye: np.ndarray  # 3, world
    matrix: np.ndarray  # 2,3: plane coordinates (u, v, 1) → pixels
    dm_per_pixel: float  # at the face

    def project(self, points: np.ndarray) -> np.ndarray:
        """…,3 world → …,3: pixel x, pixel y, depth; float32."""
        flat = np.ascontiguousarray(points, np.float32).reshape(-1, 3)
        return _projected(flat, self.eye, self.matrix).reshape(points.shape)


@kernel
def _turned(
    points: np.ndarray, pivot: np.ndarray, head: np.ndarray, shoulders: np.ndarray, scale: float
) -> np.ndarray:
    """N,3 of `Pose.to_world`."""
    result = np.empty(points.shape, np.float32)
    for n in range(points.shape[0]):
        x, y, z = points[n, 0] - pivot[0], points[n, 1] - pivot[1], points[n, 2] - pivot[2]
        part = min(1.0, max(0.0, (y / scale + 0.75) / 0.75))
        part = part * part * (3 - 2 * part)
        for axis in range(3):
            below = shoulders[axis, 0] * x + shoulders[axis, 1] * y + shoulders[axis, 2] * z
            above = head[axis, 0] * x + head[axis, 1] * y + head[axis, 2] * z
            result[n, axis] = below + part * (above - below)
    return result


@kernel
def _projected(points: np.ndarray, eye: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """N,3 of `Camera.project`."""
    result = np.empty(points.shape, np.float32)
    for n in range(points.shape[0]):
        z = points[n, 2] - eye[2]
        u, v = (eye[0] - points[n, 0]) / z, (points[n, 1] - eye[1]) / z
        result[n, 0] = matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2]
        result[n, 1] = matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2]
        result[n, 2] = z
    return result


def pose_of(face: Face, shaped: np.ndarray, scale: float) -> Pose:
    """The pose of `face` for its shaped head."""
    data = hd.load()
    near = np.argsort(((data.vertices - np.array(_PIVOT)) ** 2).sum(1))[:200]
    pivot = np.array([0.0, *(shaped[near, 1:] - data.vertices[near, 1:]).mean(0)]) + np.array(_PIVOT)
    return Pose(pivot, _turn(face.yaw, face.pitch), _turn(face.yaw * _FOLLOW, 0.0), scale)


def _turn(yaw: float, pitch: float) -> np.ndarray:
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    return np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])


def _plane(points: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """…,2 coordinates on the plane at distance 1, y down."""
    away = eye[2] - points[..., 2:3]
    return np.concatenate([points[..., 0:1] - eye[0], eye[1] - points[..., 1:2]], -1) / away


def five_points(world: np.ndarray) -> np.ndarray:
    """5,3: centres of the picture's left and right eye opening, nose tip, left and right mouth corner."""
    left, right, others = _five_vertices()
    return np.stack([world[left].mean(0), world[right].mean(0), *world[others]])


@cache
def _five_vertices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices around the picture's left and right eye opening; nose tip and mouth corners."""
    data = hd.load()
    index = dict(zip(data.landmark_names, data.landmarks, strict=True))
    left, right = (
        np.array([index[name] for name in index if name.startswith(f"eye_{side}_")])
        for side in ("right", "left")
    )
    return left, right, np.array([index[name] for name in ("nose_3", "lip_corner_right", "lip_corner_left")])


def camera_for(face: Face, world: np.ndarray, size: int, scale: float) -> Camera:
    """The camera whose picture of `size`² pixels is the FFHQ crop of the face in `world`."""
    five = five_points(world)
    centre = five.mean(0)
    eye = np.array([centre[0], centre[1] + 0.05, centre[2] + face.distance * scale])
    left, right, _, mouth_left, mouth_right = _plane(five, eye)
    middle = (left + right) / 2
    down = (mouth_left + mouth_right) / 2 - middle
    axis = right - left + np.array([down[1], -down[0]])  # FFHQ: eye line and mouth line share the angle
    axis = axis / np.linalg.norm(axis) * max(np.linalg.norm(right - left) * 2.0, np.linalg.norm(down) * 1.8)
    middle = middle + down * 0.1
    rotation = np.array([[axis[0], axis[1]], [-axis[1], axis[0]]]) / (axis @ axis)
    linear = rotation * (size / 2)
    matrix = np.concatenate([linear, (size / 2 - linear @ middle)[:, None]], 1)
    return Camera(eye, matrix, float(2 * np.linalg.norm(axis) / size * face.distance * scale))
