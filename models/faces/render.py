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
from models.faces.film import LENS, OVER, exposed
from models.faces.labels import Region, Render
from models.faces.light import Lights, lit
from models.faces.parameters import Face, encoded, linear, years
from models.faces.raster import (
    EMPTY,
    block_means,
    blur,
    interpolate_at,
    raster_strands,
    raster_triangles,
    seen_strands,
)
from models.faces.scene import Scene, scene_of, to_shadow
from models.faces.shape import normalise
from models.faces.skin import lipstick, paint_skin, skin_height, skin_look


@dataclass(frozen=True)
class _Canvas:
    """What is drawn into, at `OVER` times the size."""

    depth: np.ndarray  # H,W
    picture: np.ndarray  # H,W,3 linear
    labels: np.ndarray  # H,W uint8


def render(face: Face, size: int = 128) -> Render:
    """Draw `face` in a square of `size` pixels, cropped as FFHQ crops."""
    scene = scene_of(face, size * OVER)
    canvas = _Canvas(
        np.full((size * OVER, size * OVER), EMPTY, np.float32),
        paint_background(face, size * OVER),
        np.zeros((size * OVER, size * OVER), np.uint8),
    )
    _draw_head(scene, canvas)
    _draw_lashes(scene, canvas)
    for strands, region in reversed(scene.strands):
        _draw_strands(scene, canvas, strands, region)
    _draw_glasses(scene, canvas)
    data = hd.load()
    return Render(
        image=_developed(canvas.picture, face.exposure),
        segmentation=np.ascontiguousarray(canvas.labels[OVER // 2 :: OVER, OVER // 2 :: OVER]),
        five=scene.camera.project(five_points(scene.world))[:, :2] / OVER,
        landmarks=scene.camera.project(scene.world[data.landmarks])[:, :2] / OVER,
        parameters=face.vector(),
    )


def _light_arrays(lights: Lights) -> tuple[np.ndarray, np.ndarray]:
    """3,3 directions and 5,3 colours as the kernels take them."""
    directions = np.stack([lights.key, lights.fill, lights.rim])
    colours = np.stack([lights.key_colour, lights.fill_colour, lights.rim_colour, lights.sky, lights.ground])
    return directions, colours


def _draw_head(scene: Scene, canvas: _Canvas) -> None:
    """Head, eyes, teeth and cloth, worked out for the P covered samples only."""
    face, data = scene.face, hd.load()
    owner = np.full(canvas.depth.shape, -1, np.int32)
    weights = np.empty((*canvas.depth.shape, 3), np.float32)
    solid = data.part != hd.LASHES
    raster_triangles(scene.camera.project(scene.world), data.triangles, solid, canvas.depth, owner, weights)
    places = np.flatnonzero(owner.ravel() >= 0)
    rest, world, normal, masks = (
        interpolate_at(values, data.triangles, owner, weights, places)
        for values in (data.vertices, scene.world, scene.normals, data.masks)
    )
    part = data.part[owner.ravel()[places]]
    normalise(normal)

    look = skin_look(face)
    height = skin_height(rest[None], part[None], look)  # painters take pictures: this one has a single row
    shade.bumped(normal, height[0], canvas.depth, places, scene.camera.dm_per_pixel / scene.scale, 0.011)
    albedo, gloss = np.zeros_like(world)[None], np.zeros((1, len(places)), np.float32)
    roots_colour = linear(face.hcol) * (1 - face.grey) + np.array([0.35, 0.34, 0.33], np.float32) * face.grey
    paint_skin(
        rest[None], masks[None], part[None], height, look, (0.7 * roots_colour).astype(np.float32),
        lipstick(face), albedo, gloss,
    )  # fmt: skip
    gloss *= 0.25 + 1.5 * face.shine
    _paint_eyes(scene, part[None], world[None], albedo, normal[None], gloss)
    paint_mouth(part[None], rest[None], look.old, albedo, gloss)
    colour = linear(face.ccol)
    cloth = paint_cloth(
        rest, part, face.neck, face.vneck, colour, collar_colour(face, colour), albedo[0], gloss[0], normal
    )
    _shade_surface(scene, canvas, places, part, world, normal, albedo[0], gloss[0], cloth)
    _label_head(canvas, places, part, masks, cloth)


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
    scene: Scene, canvas: _Canvas, places: np.ndarray, part: np.ndarray, world: np.ndarray, normal: np.ndarray,
    albedo: np.ndarray, gloss: np.ndarray, cloth: np.ndarray,
) -> None:  # fmt: skip
    """Light everything opaque that was rasterised, into the canvas."""
    pixel, softness = scene.camera.dm_per_pixel, scene.lights.softness
    open_ = shade.at_samples(shade.openness(canvas.depth, pixel, scene.scale), places)
    open_[part == hd.TEETH] = 0.35 + 0.65 * open_[part == hd.TEETH]  # lips are thin: light comes through
    shadow = _key_light_share(scene, canvas.depth, places, world, normal)
    skin = (part == hd.BODY) & ~cloth
    wet = (part == hd.LEFT_EYE) | (part == hd.RIGHT_EYE)
    directions, colours = _light_arrays(scene.lights)
    light = shade.irradiance(normal, shadow, open_, skin, directions, colours, softness)
    shade.under_skin(light, skin, places, canvas.depth.shape, pixel / scene.scale)
    mirrored = shade.specular(
        normal, world, scene.camera.eye, shadow, open_, gloss, wet, directions, colours, softness
    )
    canvas.picture.reshape(-1, 3)[places] = albedo * light + mirrored


def _key_light_share(
    scene: Scene, depth: np.ndarray, places: np.ndarray, world: np.ndarray, normal: np.ndarray
) -> np.ndarray:
    """P 0…1: what arrives of the key light, found once per pixel and surface."""
    chosen, which = np.unique(shade.representatives(places, depth), return_inverse=True)
    lifted = world[chosen] + normal[chosen] * np.float32(0.02 * scene.scale)
    return lit(scene.shadow.project(lifted), scene.shadow.depth, 0.8 + 3.5 * scene.lights.softness, 0.015)[
        which
    ]


def _label_head(
    canvas: _Canvas, places: np.ndarray, part: np.ndarray, masks: np.ndarray, cloth: np.ndarray
) -> None:
    labels = np.full(len(places), Region.SKIN, np.uint8)
    labels[masks[:, 1] > 0.5] = Region.EARS
    labels[masks[:, 0] > 0.5] = Region.LIPS
    labels[masks[:, 3] > 0.5] = Region.MOUTH
    labels[(part == hd.TEETH) | (part == hd.TONGUE)] = Region.MOUTH
    labels[(part == hd.LEFT_EYE) | (part == hd.RIGHT_EYE)] = Region.EYES
    labels[cloth] = Region.CLOTH
    canvas.labels.ravel()[places] = labels


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


@dataclass(frozen=True)
class _Fibre:
    """How a kind of hair is drawn."""

    width: float  # dm at the root, on a head of scale 1
    taper: float  # share of it that is lost at the tip
    opacity: float
    lift: float  # dm towards the camera before the depth test
    shine: float
    bias: float  # dm, of its shadow test


_FIBRES = {
    Region.HAIR: _Fibre(0.0105, 0.75, 0.90, 0.0, 1.0, 0.06),
    Region.BEARD: _Fibre(0.0085, 0.65, 0.75, 0.012, 0.4, 0.05),
    Region.BROWS: _Fibre(0.0075, 0.85, 0.44, 0.02, 0.4, 0.10),
}


def _draw_strands(scene: Scene, canvas: _Canvas, strands: hair.Strands, region: Region) -> None:
    """Light and draw what can be seen of the strands, the farthest first."""
    if not len(strands.points):
        return
    fibre = _FIBRES[region]
    pixels = scene.camera.project(strands.points)
    chosen = np.flatnonzero(seen_strands(pixels, fibre.lift * scene.scale, canvas.depth))
    chosen = chosen[np.argsort(pixels[chosen, :, 2].mean(1), kind="stable")]
    points = strands.points[chosen]
    directions, colours = _light_arrays(scene.lights)
    centre = five_points(scene.world).mean(0) + np.array([0, 0.3, -1.1]) * scene.scale
    light = shade.strand_light(
        points, strands.colours[chosen], scene.camera.eye, centre, scene.shadow.depth, to_shadow(scene.shadow),
        1.0 + 2.0 * scene.lights.softness, fibre.bias * scene.scale, directions, colours, fibre.shine,
    )  # fmt: skip
    radius = 0.5 * fibre.width * strands.width * scene.scale / scene.camera.dm_per_pixel
    raster_strands(
        pixels[chosen], light, radius, fibre.opacity, fibre.taper, fibre.lift * scene.scale, int(region),
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
    places = np.flatnonzero(seen.ravel())
    points, normals = mesh.points.astype(np.float32), mesh.normals.astype(np.float32)
    place = interpolate_at(points, mesh.triangles, owner, weights, places)
    normal = interpolate_at(normals, mesh.triangles, owner, weights, places)
    normalise(normal)
    one = np.ones(len(normal), np.float32)
    no = np.zeros(len(normal), np.bool_)
    directions, colours = _light_arrays(scene.lights)
    softness = scene.lights.softness
    mirrored = shade.specular(
        normal, place, scene.camera.eye, one, one, one * np.float32(gloss), no, directions, colours, softness
    )
    return seen, mirrored, colour * shade.irradiance(normal, one, one, no, directions, colours, softness)


def _developed(picture: np.ndarray, exposure: float) -> np.ndarray:
    """Linear light → sRGB uint8 at the final size: lens blur, area mean, film curve."""
    small = block_means(blur(picture, LENS), OVER)
    return np.round(encoded(exposed(small, exposure)) * 255).astype(np.uint8)
