"""Surfaces of occluders: grids, tubes, things turned on a lathe; and their random colours."""

from __future__ import annotations

import colorsys

import numpy as np

from models.faces.compiled import kernel
from models.faces.occluder_canvas import Mesh
from models.faces.parameters import linear
from models.faces.sitter import Sitter


def grid(points: np.ndarray) -> Mesh:
    """R,C,3 → mesh whose uv are the column's and the row's share, 0…1."""
    rows, columns = points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    corners = [number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]]
    a, b, c, d = (corner.ravel() for corner in corners)
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    uv = np.stack([u.ravel(), v.ravel()], 1)
    return Mesh(points.reshape(-1, 3).astype(np.float32), uv, triangles)


def outside(sitter: Sitter, mesh: Mesh) -> Mesh:
    """Only those triangles of a `grid` (columns to the right, rows up, seen from outside) that face the viewer."""
    corners = sitter.place(mesh.points)[mesh.triangles, :2]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    towards = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
    return Mesh(mesh.points, mesh.uv, mesh.triangles[towards])


def tube(line: np.ndarray, radius: float | np.ndarray, sides: int = 8) -> Mesh:
    """A tube about the polyline N,3; `radius` one or N. v runs along it."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(along[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    across = np.cross(along, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    other = np.cross(along, across)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    ring = across[:, None] * np.cos(angle) + other[:, None] * np.sin(angle)
    return grid(line[:, None] + ring * np.broadcast_to(radius, len(line))[:, None, None])


def turned(
    start: np.ndarray, axis: np.ndarray, heights: np.ndarray, radii: np.ndarray, sides: int = 40
) -> Mesh:
    """A lathe's work: `radii` N at `heights` N along the unit vector `axis` from `start`."""
    helper = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    across = np.cross(axis, helper)
    across /= np.linalg.norm(across)
    other = np.cross(axis, across)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    ring = across * np.cos(angle) + other * np.sin(angle)
    return grid(start + heights[:, None, None] * axis + radii[:, None, None] * ring)


def draped(sitter: Sitter, angles: np.ndarray, heights: np.ndarray, centre: float) -> np.ndarray:
    """R,C: how far cloth stays from the vertical axis x = 0, z = `centre` (shaped), drawn tight over the face.

    `angles` and `heights` are R,C. Cloth touches the highest places and bridges hollows: a dilation by a paraboloid.
    """
    points = sitter.shaped
    near = (
        (points[:, 1] > heights.min() - 0.1)
        & (points[:, 1] < heights.max() + 0.1)
        & (points[:, 2] > centre)
        & (np.abs(points[:, 0]) < 0.9 * sitter.scale)
    )
    x, y, z = points[near].T
    places = np.stack([np.arctan2(x, z - centre), y, np.hypot(x, z - centre)], 1)
    return _dilated(places.astype(np.float64), angles, heights, sitter.scale)


@kernel
def _dilated(places: np.ndarray, angles: np.ndarray, heights: np.ndarray, scale: float) -> np.ndarray:
    """`places` N,3: angle, height, radius of the surface."""
    rows, columns = angles.shape
    result = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            for n in range(places.shape[0]):
                aside = (angles[row, column] - places[n, 0]) / 0.13
                above = (heights[row, column] - places[n, 1]) / (0.10 * scale)
                reached = places[n, 2] - 0.05 * scale * (aside * aside + above * above)
                result[row, column] = max(result[row, column], reached)
    return result


def random_colour(rng: np.random.Generator, dark: float = 0.05, bright: float = 0.95) -> np.ndarray:
    """3, linear albedo: black, white and greys often, the rest of any hue."""
    if rng.random() < 0.4:
        return linear(np.full(3, rng.choice((dark + 0.03, 0.25, 0.5, bright)) * rng.uniform(0.9, 1.05)))
    saturation, value = rng.uniform(0.2, 0.85), rng.uniform(max(dark, 0.15), bright)
    return linear(np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value)))
