"""Where single hairs stand: fixed places on the rest head, chosen once per process.

A face decides by its densities which of them grow; the places never change, so hair holds no hidden chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.coverage import beard_density, brow_density, scalp_density

SCALP, GUIDES, BROWS, BEARD = 11000, 420, 900, 6000
NEIGHBOURS = 3


@dataclass(frozen=True)
class Roots:
    """N places. `chance` 0…1 is the density from which a hair grows."""

    triangle: np.ndarray  # N
    weights: np.ndarray  # N,3 barycentric
    rest: np.ndarray  # N,3
    chance: np.ndarray  # N
    noise: np.ndarray  # N,4 standard normal, fixed per hair

    def on(self, values: np.ndarray) -> np.ndarray:
        """N,C: per-vertex `values` V,C at the roots."""
        return _between(values, hd.load().triangles, self.triangle, self.weights)

    def subset(self, chosen: np.ndarray) -> Roots:
        """The chosen ones, by mask or index."""
        return Roots(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@kernel
def _between(
    values: np.ndarray, triangles: np.ndarray, triangle: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """N,C of `Roots.on`."""
    result = np.zeros((triangle.shape[0], values.shape[1]))
    for n in range(triangle.shape[0]):
        for corner in range(3):
            vertex = triangles[triangle[n], corner]
            for channel in range(values.shape[1]):
                result[n, channel] += weights[n, corner] * values[vertex, channel]
    return result


@dataclass(frozen=True)
class Scalp:
    """Hairs and the guides they follow."""

    hairs: Roots
    guides: Roots
    followed: np.ndarray  # N,3 numbers of the nearest guides
    shares: np.ndarray  # N,3, sums to 1


@cache
def scalp() -> Scalp:
    """Roots over the largest possible scalp."""
    everywhere = _scatter(_density_scalp(), SCALP, 1)
    guides = everywhere.subset(_spread(everywhere.rest, GUIDES))
    distance = np.linalg.norm(everywhere.rest[:, None] - guides.rest[None], axis=2)
    followed = np.argsort(distance, axis=1)[:, :NEIGHBOURS]
    near = np.take_along_axis(distance, followed, 1)
    shares = np.exp(-((near / 0.07) ** 2)) + 1e-6
    return Scalp(everywhere, guides, followed, shares / shares.sum(1, keepdims=True))


@cache
def brows() -> Roots:
    """Roots of the bushiest brows."""
    return _scatter(_density(lambda p: brow_density(p[0], p[1], p[2], 1.0)), BROWS, 2)


@cache
def beard() -> Roots:
    """Roots of the fullest beard, lips left out."""
    density = _density(lambda p: beard_density(p[0], p[1], p[2], 1.0, 1.0, 1.0))
    data = hd.load()
    lips = data.masks[data.triangles][:, :, [0, 3]].max((1, 2))
    return _scatter(density * (lips < 0.6), BEARD, 3)


def _centres() -> np.ndarray:
    data = hd.load()
    return data.vertices[data.triangles].mean(1)


def _density(function) -> np.ndarray:
    """F: density at the centres of the body's triangles."""
    body = hd.load().part == hd.BODY
    return np.array([function(place) if own else 0.0 for place, own in zip(_centres(), body, strict=True)])


def _density_scalp() -> np.ndarray:
    data = hd.load()
    ears = data.masks[data.triangles][:, :, 1].max(1)
    density = _density(lambda p: scalp_density(p[0], p[1], p[2], -1.0, 0.0, 0.0))
    return density * (ears < 0.4) * (_centres()[:, 1] > 6.5)


def _scatter(density: np.ndarray, count: int, seed: int) -> Roots:
    """`count` places, as many per area as the density says."""
    data = hd.load()
    rng = np.random.default_rng(seed)
    corners = data.vertices[data.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    triangle = rng.choice(len(area), count, p=density * area / (density * area).sum())
    weights = rng.dirichlet((1, 1, 1), count)
    rest = (corners[triangle] * weights[..., None]).sum(1)
    return Roots(triangle, weights, rest, rng.random(count), rng.normal(size=(count, 4)))


@kernel
def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` points far from each other (farthest-point sampling)."""
    chosen = np.zeros(count, np.int64)
    distance = np.full(points.shape[0], 1e9)
    for k in range(1, count):
        for n in range(points.shape[0]):
            distance[n] = min(distance[n], ((points[n] - points[chosen[k - 1]]) ** 2).sum())
        chosen[k] = np.argmax(distance)
    return chosen
