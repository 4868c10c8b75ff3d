"""Light on surfaces: relief, occlusion, light under the skin, gloss; light on hair."""

from __future__ import annotations

import math

import numpy as np

from models.faces.compiled import kernel
from models.faces.raster import EMPTY, blur


@kernel
def bumped(
    normal: np.ndarray, height: np.ndarray, depth: np.ndarray, dm_per_pixel: float, strength: float
) -> None:
    """Tilt `normal` H,W,3 in place by the slope of `height` H,W (1 = `strength` dm); not across silhouettes."""
    rows, columns = height.shape
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            if depth[y, x] == EMPTY:
                continue
            if abs(depth[y, x + 1] - depth[y, x - 1]) > 0.2 or abs(depth[y + 1, x] - depth[y - 1, x]) > 0.2:
                continue
            scale = strength / (2 * dm_per_pixel)
            normal[y, x, 0] -= min(0.6, max(-0.6, (height[y, x + 1] - height[y, x - 1]) * scale))
            normal[y, x, 1] += min(0.6, max(-0.6, (height[y + 1, x] - height[y - 1, x]) * scale))
            normal[y, x] /= np.sqrt((normal[y, x] ** 2).sum()) + 1e-9


@kernel
def _sunken(depth: np.ndarray, near: np.ndarray, reach: float, factor: float, openness: np.ndarray) -> None:
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            if depth[y, x] > EMPTY and near[y, x, 1] > 1e-3:
                below = near[y, x, 0] / near[y, x, 1] - depth[y, x]
                openness[y, x] *= 1 - min(0.55, factor * max(0.0, min(below, reach)))


def openness(depth: np.ndarray, dm_per_pixel: float, scale: float) -> np.ndarray:
    """H,W 0…1: how much of the surroundings a place sees (1 = all), from the depth around it."""
    result = np.ones_like(depth)
    solid = depth > EMPTY
    base = depth[solid].min() if solid.any() else 0.0
    stacked = np.stack([np.where(solid, depth, base), np.ones_like(depth)], -1).astype(np.float32)
    stacked *= solid[..., None]
    for reach, factor in ((0.03, 7.0), (0.10, 2.2), (0.28, 0.7)):
        sigma = reach * scale / dm_per_pixel
        step = max(1, int(sigma / 2))
        near = np.repeat(
            np.repeat(blur(np.ascontiguousarray(_shrunk(stacked, step)), sigma / step), step, 0), step, 1
        )
        _sunken(depth, near[: depth.shape[0], : depth.shape[1]], 3 * reach * scale, factor / scale, result)
    return blur(np.ascontiguousarray(result[..., None]), 1.0)[..., 0]


def _shrunk(image: np.ndarray, step: int) -> np.ndarray:
    """Block means of H,W,C; the border is padded with its own values."""
    if step == 1:
        return image
    height, width = (-(-side // step) * step for side in image.shape[:2])
    padded = np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)), mode="edge")
    return padded.reshape(height // step, step, width // step, step, -1).mean((1, 3))


@kernel
def irradiance(
    normal: np.ndarray,  # N,3
    shadow: np.ndarray,  # N 0…1, share of the key light
    open_: np.ndarray,  # N 0…1
    skin: np.ndarray,  # N bool: light wraps reddish around
    directions: np.ndarray,  # 3,3 rows: key, fill, rim
    colours: np.ndarray,  # 5,3 rows: key, fill, rim, sky, ground
    softness: float,
) -> np.ndarray:
    """N,3 diffuse light that arrives."""
    result = np.empty(normal.shape, np.float32)
    for n in range(normal.shape[0]):
        toward = np.zeros(3)
        for light in range(3):
            for axis in range(3):
                toward[light] += normal[n, axis] * directions[light, axis]
        upward = 0.5 + 0.5 * normal[n, 1]
        crease = 0.35 + 0.65 * open_[n]
        for channel in range(3):
            wrap = 0.06 + 0.25 * softness + ((0.20, 0.07, 0.03)[channel] if skin[n] else 0.0)
            key = max(0.0, (toward[0] + wrap) / (1 + wrap)) ** 1.15
            leak = (0.10, 0.035, 0.02)[channel] if skin[n] else 0.0
            visible = shadow[n] + (1 - shadow[n]) * leak
            total = colours[0, channel] * key * visible * crease
            total += colours[1, channel] * max(0.0, 0.3 + 0.7 * toward[1]) * open_[n]
            total += colours[2, channel] * max(0.0, toward[2]) * crease
            ambient = colours[4, channel] + (colours[3, channel] - colours[4, channel]) * upward
            bounce = (1.12, 0.98, 0.95)[channel] if skin[n] else 1.0
            result[n, channel] = total + ambient * open_[n] * (bounce if open_[n] < 0.7 else 1.0)
    return result


@kernel
def specular(
    normal: np.ndarray,  # N,3
    view: np.ndarray,  # N,3
    shadow: np.ndarray,  # N
    open_: np.ndarray,  # N
    gloss: np.ndarray,  # N
    wet: np.ndarray,  # N bool: eyes, mirrors of the lamp and the sky
    directions: np.ndarray,
    colours: np.ndarray,
    softness: float,
) -> np.ndarray:
    """N,3 light mirrored by skin (two lobes), cloth and eyes."""
    result = np.zeros(normal.shape, np.float32)
    for n in range(normal.shape[0]):
        nx, ny, nz = normal[n, 0], normal[n, 1], normal[n, 2]
        vx, vy, vz = view[n, 0], view[n, 1], view[n, 2]
        facing = max(0.0, nx * vx + ny * vy + nz * vz)
        grazing = (1 - facing) * (1 - facing)
        fresnel = 0.028 + 0.6 * grazing * grazing * (1 - facing)
        for light in range(3):
            lx, ly, lz = directions[light, 0], directions[light, 1], directions[light, 2]
            toward = nx * lx + ny * ly + nz * lz
            if toward <= 0 or colours[light, 1] == 0:
                continue
            hx, hy, hz = _unit(lx + vx, ly + vy, lz + vz)
            align = max(0.0, nx * hx + ny * hy + nz * hz)
            if wet[n]:
                lobe = min(1.0, (align / (0.9985 - 0.004 * softness)) ** 900) * (2.2 if light == 0 else 0.14)
                seen = 0.4 + 0.6 * shadow[n] if light == 0 else 1.0
            else:
                square = align * align
                twelfth = square * square * square
                twelfth *= twelfth
                sharp = twelfth * twelfth * twelfth * twelfth * square
                lobe = (1.7 * twelfth + 3.4 * sharp) * fresnel * gloss[n] * min(1.0, 3 * toward)
                seen = shadow[n] if light == 0 else 0.5
            for channel in range(3):
                result[n, channel] += lobe * seen * colours[light, channel]
        mirrored_up = 2 * facing * ny - vy
        sheen = fresnel * gloss[n] * open_[n] * max(0.0, 0.35 + 0.65 * mirrored_up) * (1.6 if wet[n] else 0.5)
        for channel in range(3):
            result[n, channel] += sheen * colours[3, channel]
    return result


def under_skin(light: np.ndarray, skin: np.ndarray, dm_per_pixel: float) -> np.ndarray:
    """Spread the diffuse light H,W,3 within the skin H,W bool: red farthest."""
    share = skin.astype(np.float32)[..., None]
    stacked = np.concatenate([light * share, share], -1)
    near = blur(stacked, max(0.35, 0.014 / dm_per_pixel))
    far = blur(np.ascontiguousarray(stacked[..., [0, 3]]), max(0.35, 0.042 / dm_per_pixel))
    result = near[..., :3] / np.maximum(near[..., 3:], 1e-3)
    result[..., 0] = far[..., 0] / np.maximum(far[..., 1], 1e-3)
    return np.where(skin[..., None], result, light)


@kernel
def strand_light(
    points: np.ndarray,  # N,S,3 world
    albedo: np.ndarray,  # N,3
    eye: np.ndarray,  # 3
    centre: np.ndarray,  # 3 of the head
    lit_share: np.ndarray,  # N,S 0…1
    directions: np.ndarray,
    colours: np.ndarray,
    shine: float,
) -> np.ndarray:
    """N,S,3 light from hair: Kajiya and Kay's diffuse term, a white and a coloured highlight, dark roots."""
    count, length, _ = points.shape
    result = np.empty(points.shape, np.float32)
    diffuse, white, tinted = np.zeros(3), np.zeros(3), np.zeros(3)
    for n in range(count):
        for s in range(length):
            low, high = max(0, s - 1), min(length - 1, s + 1)
            x, y, z = points[n, s, 0], points[n, s, 1], points[n, s, 2]
            wx, wy, wz = _unit(
                points[n, high, 0] - points[n, low, 0],
                points[n, high, 1] - points[n, low, 1],
                points[n, high, 2] - points[n, low, 2],
            )
            vx, vy, vz = _unit(eye[0] - x, eye[1] - y, eye[2] - z)
            ox, oy, oz = _unit(x - centre[0], y - centre[1], z - centre[2])
            depth = 0.40 + 0.60 * s / (length - 1)
            along_view = wx * vx + wy * vy + wz * vz
            across_view = math.sqrt(max(0.0, 1 - along_view * along_view))
            for light in range(3):
                lx, ly, lz = directions[light, 0], directions[light, 1], directions[light, 2]
                along = wx * lx + wy * ly + wz * lz
                across = math.sqrt(max(0.0, 1 - along * along))
                facing = ox * lx + oy * ly + oz * lz
                side = min(1.0, max(0.06, facing * 0.7 + 0.35))
                share = side * depth * (lit_share[n, s] if light == 0 else 0.6)
                if light == 2:
                    share = 0.45 * max(0.0, facing) * depth * depth
                lobe = max(0.0, across * across_view - along * along_view)
                sharp = lobe * lobe * lobe * lobe
                sharp *= sharp * sharp  # ^12
                diffuse[light] = share * 0.75 * across
                white[light] = share * 0.13 * shine * sharp * sharp * sharp * sharp
                tinted[light] = share * 0.5 * shine * sharp
            upward = 0.5 + 0.5 * oy
            for channel in range(3):
                own = albedo[n, channel]
                total = (
                    own * depth * (colours[4, channel] + (colours[3, channel] - colours[4, channel]) * upward)
                )
                for light in range(3):
                    mirrored = white[light] * (0.3 + own) + tinted[light] * own
                    total += colours[light, channel] * (diffuse[light] * own + mirrored)
                result[n, s, channel] = total
    return result


@kernel
def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = math.sqrt(x * x + y * y + z * z) + 1e-9
    return x / length, y / length, z / length
