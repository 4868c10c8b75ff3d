"""What a picture is labelled with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Region(IntEnum):
    """Values of the segmentation."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    BROWS = 3
    BEARD = 4
    EYES = 5
    LIPS = 6
    MOUTH = 7
    EARS = 8
    CLOTH = 9
    GLASSES = 10


@dataclass(frozen=True)
class Render:
    """One picture and its labels. Points are in pixels, (.5, .5) the centre of the first pixel."""

    image: np.ndarray  # size,size,3 uint8 sRGB
    segmentation: np.ndarray  # size,size uint8 of Region
    five: np.ndarray  # 5,2 float32: eyes (picture's left first), nose tip, mouth corners
    landmarks: np.ndarray  # L,2 float32, as head_data.HeadData.landmark_names
    parameters: np.ndarray  # N float32, as parameters.names()


class OccluderKind(IntEnum):
    """What a composition has before the face; `1 << kind` is its bit in `Composition.kinds`."""

    NONE = 0
    SUNGLASSES = 1
    CAP = 2
    BEANIE = 3
    BRIM = 4  # hat with a brim all around
    HAND = 5
    FACE_MASK = 6
    MICROPHONE = 7
    PHONE = 8
    TEXT = 9
    HAIR = 10  # strands across the face
    PATCH = 11  # other textures, stains, scratches, holes
    CUP = 12
    SCARF = 13


@dataclass(frozen=True)
class Composition:
    """A photograph with what a generator cannot make in it, and the truth about it.

    *Convention.* `image` and `invertibility_mask` lie in the photograph's frame; `plain` and the labels named as
    in `Render` lie in the plain render's. `flow[y, x]` is (dx, dy) in pixels: the photograph's pixel with centre
    (x + .5, y + .5) shows what `plain` has at (x + .5 + dx, y + .5 + dy), mirrored beyond the border. That is
    torch's `grid_sample(mode="bicubic", padding_mode="reflection", align_corners=False)`. Where the mask is 0,
    `image` is exactly that.
    """

    image: np.ndarray  # size,size,3 uint8 sRGB
    plain: np.ndarray  # size,size,3 uint8 sRGB: what a perfect inversion gives
    invertibility_mask: np.ndarray  # size,size uint8: 255 = out-of-domain; a cast shadow: share of light taken
    flow: np.ndarray  # size,size,2 float16, pixels, x before y
    kind: np.int64  # the OccluderKind that was planned first
    kinds: np.int64  # a bit for each OccluderKind in the picture
    segmentation: np.ndarray  # size,size uint8 of Region, of `plain`
    five: np.ndarray  # 5,2 float32, of `plain`
    landmarks: np.ndarray  # L,2 float32, of `plain`
    parameters: np.ndarray  # N float32, of `plain`
