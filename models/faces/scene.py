"""All geometry of a picture, shaped, posed and lit, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.faces import facial_hair, glasses, hair
from models.faces import head_data as hd
from models.faces.camera import Camera, Pose, camera_for, five_points, pose_of
from models.faces.cloth import push_out
from models.faces.labels import Region
from models.faces.light import Lights, ShadowMap, lights_of, shadow_map
from models.faces.parameters import Face
from models.faces.raster import raster_depth_of_strands, raster_triangles
from models.faces.shape import head_scale, vertex_normals, vertices

_FINE = 512  # samples of a side from which on every hair is drawn


@dataclass(frozen=True)
class Scene:
    """All geometry of a picture, shaped and posed."""

    face: Face
    pose: Pose
    camera: Camera
    lights: Lights
    shadow: ShadowMap
    scale: float
    world: np.ndarray  # V,3
    normals: np.ndarray  # V,3 world
    strands: tuple[tuple[hair.Strands, Region], ...]
    frame: glasses.Mesh | None
    lenses: glasses.Mesh | None


def scene_of(face: Face, size: int) -> Scene:
    """All geometry for a square of `size` pixels."""
    data = hd.load()
    shaped = vertices(face).astype(np.float32)
    scale = head_scale(shaped)
    normals = vertex_normals(shaped, data.triangles)
    push_out(data.vertices, shaped, normals, face.neck, face.vneck)
    pose = pose_of(face, shaped, scale)
    world = pose.to_world(shaped)
    camera = camera_for(face, world, size, scale)
    lights = lights_of(face)
    shadow = shadow_map(lights.key, five_points(world).mean(0) + np.array([0, 0, -0.6 * scale]), scale)
    fine = min(1.0, max(0.0, size / _FINE))
    strands = [(hair.head_hair(face, shaped, normals, scale, fine), Region.HAIR)]
    if max(face.beard, face.moustache, face.goatee) > 0:
        strands.append((facial_hair.beard_hair(face, shaped, normals, scale, fine), Region.BEARD))
    strands.append((facial_hair.brow_hair(face, shaped, normals, scale), Region.BROWS))
    strands = [(hair.Strands(pose.to_world(s.points), s.colours, s.width), region) for s, region in strands]
    frame, lenses = glasses.frame_and_lenses(face, shaped, scale) if face.glasses > 0 else (None, None)
    scene = Scene(
        face, pose, camera, lights, shadow, scale, world, vertex_normals(world, data.triangles), tuple(strands),
        frame and _posed(frame, pose), lenses and _posed(lenses, pose),
    )  # fmt: skip
    _cast_shadows(scene)
    return scene


def _posed(mesh: glasses.Mesh, pose: Pose) -> glasses.Mesh:
    return glasses.Mesh(
        pose.to_world(mesh.points), (mesh.normals @ pose.head.T).astype(np.float32), mesh.triangles
    )


def to_shadow(shadow: ShadowMap) -> np.ndarray:
    """3,4: takes a place of the world to the shadow map's pixels and depth, as `ShadowMap.project` does."""
    axes = shadow.axes * np.array([[shadow.per_dm], [-shadow.per_dm], [1.0]])
    middle = np.array([shadow.depth.shape[1] / 2, shadow.depth.shape[0] / 2, 0.0])
    return np.concatenate([axes, (middle - axes @ shadow.centre)[:, None]], 1)


def _cast_shadows(scene: Scene) -> None:
    """Fill the shadow map with head, hair and frame."""
    data, depth = hd.load(), scene.shadow.depth
    owner, weights = np.full(depth.shape, -1, np.int32), np.empty((*depth.shape, 3), np.float32)
    solid = data.part != hd.LASHES
    raster_triangles(scene.shadow.project(scene.world), data.triangles, solid, depth, owner, weights)
    for strands, region in scene.strands:
        if region == Region.HAIR:
            raster_depth_of_strands(strands.points, to_shadow(scene.shadow), depth)
    if scene.frame is not None and scene.face.glasses > 0.5:
        every = np.ones(len(scene.frame.triangles), np.bool_)
        raster_triangles(
            scene.shadow.project(scene.frame.points), scene.frame.triangles, every, depth, owner, weights
        )
