"""Pose, perspective and the FFHQ crop.

*Conventions.* World: x right in the picture, y up, z towards the camera, origin at the neck's pivot. Pixels: x
right, y down, the centre of the first pixel at (.5, .5). Depth grows towards the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.faces import head_data as hd
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
        centred = points.astype(np.float32) - self.pivot.astype(np.float32)
        part = np.clip((centred[..., 1:2] / np.float32(self.scale) + 0.75) / 0.75, 0, 1)
        part = part * part * (3 - 2 * part)
        shoulders = centred @ self.shoulders.T.astype(np.float32)
        return shoulders + part * (centred @ self.head.T.astype(np.float32) - shoulders)


@dataclass(frozen=True)
class Camera:
    """Perspective from a point on the z axis through the face, then a similarity to the crop's pixels."""

    eye: np.ndarray  # 3, world
    matrix: np.ndarray  # 2,3: plane coordinates (u, v, 1) → pixels
    dm_per_pixel: float  # at the face

    def project(self, points: np.ndarray) -> np.ndarray:
        """…,3 world → …,3: pixel x, pixel y, depth; float32."""
        centred = points.astype(np.float32) - self.eye.astype(np.float32)
        flat = centred[..., :2] * np.array([-1, 1], np.float32) / centred[..., 2:3]
        pixels = flat @ self.matrix[:, :2].T.astype(np.float32) + self.matrix[:, 2].astype(np.float32)
        return np.concatenate([pixels, centred[..., 2:3]], -1)


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
    data = hd.load()
    index = dict(zip(data.landmark_names, data.landmarks, strict=True))
    eyes = [
        world[[index[name] for name in index if name.startswith(f"eye_{side}_")]].mean(0)
        for side in ("right", "left")
    ]
    others = [world[index[name]] for name in ("nose_3", "lip_corner_right", "lip_corner_left")]
    return np.stack(eyes + others)


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
