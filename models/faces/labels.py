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
