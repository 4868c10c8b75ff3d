"""Which of the mesh's 468 points is what, as indices into [...,468,2].

Source: the connections in google/mediapipe, `mediapipe/python/solutions/face_mesh_connections.py` (Apache-2.0);
its "right eye" is the person's right, here called image-left.

Convention: contours run clockwise as seen in the picture; closed ones do not repeat their first point.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Points = TypeVar("Points", np.ndarray, Tensor)

# Closed contours. The oval starts in the middle of the forehead; eyes and lips at their image-left corner.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
IMAGE_LEFT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
IMAGE_RIGHT_EYE = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
OUTER_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146
)  # fmt: skip
INNER_LIPS = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95
)  # fmt: skip
IMAGE_LEFT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
IMAGE_RIGHT_BROW = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)

# Open lines: the bridge from between the eyes down to the tip; the base from the image-left wing to the other.
NOSE_BRIDGE = (168, 6, 197, 195, 5, 4)
NOSE_BASE = (48, 64, 98, 97, 2, 326, 327, 294, 278)

NOSE_TIP = 4
CHIN = 152
IMAGE_LEFT_MOUTH_CORNER = 61
IMAGE_RIGHT_MOUTH_CORNER = 291


def five_points(landmarks: Points) -> Points:
    """The five points of `engine.faces.detect.Face` from the mesh: [...,468,2] → [...,5,2] in the same unit.

    Eyes are the means of their contours. On photographs they are at least as true as YuNet's own points, which
    miss the corners of a smiling mouth.
    """
    if landmarks.shape[-2:] != (468, 2):
        raise ValueError(f"expected landmarks [...,468,2], not {tuple(landmarks.shape)}")
    points = [
        landmarks[..., list(IMAGE_LEFT_EYE), :].mean(-2),
        landmarks[..., list(IMAGE_RIGHT_EYE), :].mean(-2),
        landmarks[..., NOSE_TIP, :],
        landmarks[..., IMAGE_LEFT_MOUTH_CORNER, :],
        landmarks[..., IMAGE_RIGHT_MOUTH_CORNER, :],
    ]
    if isinstance(landmarks, torch.Tensor):
        return torch.stack(points, -2)
    return np.stack(points, -2)
