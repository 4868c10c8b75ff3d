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
        if left > right or top > bottom:
            continue
        bx, by, cx, cy = bx / area, by / area, cx / area, cy / area
        z0, zb, zc = corners[a, 2], corners[b, 2] - corners[a, 2], corners[c, 2] - corners[a, 2]
        for y in range(top, bottom + 1):
            py = y + 0.5 - ay
            for x in range(left, right + 1):
                px = x + 0.5 - ax
                second = px * cy - cx * py
                third = bx * py - px * by
                first = 1 - second - third
                if min(first, second, third) < 0:
                    continue
                z = z0 + second * zb + third * zc
                if z > depth[y, x]:
                    depth[y, x] = z
                    owner[y, x] = t
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = first, second, third


@kernel
def seen_strands(points: np.ndarray, bias: float, depth: np.ndarray) -> np.ndarray:
    """N bool: strands N,S,3 of which a point lies in the picture and not far behind the depth buffer."""
    height, width = depth.shape
    seen = np.zeros(points.shape[0], np.bool_)
    for n in range(points.shape[0]):
        for s in range(points.shape[1]):
            row, column = int(points[n, s, 1]), int(points[n, s, 0])
            inside = -4 < row < height + 4 and -4 < column < width + 4
            row, column = min(height - 1, max(0, row)), min(width - 1, max(0, column))
            if inside and points[n, s, 2] + bias + 0.04 > depth[row, column]:
                seen[n] = True
                break
    return seen


@kernel
def raster_strands(
    points: np.ndarray,  # N,S,3 pixel x, pixel y, depth; the farthest strand first
    colours: np.ndarray,  # N,S,3
    radius: float,  # pixels at the root; a strand thinner than a pixel covers a part of it
    opacity: float,  # at the root
    taper: float,  # 0…1: how much of the width is lost towards the tip
    bias: float,  # added to the depth before the test
    label: int,
    depth: np.ndarray,  # H,W in and out: takes what is almost solid
    picture: np.ndarray,  # H,W,3 in and out
    labels: np.ndarray,  # H,W uint8 in and out; takes `label`
) -> None:
    """Draw polylines over the picture, one step per pixel of their longer axis, by the area that they cover."""
    sides = (depth.shape[1], depth.shape[0])
    for n in range(points.shape[0]):
        for s in range(points.shape[1] - 1):
            x, y = points[n, s, 0], points[n, s, 1]
            dx, dy = points[n, s + 1, 0] - x, points[n, s + 1, 1] - y
            flat = abs(dx) > abs(dy)
            start, run, beside, drift = (x, dx, y, dy) if flat else (y, dy, x, dx)
            long_side, short_side = sides if flat else (sides[1], sides[0])
            first = max(0, math.ceil(min(start, start + run) - 0.5))
            beyond = min(long_side, math.ceil(max(start, start + run) - 0.5))
            if first >= beyond:
                continue
            slant = math.sqrt(dx * dx + dy * dy) / abs(run)
            z, dz = points[n, s, 2] + bias, points[n, s + 1, 2] - points[n, s, 2]
            for m in range(first, beyond):
                t = (m + 0.5 - start) / run
                grown = (s + t) / (points.shape[1] - 1)
                half = radius * slant * (1 - taper * grown * grown)
                middle, here = beside + drift * t, z + dz * t
                low, high = max(0.0, middle - half), min(float(short_side), middle + half)
                for q in range(int(low), min(short_side, int(high) + 1)):
                    row, column = (q, m) if flat else (m, q)
                    share = opacity * (min(q + 1.0, high) - max(float(q), low))
                    if share <= 0 or here < depth[row, column]:
                        continue
                    for channel in range(3):
                        colour = colours[n, s, channel] * (1 - t) + colours[n, s + 1, channel] * t
                        picture[row, column, channel] += share * (colour - picture[row, column, channel])
                    if share > 0.4:
                        depth[row, column] = here
                    if share > 0.35 * opacity:
                        labels[row, column] = label


@kernel
def raster_depth_of_strands(points: np.ndarray, to_map: np.ndarray, depth: np.ndarray) -> None:
    """Strands N,S,3 of the world into a depth buffer only (shadow maps); `to_map` 3,4 takes a place there."""
    height, width = depth.shape
    for n in range(points.shape[0]):
        x, y, z = mapped(to_map, points[n, 0, 0], points[n, 0, 1], points[n, 0, 2])
        for s in range(1, points.shape[1]):
            x1, y1, z1 = mapped(to_map, points[n, s, 0], points[n, s, 1], points[n, s, 2])
            steps = min(300, int(max(abs(x1 - x), abs(y1 - y))) + 1)
            for k in range(steps):
                t = k / steps
                row, column = int(y + (y1 - y) * t), int(x + (x1 - x) * t)
                if 0 <= row < height and 0 <= column < width:
                    depth[row, column] = max(depth[row, column], z + (z1 - z) * t)
            x, y, z = x1, y1, z1


@kernel
def mapped(affine: np.ndarray, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A place under the map 3,4."""
    return (
        affine[0, 0] * x + affine[0, 1] * y + affine[0, 2] * z + affine[0, 3],
        affine[1, 0] * x + affine[1, 1] * y + affine[1, 2] * z + affine[1, 3],
        affine[2, 0] * x + affine[2, 1] * y + affine[2, 2] * z + affine[2, 3],
    )


@kernel
def interpolate_at(
    values: np.ndarray,  # V,C float32
    triangles: np.ndarray,  # F,3
    owner: np.ndarray,  # H,W
    weights: np.ndarray,  # H,W,3
    places: np.ndarray,  # P numbers of covered pixels, row by row
) -> np.ndarray:
    """P,C: per-vertex `values` at the covered pixels."""
    width = owner.shape[1]
    result = np.empty((places.shape[0], values.shape[1]), np.float32)
    for n in range(places.shape[0]):
        y, x = places[n] // width, places[n] % width
        a, b, c = triangles[owner[y, x], 0], triangles[owner[y, x], 1], triangles[owner[y, x], 2]
        first, second, third = weights[y, x, 0], weights[y, x, 1], weights[y, x, 2]
        for channel in range(values.shape[1]):
            result[n, channel] = (
                first * values[a, channel] + second * values[b, channel] + third * values[c, channel]
            )
    return result


def interpolate(
    values: np.ndarray, triangles: np.ndarray, owner: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """H,W,C: per-vertex `values` V,C at every covered pixel, zeros elsewhere."""
    places = np.flatnonzero(owner.ravel() >= 0)
    result = np.zeros((*owner.shape, values.shape[1]), np.float32)
    at = interpolate_at(np.ascontiguousarray(values, np.float32), triangles, owner, weights, places)
    result.reshape(-1, values.shape[1])[places] = at
    return result


@kernel
def block_means(image: np.ndarray, step: int) -> np.ndarray:
    """Means of blocks of `step`² pixels of H,W,C float32; blocks at the far borders may be smaller."""
    height, width, channels = image.shape
    rows, columns = (height + step - 1) // step, (width + step - 1) // step
    result = np.zeros((rows, columns, channels), np.float32)
    for y in range(height):
        for x in range(width):
            for channel in range(channels):
                result[y // step, x // step, channel] += image[y, x, channel]
    for y in range(rows):
        for x in range(columns):
            count = min(step, height - y * step) * min(step, width - x * step)
            for channel in range(channels):
                result[y, x, channel] /= count
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
