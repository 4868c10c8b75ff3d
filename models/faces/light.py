"""The lights of a picture, and shadows from the key light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.faces.compiled import kernel
from models.faces.parameters import Face, linear
from models.faces.raster import EMPTY

_MAP = 256  # pixels of the shadow map's side
_SPAN = 4.6  # dm it covers, at scale 1


@dataclass(frozen=True)
class Lights:
    """Directions point to the light, in the world; colours are linear and hold the strength."""

    key: np.ndarray
    key_colour: np.ndarray
    fill: np.ndarray
    fill_colour: np.ndarray
    rim: np.ndarray
    rim_colour: np.ndarray
    sky: np.ndarray  # ambient from above
    ground: np.ndarray  # ambient from below
    softness: float  # 0…1


def lights_of(face: Face) -> Lights:
    """Key light by the parameters, a weak fill opposite, ambient tinted by the background, light from behind."""
    key = np.array(
        [np.sin(face.light) * np.cos(face.lel), np.sin(face.lel), np.cos(face.light) * np.cos(face.lel)]
    )
    warm = np.array([1 + 0.13 * face.warm, 1.0, 1 - 0.22 * face.warm])
    around = linear(np.asarray(face.bg).reshape(4, 3)).mean(0) + 0.15
    around = np.minimum(around / around.mean(), 2.0)
    tint = 0.65 + 0.35 * around
    fill = np.array([-key[0] * 1.3, 0.05, 0.7])
    rim = np.array([np.sign(face.rim) * 0.9, 0.45, -0.55])
    return Lights(
        key=key,
        key_colour=face.key * warm * np.array([1, 0.97, 0.94]),
        fill=fill / np.linalg.norm(fill),
        fill_colour=0.22 * (0.4 + face.soft) * tint,
        rim=rim / np.linalg.norm(rim),
        rim_colour=1.6 * abs(face.rim) * (0.85 + 0.15 * np.minimum(around, 1.5)),
        sky=face.amb * tint * np.array([1.0, 1.02, 1.06]),
        ground=face.amb * 0.55 * tint * np.array([1.05, 0.97, 0.9]),
        softness=face.soft,
    )


@dataclass(frozen=True)
class ShadowMap:
    """Depth towards the key light over a square of the world."""

    axes: np.ndarray  # 3,3 rows: right, up, to the light
    centre: np.ndarray  # 3
    per_dm: float
    depth: np.ndarray  # _MAP,_MAP, filled by the caller

    def project(self, points: np.ndarray) -> np.ndarray:
        """…,3 world → …,3: map x, map y, depth; float32."""
        scaled = self.axes * np.array([[self.per_dm], [-self.per_dm], [1.0]])
        origin = np.array([_MAP / 2, _MAP / 2, 0.0]) - scaled @ self.centre
        return points.astype(np.float32) @ scaled.T.astype(np.float32) + origin.astype(np.float32)


def shadow_map(to_light: np.ndarray, centre: np.ndarray, scale: float) -> ShadowMap:
    """An empty map about `centre`."""
    right = np.cross([0, 1, 0], to_light)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(to_light, right), to_light])
    depth = np.full((_MAP, _MAP), EMPTY, np.float32)
    return ShadowMap(axes, centre, _MAP / (_SPAN * scale), depth)


@kernel
def lit(
    places: np.ndarray,  # N,3 of ShadowMap.project
    depth: np.ndarray,  # the map
    radius: float,  # map pixels: softness
    bias: float,  # dm
) -> np.ndarray:
    """N: share of the key light that arrives, 0…1 (percentage-closer filtering, 5 × 5)."""
    result = np.zeros(places.shape[0], np.float32)
    size = depth.shape[0]
    for n in range(places.shape[0]):
        total = 0.0
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                x, y = int(places[n, 0] + 0.5 * dx * radius), int(places[n, 1] + 0.5 * dy * radius)
                if x < 0 or y < 0 or x >= size or y >= size:
                    total += 1
                    continue
                hidden = (depth[y, x] - places[n, 2] - bias) / 0.05
                total += 1 - min(1.0, max(0.0, hidden))
        result[n] = total / 25
    return result
