"""Which vertices are landmarks: chosen once, by geometry, on the rest head."""

from __future__ import annotations

import numpy as np

from models.faces import head_data as hd

_JAW = 17  # points from ear to ear along the jaw
# x and y of points on the right half of the rest face (dm); mirrored for the left
_BROW = ((0.14, 7.46), (0.24, 7.49), (0.34, 7.51), (0.44, 7.50), (0.53, 7.44))
_NOSE = ((0.0, 7.28), (0.0, 7.16), (0.0, 7.05), (0.0, 6.94))
_NOSTRILS = ((0.0, 6.84), (0.08, 6.85), (0.16, 6.87))


def choose_landmarks(
    vertices: np.ndarray, triangles: np.ndarray, part: np.ndarray, masks: np.ndarray
) -> dict[str, int]:
    """Name → vertex: jaw 17, brows 10, nose 9, eyelids 12, outer lips 12, inner lips 8."""
    body = np.unique(triangles[part == hd.BODY])
    front = body[(vertices[body, 2] > 1.0) & (masks[body, hd.MASKS.index("inside-mouth")] < 0.5)]
    picks = _jaw(vertices, body)
    for side, sign in (("right", -1), ("left", 1)):
        for k, (x, y) in enumerate(_BROW):
            picks[f"brow_{side}_{k}"] = _nearest(vertices, front, sign * x, y)
        picks |= _eyelids(vertices, np.unique(triangles[part == hd.LASHES]), side, sign)
        for k, (x, y) in enumerate(_NOSTRILS[1:]):
            picks[f"nostril_{side}_{k}"] = _nearest(vertices, front, sign * x, y)
    for k, (x, y) in enumerate((*_NOSE, _NOSTRILS[0])):
        picks[f"nose_{k}"] = _nearest(vertices, front, x, y)
    lips = front[masks[front, hd.MASKS.index("lips")] > 0.5]
    return picks | _lips(vertices, lips)


def _nearest(vertices: np.ndarray, among: np.ndarray, x: float, y: float) -> int:
    """The vertex nearest to (x, y) in the picture plane."""
    return int(among[np.argmin(np.hypot(vertices[among, 0] - x, vertices[among, 1] - y))])


def _jaw(vertices: np.ndarray, body: np.ndarray) -> dict[str, int]:
    """From the right ear under the chin to the left ear."""
    picks = {}
    for k, angle in enumerate(np.linspace(-1, 1, _JAW)):
        x = 0.76 * np.sin(angle * np.pi / 2)
        y = 7.1 - 0.83 * np.cos(angle * np.pi / 2) ** 0.8
        z = 0.75 + 0.75 * np.cos(angle * np.pi / 2)
        picks[f"jaw_{k}"] = int(body[np.argmin(((vertices[body] - (x, y, z)) ** 2).sum(1))])
    return picks


def _eyelids(vertices: np.ndarray, lashes: np.ndarray, side: str, sign: int) -> dict[str, int]:
    """Six points of the lid margin, at the roots of the lashes: corners, two above, two below."""
    points = vertices[lashes] * (sign, 1, 1)
    here = lashes[points[:, 0] > 0]
    points = points[points[:, 0] > 0]
    wanted = {
        "inner": (0.175, 7.25), "above_inner": (0.26, 7.33), "above_outer": (0.37, 7.325),
        "outer": (0.445, 7.28), "below_outer": (0.37, 7.245), "below_inner": (0.26, 7.235),
    }  # fmt: skip
    root = np.maximum(points[:, 2] - 1.40, 0)  # tips stand out towards the camera
    return {
        f"eye_{side}_{name}": int(here[np.argmin(np.hypot(points[:, 0] - x, points[:, 1] - y) + 2 * root)])
        for name, (x, y) in wanted.items()
    }


def _lips(vertices: np.ndarray, lips: np.ndarray) -> dict[str, int]:
    """Outer contour: 12 points clockwise from the right corner; inner: the line between the lips."""
    x, _y = vertices[lips, 0], vertices[lips, 1]
    picks = {"lip_corner_right": int(lips[np.argmin(x)]), "lip_corner_left": int(lips[np.argmax(x)])}
    line = float(vertices[picks["lip_corner_right"], 1])
    for k, at in enumerate((-0.16, -0.08, 0.0, 0.08, 0.16)):
        near = lips[np.abs(x - at) < 0.03]
        height = vertices[near, 1]
        picks[f"lip_top_{k}"] = int(near[np.argmax(height)])
        picks[f"lip_bottom_{k}"] = int(near[np.argmin(height)])
        if k in (1, 2, 3):
            upper, lower = near[height > line], near[height <= line]
            picks[f"lip_inner_top_{k}"] = int(upper[np.argmin(vertices[upper, 1])])
            picks[f"lip_inner_bottom_{k}"] = int(lower[np.argmax(vertices[lower, 1])])
    return picks
