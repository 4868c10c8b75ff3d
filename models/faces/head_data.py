"""The head: base mesh, blend shapes, masks and landmark indices, packed into `head.npz` (CC0 data).

*Convention* of all 3-d coordinates: MakeHuman's decimetres; x to the person's left (the right of the picture),
y up, z out of the face towards the camera. Eyes lie near (±.31, 7.28, 1.25), the mouth near (0, 6.6, 1.55).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("head.npz")
QUANTUM = 2.5e-4  # dm; blend shapes are stored as int16 multiples of it

BODY, LEFT_EYE, RIGHT_EYE, TEETH, TONGUE, LASHES = range(6)
MASKS = ("lips", "ears", "eyelids", "inside-mouth", "face")
IDENTITIES = 32  # smooth shape directions, largest first
ASYMMETRIES = 4
RACES = ("african", "asian", "caucasian")
SEXES = ("female", "male")
STAGES = ("baby", "child", "young", "old")
WEIGHTS = ("minweight", "averageweight", "maxweight")


@dataclass(frozen=True)
class HeadData:
    """Arrays of `head.npz`. V vertices, F triangles, K shapes, L landmarks."""

    vertices: np.ndarray  # V,3 float32, the rest pose
    triangles: np.ndarray  # F,3 int32
    part: np.ndarray  # F int32: BODY … LASHES
    vertex_part: np.ndarray  # V int32
    masks: np.ndarray  # V,5 float32 in 0…1, columns as MASKS
    shapes: np.ndarray  # K,V,3 float32, displacements at strength 1
    names: dict[str, int]  # name of a shape → row of `shapes`
    landmarks: np.ndarray  # L int32, vertex of each dense landmark
    landmark_names: tuple[str, ...]

    def vertices_of(self, part: int) -> np.ndarray:
        """Indices of the vertices that belong to `part`."""
        return np.flatnonzero(self.vertex_part == part)


@cache
def load() -> HeadData:
    """Read `head.npz` once per process."""
    with np.load(PATH, allow_pickle=False) as data:
        triangles = data["triangles"].astype(np.int32)
        part = data["part"].astype(np.int32)
        vertices = data["vertices"].astype(np.float32)
        vertex_part = np.zeros(len(vertices), np.int32)
        vertex_part[triangles.ravel()] = np.repeat(part, 3)
        return HeadData(
            vertices=vertices,
            triangles=triangles,
            part=part,
            vertex_part=vertex_part,
            masks=data["masks"].astype(np.float32) / 255,
            shapes=data["shapes"].astype(np.float32) * np.float32(QUANTUM),
            names={str(name): row for row, name in enumerate(data["names"])},
            landmarks=data["landmarks"].astype(np.int32),
            landmark_names=tuple(str(name) for name in data["landmark_names"]),
        )
