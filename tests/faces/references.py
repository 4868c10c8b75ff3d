"""The two photographs, and pieces of them cut without resampling, for comparison with the original networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

PHOTO_FOLDER = Path(__file__).parent.parent / "photos"
PHOTOS = ("astronaut.png", "grace_hopper.jpg")
STRIDES = (8, 16, 32)

# Upper left corner and step of a square of 192 pixels around the face.
SQUARES = {"astronaut.png": (128, 30, 1), "grace_hopper.jpg": (75, 40, 2)}


def photograph(name: str) -> np.ndarray:
    """[H,W,3] uint8 RGB."""
    with Image.open(PHOTO_FOLDER / name) as image:
        return np.array(image.convert("RGB"))


def canvas_640(name: str) -> np.ndarray:
    """[3,640,640] float32 RGB, 0..255: the photograph in the upper left corner, black elsewhere."""
    canvas = np.zeros((640, 640, 3), np.float32)
    pixels = photograph(name)
    canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
    return canvas.transpose(2, 0, 1)


def square_192(name: str) -> np.ndarray:
    """[3,192,192] float32 RGB, 0..1: every or every other pixel of a square around the face."""
    x, y, step = SQUARES[name]
    square = photograph(name)[y : y + 192 * step : step, x : x + 192 * step : step]
    return (square.astype(np.float32) / 255).transpose(2, 0, 1)
