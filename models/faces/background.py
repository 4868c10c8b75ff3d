"""What is behind the head: four corner colours, and a soft edge to a second colour."""

from __future__ import annotations

import numpy as np

from models.faces.parameters import Face, linear


def paint_background(face: Face, size: int) -> np.ndarray:
    """size,size,3 linear float32; `size` is even, pixels come in equal blocks of two by two."""
    at = (np.arange(size // 2, dtype=np.float32) + 0.5) / (size // 2)
    x, y = np.meshgrid(at, at)
    right, down = (3 * x**2 - 2 * x**3)[..., None], (3 * y**2 - 2 * y**3)[..., None]
    top_left, top_right, low_left, low_right = linear(np.asarray(face.bg).reshape(4, 3))
    top = top_left + (top_right - top_left) * right
    low = low_left + (low_right - low_left) * right
    angle, offset, softness = face.bgedge
    along = (2 * x - 1) * np.cos(angle) + (2 * y - 1) * np.sin(angle)
    beyond = np.clip((along - offset) / max(softness, 0.01) + 0.5, 0, 1)[..., None]
    beyond = beyond * beyond * (3 - 2 * beyond)
    picture = top + (low - top) * down
    picture = (picture + (linear(face.bgcol) - picture) * beyond).astype(np.float32)
    return np.ascontiguousarray(
        np.broadcast_to(picture[:, None, :, None], (size // 2, 2, size // 2, 2, 3))
    ).reshape(size, size, 3)
