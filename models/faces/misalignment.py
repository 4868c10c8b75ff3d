"""True misalignments: how a photograph's frame differs from the plain render's, as one smooth displacement.

*Convention.* `Misalignment.displacement(p)` is where, relative to p, the plain render is sampled for the
photograph's point p; both in shares of the side, x right, y down, (0, 0) the outer corner of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.faces.compiled import kernel

_SHARPNESS = -0.75  # of the cubic kernel: torch's, so that its `grid_sample` gives the same picture
_SHIFT, _ANGLE, _SCALE = 0.04, np.radians(4.0), 0.04  # of the crop's jitter, at most
_BUMP = 0.03  # of a local bump, at most


@dataclass(frozen=True)
class Misalignment:
    """A similarity about the middle, then Gaussian bumps. Nothing at all by default."""

    similarity: np.ndarray  # 2,3: point relative to the middle (x, y, 1) → its displacement
    centres: np.ndarray  # K,2
    pushes: np.ndarray  # K,2
    widths: np.ndarray  # K

    def displacement(self, points: np.ndarray) -> np.ndarray:
        """…,2 → …,2."""
        relative = points - 0.5
        result = relative @ self.similarity[:, :2].T + self.similarity[:, 2]
        for centre, push, width in zip(self.centres, self.pushes, self.widths, strict=True):
            distance = ((points - centre) ** 2).sum(-1, keepdims=True)
            result = result + push * np.exp(-0.5 * distance / width**2)
        return result

    def to_photograph(self, points: np.ndarray) -> np.ndarray:
        """…,2 in the plain render's frame → where the photograph shows them (a contraction, iterated)."""
        found = points
        if self is ALIGNED:
            return found
        for _ in range(4):
            found = points - self.displacement(found)
        return found

    def flow(self, size: int) -> np.ndarray:
        """size,size,2 float16 in pixels, as `labels.Composition.flow`."""
        at = (np.arange(size) + 0.5) / size
        return (self.displacement(np.stack(np.meshgrid(at, at), -1)) * size).astype(np.float16)


ALIGNED = Misalignment(np.zeros((2, 3)), np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))


def draw_misalignment(rng: np.random.Generator) -> Misalignment:
    """A third aligned; of the others 40 % jitter of the crop, 25 % local warps, 35 % both."""
    style = rng.choice(4, p=(1 / 3, 0.8 / 3, 0.5 / 3, 0.7 / 3))
    if style == 0:
        return ALIGNED
    jitter = _draw_similarity(rng) if style in (1, 3) else ALIGNED.similarity
    bumps = int(rng.integers(1, 5)) if style in (2, 3) else 0
    angle = rng.uniform(0, 2 * np.pi, bumps)
    widths = rng.uniform(0.10, 0.25, bumps)
    strength = np.minimum(rng.uniform(0.25, 1, bumps) * _BUMP, 0.3 * widths)  # never folds
    pushes = strength[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return Misalignment(jitter, rng.uniform(0.15, 0.85, (bumps, 2)), pushes, widths)


def _draw_similarity(rng: np.random.Generator) -> np.ndarray:
    angle, factor = rng.uniform(-_ANGLE, _ANGLE), 1 + rng.uniform(-_SCALE, _SCALE)
    turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([turn - np.eye(2), rng.uniform(-_SHIFT, _SHIFT, (2, 1))], 1)


def warped(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Sample `image` H,W,3 uint8 by `flow` H,W,2 (as `labels.Composition.flow`), bicubically; uint8."""
    if not flow.any():
        return image
    return _bicubic(image, flow.astype(np.float32))


def warped_labels(labels: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Sample H,W integers by `flow` H,W,2: the nearest."""
    height, width = labels.shape
    rows, columns = np.mgrid[:height, :width]
    x = np.clip(np.floor(columns + 0.5 + flow[..., 0]).astype(int), 0, width - 1)
    y = np.clip(np.floor(rows + 0.5 + flow[..., 1]).astype(int), 0, height - 1)
    return labels[y, x]


@kernel
def _cubic(distance: float) -> float:
    d = abs(distance)
    a = _SHARPNESS
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    if d < 2:
        return (((d - 5) * d + 8) * d - 4) * a
    return 0.0


@kernel
def _mirrored(index: int, count: int) -> int:
    folded = index % (2 * count)
    return folded if folded < count else 2 * count - 1 - folded


@kernel
def _bicubic(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    result = np.empty(image.shape, np.uint8)
    for row in range(height):
        for column in range(width):
            x, y = column + flow[row, column, 0], row + flow[row, column, 1]  # index space: centres are whole
            left, top = int(np.floor(x)), int(np.floor(y))
            for channel in range(channels):
                total = 0.0
                for dy in range(-1, 3):
                    line = 0.0
                    source = _mirrored(top + dy, height)
                    for dx in range(-1, 3):
                        sample = image[source, _mirrored(left + dx, width), channel]
                        line += _cubic(left + dx - x) * sample
                    total += _cubic(top + dy - y) * line
                result[row, column, channel] = np.uint8(min(255.0, max(0.0, total)) + 0.5)
    return result
