"""Triangles and strands into pixels: nothing is shaded here.

Depth grows towards the camera; a buffer of −1e9 is empty.
"""

from __future__ import annotations

import math

import numpy as np

from models.faces.compiled import kernel

EMPTY = -1e9


@kernel
def raster_triangles(
    corners: np.ndarray,  # V,3 pixel x, pixel y, depth
    triangles: np.ndarray,  # F,3
    chosen: np.ndarray,  # F bool
    depth: np.ndarray,  # H,W in and out
    owner: np.ndarray,  # H,W int32 in and out: number of the visible triangle
    weights: np.ndarray,  # H,W,3 in and out: barycentric
) -> None:
    """Draw the chosen triangles with a depth test at pixel centres."""
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        if not chosen[t]:
            continue
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = corners[a, 0], corners[a, 1]
        bx, by = corners[b, 0] - ax, corners[b, 1] - ay
        cx, cy = corners[c, 0] - ax, corners[c, 1] - ay
        area = bx * cy - cx * by
        if abs(area) < 1e-9:
            continue
        left = max(0, math.floor(ax + min(0.0, bx, cx) - 0.5))
        right = min(width - 1, math.ceil(ax + max(0.0, bx, cx) - 0.5))
        top = max(0, math.floor(ay + min(0.0, by, cy) - 0.5))
        bottom = min(height - 1, math.ceil(ay + max(0.0, by, cy) - 0.5))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5 - ax, y + 0.5 - ay
                second = (px * cy - cx * py) / area
                third = (bx * py - px * by) / area
                first = 1 - second - third
                if first < 0 or second < 0 or third < 0:
                    continue
                z = first * corners[a, 2] + second * corners[b, 2] + third * corners[c, 2]
                if z > depth[y, x]:
                    depth[y, x] = z
                    owner[y, x] = t
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = first, second, third


@kernel
def raster_strands(
    points: np.ndarray,  # N,S,3 pixel x, pixel y, depth
    colours: np.ndarray,  # N,S,3
    radius: float,  # pixels; .5 draws lines one pixel wide
    opacity: float,
    bias: float,  # added to the depth before the test
    label: int,
    depth: np.ndarray,  # H,W in and out
    picture: np.ndarray,  # H,W,3 in and out
    labels: np.ndarray,  # H,W uint8 in and out; takes `label`
) -> None:
    """Draw polylines over the picture; solid ones (opacity > .6) also write depth."""
    height, width = depth.shape
    for n in range(points.shape[0]):
        for s in range(points.shape[1] - 1):
            x0, y0, z0 = points[n, s, 0], points[n, s, 1], points[n, s, 2]
            dx, dy, dz = points[n, s + 1, 0] - x0, points[n, s + 1, 1] - y0, points[n, s + 1, 2] - z0
            steps = int(max(abs(dx), abs(dy))) + 1
            if steps > 300:
                continue
            for k in range(steps):
                t = k / steps
                x, y, z = x0 + dx * t, y0 + dy * t, z0 + dz * t + bias
                for row in range(math.floor(y - radius + 0.5), math.floor(y + radius + 0.499) + 1):
                    for column in range(math.floor(x - radius + 0.5), math.floor(x + radius + 0.499) + 1):
                        if row < 0 or column < 0 or row >= height or column >= width or z < depth[row, column]:
                            continue
                        for channel in range(3):
                            colour = colours[n, s, channel] * (1 - t) + colours[n, s + 1, channel] * t
                            picture[row, column, channel] += opacity * (colour - picture[row, column, channel])
                        if opacity > 0.6:
                            depth[row, column] = z
                        labels[row, column] = label


@kernel
def raster_depth_of_strands(points: np.ndarray, depth: np.ndarray) -> None:
    """Strands into a depth buffer only (shadow maps). `points` N,S,3 as in `raster_strands`."""
    height, width = depth.shape
    for n in range(points.shape[0]):
        for s in range(points.shape[1] - 1):
            x0, y0, z0 = points[n, s, 0], points[n, s, 1], points[n, s, 2]
            dx, dy, dz = points[n, s + 1, 0] - x0, points[n, s + 1, 1] - y0, points[n, s + 1, 2] - z0
            steps = min(300, int(max(abs(dx), abs(dy))) + 1)
            for k in range(steps):
                t = k / steps
                row, column = int(y0 + dy * t), int(x0 + dx * t)
                if 0 <= row < height and 0 <= column < width:
                    depth[row, column] = max(depth[row, column], z0 + dz * t)


@kernel
def interpolate(
    values: np.ndarray, triangles: np.ndarray, owner: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """H,W,C: per-vertex `values` V,C at every covered pixel, zeros elsewhere."""
    height, width = owner.shape
    result = np.zeros((height, width, values.shape[1]), np.float32)
    for y in range(height):
        for x in range(width):
            if owner[y, x] < 0:
                continue
            for corner in range(3):
                vertex = triangles[owner[y, x], corner]
                for channel in range(values.shape[1]):
                    result[y, x, channel] += weights[y, x, corner] * values[vertex, channel]
    return result


@kernel
def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of H,W,C float32; the border repeats."""
    height, width, channels = image.shape
    reach = math.ceil(2.5 * sigma)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    taps /= taps.sum()
    line = width * channels
    across = np.zeros((height, line), np.float32)
    padded = np.empty(line + 2 * reach * channels, np.float32)
    for y in range(height):
        for x in range(-reach, width + reach):
            source = min(width - 1, max(0, x))
            for channel in range(channels):
                padded[(x + reach) * channels + channel] = image[y, source, channel]
        for k in range(2 * reach + 1):
            tap, shift = taps[k], k * channels
            for n in range(line):
                across[y, n] += tap * padded[n + shift]
    result = np.zeros((height, line), np.float32)
    for y in range(height):
        for k in range(2 * reach + 1):
            source, tap = min(height - 1, max(0, y + k - reach)), taps[k]
            for n in range(line):
                result[y, n] += tap * across[source, n]
    return result.reshape(height, width, channels)
