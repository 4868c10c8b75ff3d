"""The person that occluders are put on: true geometry, light and colour of the photograph at hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.faces import film
from models.faces import head_data as hd
from models.faces.camera import Camera, Pose, camera_for, pose_of
from models.faces.film import OVER
from models.faces.labels import Region
from models.faces.light import Lights, lights_of
from models.faces.misalignment import Misalignment
from models.faces.parameters import Face
from models.faces.raster import EMPTY, raster_triangles
from models.faces.shape import head_scale, vertices


@dataclass(frozen=True)
class Sitter:
    """Shaped coordinates are the head's before it is posed (decimetres, see `head_data`)."""

    face: Face
    size: int  # pixels of the photograph
    photograph: np.ndarray  # size,size,3 uint8, misaligned, nothing in it yet
    segmentation: np.ndarray  # size,size uint8 of Region, misaligned
    misalignment: Misalignment
    shaped: np.ndarray  # V,3
    scale: float
    pose: Pose
    world: np.ndarray  # V,3
    camera: Camera  # to canvas pixels, aligned
    lights: Lights

    @property
    def canvas_size(self) -> int:
        """Canvas pixels of a side."""
        return self.size * OVER

    @property
    def pixels_per_dm(self) -> float:
        """Canvas pixels per decimetre at the face."""
        return 1 / self.camera.dm_per_pixel

    def landmark(self, name: str) -> np.ndarray:
        """3, shaped."""
        data = hd.load()
        return self.shaped[data.landmarks[data.landmark_names.index(name)]]

    def eye(self, part: int) -> np.ndarray:
        """3, shaped: centre of an eyeball (`head_data.LEFT_EYE` or `RIGHT_EYE`)."""
        return self.shaped[hd.load().vertices_of(part)].mean(0)

    def place(self, points: np.ndarray) -> np.ndarray:
        """…,3 shaped → …,3 canvas x, y, depth, where the photograph shows them."""
        return self.place_world(self.pose.to_world(points))

    def place_world(self, points: np.ndarray) -> np.ndarray:
        """…,3 world → …,3 canvas x, y, depth, where the photograph shows them."""
        placed = self.camera.project(points)
        flat = self.misalignment.to_photograph(placed[..., :2] / self.canvas_size) * self.canvas_size
        return np.concatenate([flat, placed[..., 2:]], -1).astype(np.float32)

    def on_canvas(self, name: str) -> np.ndarray:
        """2: a landmark in canvas pixels."""
        return self.place(self.landmark(name))[:2]

    @cached_property
    def depth(self) -> np.ndarray:
        """H,W of the canvas: depth of the head, without hair."""
        data, side = hd.load(), self.canvas_size
        depth = np.full((side, side), EMPTY, np.float32)
        owner, weights = np.full(depth.shape, -1, np.int32), np.zeros((*depth.shape, 3), np.float32)
        solid = data.part != hd.LASHES
        raster_triangles(self.place_world(self.world), data.triangles, solid, depth, owner, weights)
        return depth

    def region(self, *regions: Region) -> np.ndarray:
        """H,W bool of the canvas: where the photograph shows one of `regions`."""
        found = np.isin(self.segmentation, regions)
        return found.repeat(OVER, 0).repeat(OVER, 1)

    @cached_property
    def skin_light(self) -> np.ndarray:
        """3: typical light from the facial skin."""
        skin = self.photograph[self.segmentation == Region.SKIN]
        return self.light_of(np.median(skin, 0) / 255 if len(skin) else np.array([0.6, 0.45, 0.38]))

    def developed(self, light: np.ndarray) -> np.ndarray:
        """Light → linear display values 0…1."""
        return np.clip(film.exposed(light, self.face.exposure), 0, 1)

    def light_of(self, colour: np.ndarray | tuple[float, float, float]) -> np.ndarray:
        """sRGB 0…1 → the light that develops to it."""
        return film.light_of(colour, self.face.exposure)


def sitter_of(
    face: Face, photograph: np.ndarray, segmentation: np.ndarray, misalignment: Misalignment
) -> Sitter:
    """The sitter of a misaligned `photograph` size,size,3 of `face` and its `segmentation` size,size."""
    size = photograph.shape[0]
    shaped = vertices(face).astype(np.float32)
    scale = head_scale(shaped)
    pose = pose_of(face, shaped, scale)
    world = pose.to_world(shaped)
    camera = camera_for(face, world, size * OVER, scale)
    return Sitter(
        face, size, photograph, segmentation, misalignment, shaped, scale, pose, world, camera, lights_of(face)
    )
