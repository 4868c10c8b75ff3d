"""One face → one picture with its labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.faces import glasses, hair, shade
from models.faces import head_data as hd
from models.faces.background import paint_background
from models.faces.camera import five_points
from models.faces.cloth import collar_colour, paint_cloth
from models.faces.eyes import paint_eye, paint_mouth
from models.faces.labels import Region, Render
from models.faces.light import Lights, lit
from models.faces.parameters import Face, encoded, linear, years
from models.faces.raster import (
    EMPTY,
    blur,
    interpolate,
    raster_strands,
    raster_triangles,
)
from models.faces.scene import Scene, scene_of
from models.faces.shape import normalise
from models.faces.skin import lipstick, paint_skin, skin_height, skin_look

_OVER = 2  # samples per pixel and axis


@dataclass(frozen=True)
class _Canvas:
    """What is drawn into, at `_OVER` times the size."""

    depth: np.ndarray  # H,W
    picture: np.ndarray  # H,W,3 linear
    labels: np.ndarray  # H,W uint8


def render(face: Face, size: int = 128) -> Render:
    """Draw `face` in a square of `size` pixels, cropped as FFHQ crops."""
    scene = scene_of(face, size * _OVER)
    canvas = _Canvas(
        np.full((size * _OVER, size * _OVER), EMPTY, np.float32),
        paint_background(face, size * _OVER),
        np.zeros((size * _OVER, size * _OVER), np.uint8),
    )
    _draw_head(scene, canvas)
    _draw_lashes(scene, canvas)
    for strands, region in reversed(scene.strands):
        _draw_strands(scene, canvas, strands, region)
    _draw_glasses(scene, canvas)
    data = hd.load()
    return Render(
        image=_developed(canvas.picture, face.exposure),
        segmentation=np.ascontiguousarray(canvas.labels[_OVER // 2 :: _OVER, _OVER // 2 :: _OVER]),
        five=scene.camera.project(five_points(scene.world))[:, :2] / _OVER,
        landmarks=scene.camera.project(scene.world[data.landmarks])[:, :2] / _OVER,
        parameters=face.vector(),
    )


def _light_arrays(lights: Lights) -> tuple[np.ndarray, np.ndarray]:
    """3,3 directions and 5,3 colours as the kernels take them."""
    directions = np.stack([lights.key, lights.fill, lights.rim])
    colours = np.stack([lights.key_colour, lights.fill_colour, lights.rim_colour, lights.sky, lights.ground])
    return directions, colours


def _draw_head(scene: Scene, canvas: _Canvas) -> None:
    """Head, eyes, teeth and cloth."""
    face, data = scene.face, hd.load()
    owner = np.full(canvas.depth.shape, -1, np.int32)
    weights = np.zeros((*canvas.depth.shape, 3), np.float32)
    solid = data.part != hd.LASHES
    raster_triangles(scene.camera.project(scene.world), data.triangles, solid, canvas.depth, owner, weights)
    attributes = np.concatenate([data.vertices, scene.world, scene.normals, data.masks], 1)
    surface = interpolate(attributes, data.triangles, owner, weights)
    rest, world, normal, masks = np.split(surface, [3, 6, 9], axis=2)
    rest, world, normal, masks = (np.ascontiguousarray(array) for array in (rest, world, normal, masks))
    part = np.where(owner >= 0, data.part[owner], -1).astype(np.int32)
    normalise(normal.reshape(-1, 3))

    look = skin_look(face)
    height = skin_height(rest, part, look)
    pixel = scene.camera.dm_per_pixel
    shade.bumped(normal, height, canvas.depth, pixel / scene.scale, 0.011)
    albedo, gloss = np.zeros_like(world), np.zeros(part.shape, np.float32)
    roots_colour = linear(face.hcol) * (1 - face.grey) + np.array([0.35, 0.34, 0.33], np.float32) * face.grey
    paint_skin(
        rest, masks, part, height, look, (0.7 * roots_colour).astype(np.float32), lipstick(face), albedo, gloss
    )
    gloss *= 0.25 + 1.5 * face.shine
    _paint_eyes(scene, part, world, albedo, normal, gloss)
    paint_mouth(part, rest, look.old, albedo, gloss)
    colour = linear(face.ccol)
    cloth = paint_cloth(rest, part, face.neck, face.vneck, colour, collar_colour(face, colour), albedo, gloss)
    _shade_surface(scene, canvas, part, world, normal, albedo, gloss, cloth)
    _label_head(canvas, part, masks, cloth)


def _paint_eyes(
    scene: Scene,
    part: np.ndarray,
    world: np.ndarray,
    albedo: np.ndarray,
    normal: np.ndarray,
    gloss: np.ndarray,
) -> None:
    face, data = scene.face, hd.load()
    for which in (hd.LEFT_EYE, hd.RIGHT_EYE):
        ball = scene.world[data.vertices_of(which)]
        centre = (ball.min(0) + ball.max(0)) / 2
        radius = float(np.linalg.norm(ball - centre, axis=1).mean())
        forward = scene.pose.head @ np.array([face.gaze[0], face.gaze[1], 1.0])
        forward /= np.linalg.norm(forward)
        right = np.cross([0, 1, 0], forward)
        right /= np.linalg.norm(right)
        frame = np.stack([right, np.cross(forward, right), forward], 1)
        age = float(np.clip((years(face.age) - 30) / 50, 0, 1))
        paint_eye(which, part, world, centre, radius, frame, linear(face.ecol), age, albedo, normal, gloss)


def _shade_surface(
    scene: Scene, canvas: _Canvas, part: np.ndarray, world: np.ndarray, normal: np.ndarray,
    albedo: np.ndarray, gloss: np.ndarray, cloth: np.ndarray,
) -> None:  # fmt: skip
    """Light everything opaque that was rasterised, into the canvas."""
    covered = part >= 0
    pixel = scene.camera.dm_per_pixel
    open_ = shade.openness(canvas.depth, pixel, scene.scale)
    open_[part == hd.TEETH] = 0.35 + 0.65 * open_[part == hd.TEETH]  # lips are thin: light comes through
    places = scene.shadow.project(world[covered] + normal[covered] * np.float32(0.02 * scene.scale))
    shadow = np.ones(part.shape, np.float32)
    shadow[covered] = lit(places, scene.shadow.depth, 0.8 + 3.5 * scene.lights.softness, 0.015)
    skin = (part == hd.BODY) & ~cloth
    wet = (part == hd.LEFT_EYE) | (part == hd.RIGHT_EYE)
    directions, colours = _light_arrays(scene.lights)
    view = scene.camera.eye - world[covered]
    view = view.astype(np.float32)
    normalise(view)
    softness = scene.lights.softness
    light = np.zeros_like(world)
    light[covered] = shade.irradiance(
        normal[covered], shadow[covered], open_[covered], skin[covered], directions, colours, softness
    )
    light = shade.under_skin(light, skin, pixel / scene.scale)
    mirrored = shade.specular(
        normal[covered], view, shadow[covered], open_[covered], gloss[covered], wet[covered], directions, colours,
        softness,
    )  # fmt: skip
    canvas.picture[covered] = albedo[covered] * light[covered] + mirrored


def _label_head(canvas: _Canvas, part: np.ndarray, masks: np.ndarray, cloth: np.ndarray) -> None:
    body = part == hd.BODY
    canvas.labels[body] = Region.SKIN
    canvas.labels[body & (masks[..., 1] > 0.5)] = Region.EARS
    canvas.labels[body & (masks[..., 0] > 0.5)] = Region.LIPS
    canvas.labels[body & (masks[..., 3] > 0.5)] = Region.MOUTH
    canvas.labels[(part == hd.TEETH) | (part == hd.TONGUE)] = Region.MOUTH
    canvas.labels[(part == hd.LEFT_EYE) | (part == hd.RIGHT_EYE)] = Region.EYES
    canvas.labels[cloth] = Region.CLOTH


def _draw_lashes(scene: Scene, canvas: _Canvas) -> None:
    """Lashes darken what is behind them; mascara more."""
    data = hd.load()
    corners = scene.camera.project(scene.world)
    corners[:, 2] += 0.02 * scene.scale
    depth, owner = canvas.depth.copy(), np.full(canvas.depth.shape, -1, np.int32)
    raster_triangles(
        corners, data.triangles, data.part == hd.LASHES, depth, owner, np.zeros((*depth.shape, 3), np.float32)
    )
    strength = 0.30 + 0.12 * (1 - scene.face.male) + 0.35 * scene.face.makeup
    canvas.picture[owner >= 0] *= 1 - strength


def _draw_strands(scene: Scene, canvas: _Canvas, strands: hair.Strands, region: Region) -> None:
    if not len(strands.points):
        return
    directions, colours = _light_arrays(scene.lights)
    bias = {Region.HAIR: 0.06, Region.BEARD: 0.05, Region.BROWS: 0.10}[region] * scene.scale
    shape = strands.points.shape
    places = scene.shadow.project(strands.points.reshape(-1, 3))
    share = lit(places, scene.shadow.depth, 1.0 + 2.0 * scene.lights.softness, bias).reshape(shape[:2])
    centre = five_points(scene.world).mean(0) + np.array([0, 0.3, -1.1]) * scene.scale
    shine = 1.0 if region == Region.HAIR else 0.4
    light = shade.strand_light(
        strands.points, strands.colours, scene.camera.eye, centre, share, directions, colours, shine
    )
    opacity, radius, lift = {
        Region.HAIR: (0.72, 0.5, 0.0), Region.BEARD: (0.42, 0.5, 0.012), Region.BROWS: (0.20, 0.5, 0.02),
    }[region]  # fmt: skip
    width = max(radius, radius * 0.012 * scene.scale / scene.camera.dm_per_pixel)
    raster_strands(
        scene.camera.project(strands.points), light, width, opacity, lift * scene.scale, int(region),
        canvas.depth, canvas.picture, canvas.labels,
    )  # fmt: skip


def _draw_glasses(scene: Scene, canvas: _Canvas) -> None:
    """Lenses tint and mirror a little; frames are glossy tubes. `Face.glasses` fades both."""
    if scene.frame is None or scene.lenses is None:
        return
    fade = min(1.0, scene.face.glasses)
    colour = linear(scene.face.gcol)
    inside, mirrored, _ = _glass_light(scene, scene.lenses, canvas.depth, colour, 0.5)
    passing = 1 - fade * (0.03 + 0.65 * scene.face.tint)
    canvas.picture[inside] = canvas.picture[inside] * passing + fade * 0.35 * np.minimum(mirrored, 0.6)
    on, mirrored, diffuse = _glass_light(scene, scene.frame, canvas.depth, colour, 2.5)
    canvas.picture[on] += fade * (diffuse + mirrored - canvas.picture[on])
    if fade > 0.5:
        canvas.labels[on] = Region.GLASSES


def _glass_light(
    scene: Scene, mesh: glasses.Mesh, depth: np.ndarray, colour: np.ndarray, gloss: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """H,W bool where the mesh is seen; P,3 mirrored and P,3 diffuse light there."""
    tested, owner = depth.copy(), np.full(depth.shape, -1, np.int32)
    weights = np.zeros((*depth.shape, 3), np.float32)
    every = np.ones(len(mesh.triangles), np.bool_)
    raster_triangles(scene.camera.project(mesh.points), mesh.triangles, every, tested, owner, weights)
    seen = owner >= 0
    surface = interpolate(np.concatenate([mesh.points, mesh.normals], 1), mesh.triangles, owner, weights)[seen]
    view = scene.camera.eye - surface[:, :3]
    view = (view / np.linalg.norm(view, axis=1, keepdims=True)).astype(np.float32)
    normal = np.ascontiguousarray(surface[:, 3:])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    one = np.ones(len(normal), np.float32)
    no = np.zeros(len(normal), np.bool_)
    directions, colours = _light_arrays(scene.lights)
    softness = scene.lights.softness
    mirrored = shade.specular(
        normal, view, one, one, one * np.float32(gloss), no, directions, colours, softness
    )
    return seen, mirrored, colour * shade.irradiance(normal, one, one, no, directions, colours, softness)


def _developed(picture: np.ndarray, exposure: float) -> np.ndarray:
    """Linear light → sRGB uint8 at the final size: lens blur, area mean, film curve."""
    size = picture.shape[0] // _OVER
    soft = blur(np.ascontiguousarray(picture, np.float32), 0.55)
    small = soft.reshape(size, _OVER, size, _OVER, 3).mean((1, 3))
    bright = np.maximum(small, 0) * exposure * 1.7
    film = bright * (1 + bright / 6.25) / (1 + 0.72 * bright)
    return np.round(encoded(film) * 255).astype(np.uint8)
