"""What occluders are drawn into, and how it gets into the photograph.

Occluders are drawn in the renderer's linear light at its supersampling, blurred by its lens and developed by its
film curve: neither edges nor sharpness tell them from the render.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.faces.compiled import kernel
from models.faces.film import LENS, OVER
from models.faces.labels import Region
from models.faces.light import Lights
from models.faces.parameters import encoded, linear
from models.faces.raster import EMPTY, blur, interpolate, raster_triangles
from models.faces.shape import vertex_normals
from models.faces.sitter import Sitter

_SEEN = 0.004  # less alpha or shadow than this leaves the photograph's byte alone


@dataclass(frozen=True)
class Canvas:
    """All arrays H,W(,3) at `OVER` times the photograph's size."""

    light: np.ndarray  # linear, not multiplied by alpha
    alpha: np.ndarray  # 0…1, how much of the photograph is hidden
    covered: np.ndarray  # 0…1, the stencil: 1 also where it is translucent
    kept: np.ndarray  # 0…1, share of light that cast shadows leave
    depth: np.ndarray  # of the meshes drawn so far, without the head


@dataclass(frozen=True)
class Paint:
    """Surface at P places."""

    albedo: np.ndarray  # P,3 linear
    gloss: np.ndarray | float = 0.3
    opacity: np.ndarray | float = 1.0  # 0 where there is no surface


@dataclass(frozen=True)
class Mesh:
    """A surface in shaped or world coordinates; `uv` V,C is whatever its paint wants to know."""

    points: np.ndarray  # V,3
    uv: np.ndarray  # V,C
    triangles: np.ndarray  # F,3 int32


Painter = Callable[[np.ndarray, np.ndarray], Paint]  # of uv P,C and canvas places P,2


def empty_canvas(sitter: Sitter) -> Canvas:
    """Nothing drawn yet."""
    side = sitter.canvas_size
    flat = np.zeros((side, side), np.float32)
    light, depth = np.zeros((side, side, 3), np.float32), np.full((side, side), EMPTY, np.float32)
    return Canvas(light, flat, flat.copy(), np.ones_like(flat), depth)


def over(
    canvas: Canvas,
    where: np.ndarray,
    light: np.ndarray,
    alpha: np.ndarray | float,
    stencil: np.ndarray | float = 1.0,
) -> None:
    """Put `light` P,3 over the canvas at the P places of `where` H,W bool, with `alpha` in a `stencil`, one or P."""
    top = np.broadcast_to(np.asarray(alpha, np.float32), light.shape[:1])
    below = canvas.alpha[where] * (1 - top)
    total = top + below
    mixed = light * top[:, None] + canvas.light[where] * below[:, None]
    canvas.light[where] = mixed / np.maximum(total, 1e-6)[:, None]
    canvas.alpha[where] = total
    canvas.covered[where] = 1 - (1 - canvas.covered[where]) * (1 - stencil)


def draw_mesh(sitter: Sitter, canvas: Canvas, mesh: Mesh, paint: Painter, tolerance: float = 0.0) -> np.ndarray:
    """Draw a mesh of shaped coordinates; hidden where head or canvas is nearer by more than `tolerance` dm.

    Returns H,W bool, where it is seen.
    """
    return draw_world_mesh(
        sitter, canvas, Mesh(sitter.pose.to_world(mesh.points), mesh.uv, mesh.triangles), paint, tolerance
    )


def draw_world_mesh(
    sitter: Sitter, canvas: Canvas, mesh: Mesh, paint: Painter, tolerance: float = 0.0
) -> np.ndarray:
    """As `draw_mesh`, of a mesh in world coordinates."""
    corners = sitter.place_world(mesh.points)
    corners[:, 2] += tolerance
    tested = np.maximum(canvas.depth, sitter.depth)
    owner = np.full(tested.shape, -1, np.int32)
    weights = np.zeros((*tested.shape, 3), np.float32)
    every = np.ones(len(mesh.triangles), np.bool_)
    triangles = np.ascontiguousarray(mesh.triangles, np.int32)
    points = np.ascontiguousarray(mesh.points, np.float32)
    raster_triangles(corners, triangles, every, tested, owner, weights)
    seen = owner >= 0
    attributes = np.concatenate([points, vertex_normals(points, triangles), mesh.uv], 1).astype(np.float32)
    surface = interpolate(attributes, triangles, owner, weights)[seen]
    paint_here = paint(surface[:, 6:], np.argwhere(seen)[:, ::-1])
    opacity = np.broadcast_to(np.asarray(paint_here.opacity, np.float32), len(surface))
    there = opacity > 0
    seen[seen] = there
    view = sitter.camera.eye - surface[there, :3]
    albedo = np.broadcast_to(np.asarray(paint_here.albedo, np.float32), (len(surface), 3))[there]
    gloss = np.broadcast_to(np.asarray(paint_here.gloss, np.float32), len(surface))[there]
    over(canvas, seen, lit_surface(surface[there, 3:6], view, albedo, gloss, sitter.lights), opacity[there])
    canvas.depth[seen] = tested[seen] - tolerance
    return seen


def lit_surface(
    normal: np.ndarray, view: np.ndarray, albedo: np.ndarray, gloss: np.ndarray, lights: Lights
) -> np.ndarray:
    """P,3 light from a surface; normals P,3 of any length and side are turned to the viewer."""
    directions = np.stack([lights.key, lights.fill, lights.rim]).astype(np.float32)
    colours = np.stack([lights.key_colour, lights.fill_colour, lights.rim_colour, lights.sky, lights.ground])
    return _lit(
        normal.astype(np.float32), view.astype(np.float32), albedo.astype(np.float32),
        gloss.astype(np.float32), directions, colours.astype(np.float32), float(lights.softness),
    )  # fmt: skip


@kernel
def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = math.sqrt(x * x + y * y + z * z) + 1e-9
    return x / length, y / length, z / length


@kernel
def _lit(
    normal: np.ndarray, view: np.ndarray, albedo: np.ndarray, gloss: np.ndarray,
    directions: np.ndarray, colours: np.ndarray, softness: float,
) -> np.ndarray:  # fmt: skip
    result = np.empty(normal.shape, np.float32)
    wrap = 0.08 + 0.25 * softness
    for n in range(normal.shape[0]):
        nx, ny, nz = _unit(normal[n, 0], normal[n, 1], normal[n, 2])
        vx, vy, vz = _unit(view[n, 0], view[n, 1], view[n, 2])
        facing = nx * vx + ny * vy + nz * vz
        if facing < 0:
            nx, ny, nz, facing = -nx, -ny, -nz, -facing
        fresnel = 0.04 + 0.5 * (1 - min(1.0, facing)) ** 4
        upward = 0.5 + 0.5 * ny
        mirrored_up = min(1.0, max(0.0, 0.4 + 0.6 * (2 * facing * ny - vy)))
        for channel in range(3):
            ambient = colours[4, channel] + (colours[3, channel] - colours[4, channel]) * upward
            mirror = fresnel * gloss[n] * 0.5 * mirrored_up * colours[3, channel]
            result[n, channel] = 0.85 * ambient * albedo[n, channel] + mirror
        for light in range(3):
            lx, ly, lz = directions[light, 0], directions[light, 1], directions[light, 2]
            toward = nx * lx + ny * ly + nz * lz
            soft = max(0.0, (toward + wrap) / (1 + wrap)) * (0.7 if light else 1.0)
            hx, hy, hz = _unit(lx + vx, ly + vy, lz + vz)
            align = max(0.0, nx * hx + ny * hy + nz * hz)
            lobe = align ** (12 + 60 * min(1.0, gloss[n])) if toward > 0 else 0.0
            for channel in range(3):
                share = albedo[n, channel] * soft + 2.5 * fresnel * gloss[n] * lobe
                result[n, channel] += colours[light, channel] * share
    return result


def cast_shadow(sitter: Sitter, canvas: Canvas, caster: np.ndarray, height: float) -> None:
    """Darken what of the sitter lies behind `caster` H,W 0…1, `height` dm before the skin, away from the light."""
    lights, reach = sitter.lights, sitter.pixels_per_dm * sitter.scale
    softness = lights.softness
    slope = height * reach / max(float(lights.key[2]), 0.45)
    far = _shifted(caster, -lights.key[0] * slope, lights.key[1] * slope)
    sharp = far if height < 0.02 else _soft(far, max(1.0, height * reach * (0.15 + 0.5 * softness)))
    near = _soft(caster, max(1.0, 0.05 * reach))
    ambient = float(np.mean(lights.sky + lights.ground)) / 2
    share = float(lights.key_colour.mean()) * max(float(lights.key[2]), 0.3)
    strength = 0.9 * share / (share + ambient) * (1 - 0.4 * softness)
    receives = _soft(
        sitter.region(*(region for region in Region if region != Region.BACKGROUND)).astype(np.float32), 1.0
    )
    canvas.kept[:] *= 1 - receives * (1 - (1 - strength * sharp) * (1 - 0.3 * near))


def _soft(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of H,W, on a coarser grid when that is not seen."""
    side = image.shape[0]
    step = next(step for step in (4, 2, 1) if (sigma >= 1.5 * step and side % step == 0) or step == 1)
    soft = blur(np.ascontiguousarray(_shrunk(image, step)[..., None], np.float32), sigma / step)[..., 0]
    if step == 1:
        return soft
    at = np.clip((np.arange(side) + 0.5) / step - 0.5, 0, side // step - 1)
    low = np.minimum(at.astype(int), side // step - 2)
    part = (at - low).astype(np.float32)
    rows = soft[low] + (soft[low + 1] - soft[low]) * part[:, None]
    return rows[:, low] + (rows[:, low + 1] - rows[:, low]) * part


def _shrunk(image: np.ndarray, step: int) -> np.ndarray:
    """Means of `step`² blocks of H,W(,C); both sides are multiples of `step`."""
    total = sum(image[row::step, column::step] for row in range(step) for column in range(step))
    return np.asarray(total, np.float32) / np.float32(step**2)


def _shifted(image: np.ndarray, right: float, down: float) -> np.ndarray:
    """H,W moved by whole pixels; zeros come in."""
    dx, dy = round(right), round(down)
    height, width = image.shape
    result = np.zeros((height, width), np.float32)
    if abs(dx) >= width or abs(dy) >= height:
        return result
    source = image[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    result[max(0, dy) : max(0, dy) + source.shape[0], max(0, dx) : max(0, dx) + source.shape[1]] = source
    return result


def finished(sitter: Sitter, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """The photograph with the canvas before it, size,size,3 uint8, and its invertibility mask, size,size uint8.

    The mask is the stencil's coverage; a cast shadow counts by the share of light it takes. Where neither is,
    the photograph's bytes stay.
    """
    stacked = np.concatenate(
        [canvas.light * canvas.alpha[..., None], canvas.alpha[..., None], canvas.covered[..., None],
         1 - canvas.kept[..., None]], -1,
    )  # fmt: skip
    soft = blur(np.ascontiguousarray(stacked, np.float32), LENS)
    small = _shrunk(soft, OVER)
    alpha, covered, taken = (np.clip(small[..., k], 0, 1) for k in (3, 4, 5))
    touched = (covered >= _SEEN) | (taken >= _SEEN)
    invertibility_mask = np.where(touched, np.maximum(1, np.round(255 * (1 - (1 - covered) * (1 - taken)))), 0)
    light = sitter.developed(small[..., :3] / np.maximum(alpha, 1e-4)[..., None])
    behind = linear(sitter.photograph / np.float32(255)) * (1 - taken[..., None])
    mixed = behind + (light - behind) * alpha[..., None]
    image = np.where(touched[..., None], np.round(encoded(mixed) * 255), sitter.photograph)
    return image.astype(np.uint8), invertibility_mask.astype(np.uint8)
