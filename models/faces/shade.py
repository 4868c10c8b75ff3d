"""Light on surfaces: relief, occlusion, light under the skin, gloss; light on hair."""

from __future__ import annotations

import math

import numpy as np

from models.faces.compiled import kernel
from models.faces.raster import EMPTY, block_means, blur, mapped


@kernel
def bumped(
    normal: np.ndarray,  # P,3 in and out
    height: np.ndarray,  # P, 1 = `strength` dm
    depth: np.ndarray,  # H,W
    places: np.ndarray,  # P numbers of pixels
    dm_per_pixel: float,
    strength: float,
) -> None:
    """Tilt normals by the slope of the relief; not across silhouettes."""
    rows, columns = depth.shape
    relief = np.zeros(depth.shape, np.float32)
    for n in range(places.shape[0]):
        relief[places[n] // columns, places[n] % columns] = height[n]
    scale = strength / (2 * dm_per_pixel)
    for n in range(places.shape[0]):
        y, x = places[n] // columns, places[n] % columns
        if y < 1 or x < 1 or y > rows - 2 or x > columns - 2:
            continue
        if abs(depth[y, x + 1] - depth[y, x - 1]) > 0.2 or abs(depth[y + 1, x] - depth[y - 1, x]) > 0.2:
            continue
        nx = normal[n, 0] - min(0.6, max(-0.6, (relief[y, x + 1] - relief[y, x - 1]) * scale))
        ny = normal[n, 1] + min(0.6, max(-0.6, (relief[y + 1, x] - relief[y - 1, x]) * scale))
        normal[n, 0], normal[n, 1], normal[n, 2] = _unit(nx, ny, normal[n, 2])


@kernel
def _sunken(
    depth: np.ndarray, near: np.ndarray, step: int, reach: float, factor: float, openness: np.ndarray
) -> None:
    """Darken places H,W below their surroundings, of which `near` holds one value per `step`² places."""
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            level, share = near[y // step, x // step, 0], near[y // step, x // step, 1]
            if depth[y, x, 1] > 0 and share > 1e-3:
                below = level / share - depth[y, x, 0] / depth[y, x, 1]
                openness[y, x, 0] *= 1 - min(0.55, factor * max(0.0, min(below, reach)))


@kernel
def _solid(depth: np.ndarray) -> np.ndarray:
    """H/2,W/2,2: sum of the depths and number of the covered samples of each block of two by two."""
    result = np.zeros((depth.shape[0] // 2, depth.shape[1] // 2, 2), np.float32)
    for y in range(result.shape[0] * 2):
        for x in range(result.shape[1] * 2):
            if depth[y, x] > EMPTY:
                result[y // 2, x // 2, 0] += depth[y, x]
                result[y // 2, x // 2, 1] += 1
    return result


def openness(depth: np.ndarray, dm_per_sample: float, scale: float) -> np.ndarray:
    """H/2,W/2 0…1: how much of the surroundings a place sees (1 = all), from the depth H,W around it."""
    solid = _solid(depth)
    result = np.ones((*solid.shape[:2], 1), np.float32)
    for reach, factor in ((0.03, 7.0), (0.10, 2.2), (0.28, 0.7)):
        sigma = 0.5 * reach * scale / dm_per_sample
        step = max(1, int(sigma / 2))
        near = blur(block_means(solid, step) if step > 1 else solid, sigma / step)
        _sunken(solid, near, step, 3 * reach * scale, factor / scale, result)
    return blur(result, 0.5)[..., 0]


@kernel
def at_samples(coarse: np.ndarray, places: np.ndarray) -> np.ndarray:
    """P: values of H/2,W/2 at the samples `places` of H,W."""
    result = np.empty(places.shape[0], np.float32)
    width = 2 * coarse.shape[1]
    for n in range(places.shape[0]):
        result[n] = coarse[places[n] // width // 2, places[n] % width // 2]
    return result


@kernel
def representatives(places: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """P: for each sample, which sample (a number into `places`) of its pixel may stand for it: one as near."""
    width = depth.shape[1]
    first = np.full(((depth.shape[0] + 1) // 2, (width + 1) // 2), -1, np.int64)
    result = np.empty(places.shape[0], np.int64)
    for n in range(places.shape[0]):
        y, x = places[n] // width, places[n] % width
        known = first[y // 2, x // 2]
        if known >= 0 and abs(depth[places[known] // width, places[known] % width] - depth[y, x]) < 0.06:
            result[n] = known
        else:
            first[y // 2, x // 2] = result[n] = n
    return result


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
    result, toward = np.empty(normal.shape, np.float32), np.zeros(3)
    for n in range(normal.shape[0]):
        for light in range(3):
            toward[light] = 0.0
            for axis in range(3):
                toward[light] += normal[n, axis] * directions[light, axis]
        upward = 0.5 + 0.5 * normal[n, 1]
        crease = 0.35 + 0.65 * open_[n]
        for channel in range(3):
            wrap = 0.06 + 0.25 * softness + ((0.20, 0.07, 0.03)[channel] if skin[n] else 0.0)
            key = max(0.0, (toward[0] + wrap) / (1 + wrap))
            key *= math.sqrt(math.sqrt(math.sqrt(key)))  # a gentler terminator
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
    place: np.ndarray,  # N,3 world
    eye: np.ndarray,  # 3 world
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
        vx, vy, vz = _unit(eye[0] - place[n, 0], eye[1] - place[n, 1], eye[2] - place[n, 2])
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


@kernel
def _gathered(light: np.ndarray, skin: np.ndarray, places: np.ndarray, height: int, width: int) -> np.ndarray:
    """height/2,width/2,4: sum of the skin's light in each block of two by two samples, and their number."""
    result = np.zeros((height // 2, width // 2, 4), np.float32)
    for n in range(places.shape[0]):
        if skin[n]:
            y, x = places[n] // width // 2, places[n] % width // 2
            for channel in range(3):
                result[y, x, channel] += light[n, channel]
            result[y, x, 3] += 1
    return result


@kernel
def _scattered(
    near: np.ndarray, far: np.ndarray, skin: np.ndarray, places: np.ndarray, light: np.ndarray
) -> None:
    width = 2 * near.shape[1]
    for n in range(places.shape[0]):
        if skin[n]:
            y, x = places[n] // width // 2, places[n] % width // 2
            light[n, 0] = far[y, x, 0] / max(far[y, x, 1], np.float32(1e-3))
            light[n, 1] = near[y, x, 1] / max(near[y, x, 3], np.float32(1e-3))
            light[n, 2] = near[y, x, 2] / max(near[y, x, 3], np.float32(1e-3))


def under_skin(
    light: np.ndarray, skin: np.ndarray, places: np.ndarray, shape: tuple[int, int], dm_per_sample: float
) -> None:
    """Spread the diffuse light P,3 at samples `places` of `shape` within the skin P bool, in place: red farthest.

    It is blurred at the picture's own resolution: finer than that it is smooth anyway.
    """
    sums = _gathered(light, skin, places, *shape)
    sigmas = (np.sqrt(max(0.1, (0.5 * reach / dm_per_sample) ** 2 - 0.08)) for reach in (0.014, 0.042))
    near, far = float(next(sigmas)), float(next(sigmas))
    _scattered(blur(sums, near), blur(np.ascontiguousarray(sums[..., [0, 3]]), far), skin, places, light)


@kernel
def _passing(depth: np.ndarray, x: float, y: float, z: float, radius: float, bias: float) -> float:
    """Share of the key light at a place of the shadow map: five taps, for hair, which is noisy by itself."""
    total = 0.0
    for dx, dy in ((0, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)):
        column, row = int(x + 0.7 * dx * radius), int(y + 0.7 * dy * radius)
        if column < 0 or row < 0 or row >= depth.shape[0] or column >= depth.shape[1]:
            total += 1
            continue
        total += 1 - min(1.0, max(0.0, (depth[row, column] - z - bias) / 0.05))
    return total / 5


@kernel
def strand_light(
    points: np.ndarray,  # N,S,3 world
    albedo: np.ndarray,  # N,3
    eye: np.ndarray,  # 3
    centre: np.ndarray,  # 3 of the head
    shadow: np.ndarray,  # the shadow map
    to_shadow: np.ndarray,  # 3,4: world → its pixels and depth
    blurred: float,  # its pixels over which a shadow's edge is soft
    bias: float,  # dm
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
            mx, my, mz = mapped(to_shadow, x, y, z)
            share_of_key = _passing(shadow, mx, my, mz, blurred, bias)
            along_view = wx * vx + wy * vy + wz * vz
            across_view = math.sqrt(max(0.0, 1 - along_view * along_view))
            for light in range(3):
                lx, ly, lz = directions[light, 0], directions[light, 1], directions[light, 2]
                along = wx * lx + wy * ly + wz * lz
                across = math.sqrt(max(0.0, 1 - along * along))
                facing = ox * lx + oy * ly + oz * lz
                side = min(1.0, max(0.06, facing * 0.7 + 0.35))
                share = side * depth * (share_of_key if light == 0 else 0.6)
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
