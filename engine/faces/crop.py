"""FFHQ's face crop: its place in a photograph, and its pixels.

Source of the geometry: `recreate_aligned_images` of NVlabs/ffhq-dataset (Karras et al., CVPR 2019).

Convention, everywhere in `engine.faces`:
    image coordinates   pixels, x right, y down, corner-based: the image covers 0..W × 0..H, and the centre of
                        the pixel in column i lies at i + 0.5
    crop units          0..1 across the crop's square, x right, y down, corner-based: in a crop of R pixels the
                        centre of pixel i lies at (i + 0.5) / R
    crop → image        image = origin + x · x_axis + y · y_axis: a similarity, never mirrored
    angles              clockwise on the screen, as y points down
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from engine.faces.sampling import sample_crop

Points = TypeVar("Points", np.ndarray, Tensor)


class Rect(NamedTuple):
    """Whole pixels of an image: columns x … x+w−1, rows y … y+h−1."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class CropGeometry:
    """Where a square crop lies in its image: its upper left corner, and the vector along its upper side."""

    origin: tuple[float, float]
    x_axis: tuple[float, float]

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.origin, *self.x_axis))) or self.side <= 0:
            raise ValueError(f"not a square: origin {self.origin}, upper side {self.x_axis}")

    @classmethod
    def from_centre(cls, centre: tuple[float, float], side: float, angle: float = 0.0) -> CropGeometry:
        """A crop of `side` pixels around `centre`, turned clockwise by `angle` radians."""
        ux, uy = side * math.cos(angle), side * math.sin(angle)
        return cls((centre[0] - (ux - uy) / 2, centre[1] - (uy + ux) / 2), (ux, uy))

    @property
    def y_axis(self) -> tuple[float, float]:
        """The vector down the left side, in image pixels: `x_axis` turned clockwise by a right angle."""
        return (-self.x_axis[1], self.x_axis[0])

    @property
    def side(self) -> float:
        """Length of the crop's sides in image pixels."""
        return math.hypot(*self.x_axis)

    @property
    def angle(self) -> float:
        """How far the crop is turned clockwise, in radians."""
        return math.atan2(self.x_axis[1], self.x_axis[0])

    @property
    def centre(self) -> tuple[float, float]:
        """The crop's middle in image pixels."""
        (ox, oy), (ux, uy) = self.origin, self.x_axis
        return (ox + (ux - uy) / 2, oy + (uy + ux) / 2)

    @property
    def corners(self) -> np.ndarray:
        """[4,2] image pixels: upper left, lower left, lower right, upper right (FFHQ's order)."""
        return self.crop_to_image(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]))

    def crop_to_image(self, points: Points) -> Points:
        """Crop units [...,2] → image pixels [...,2]."""
        return self.vectors_to_image(points) + _like(points, self.origin)

    def image_to_crop(self, points: Points) -> Points:
        """Image pixels [...,2] → crop units [...,2]."""
        return self.vectors_to_crop(points - _like(points, self.origin))

    def vectors_to_image(self, vectors: Points) -> Points:
        """Displacements in crop units [...,2] → displacements in image pixels [...,2]."""
        return vectors @ _like(vectors, (self.x_axis, self.y_axis))

    def vectors_to_crop(self, vectors: Points) -> Points:
        """Displacements in image pixels [...,2] → displacements in crop units [...,2]."""
        (ux, uy), area = self.x_axis, self.side**2
        return vectors @ _like(vectors, ((ux / area, -uy / area), (uy / area, ux / area)))

    def bounds(self, width: int, height: int, margin: int = 0) -> Rect:
        """The whole pixels that cover the crop and `margin` pixels more, cut to the image.

        Empty (w or h is 0) where the crop lies outside the image.
        """
        low = np.floor(self.corners.min(0)).astype(int) - margin
        high = np.ceil(self.corners.max(0)).astype(int) + margin
        x0, y0 = (int(v) for v in np.clip(low, 0, (width, height)))
        x1, y1 = (int(v) for v in np.clip(high, 0, (width, height)))
        return Rect(x0, y0, x1 - x0, y1 - y0)

    def extract(self, image: np.ndarray, size: int) -> np.ndarray:
        """Resample the crop out of an image.

        Shrinking averages the area that a crop pixel covers: a box of whole image pixels, then a box of the
        crop's own pixels over interpolated samples. Enlarging is bicubic. Outside the image its border is
        repeated and blurred, as softly as in FFHQ. Memory: what the crop covers, reduced to about twice `size`.

        Args:
            image: [H,W,C] uint8 or floating, any number of channels; may be a view.
            size: height and width of the result in pixels.

        Returns:
            [size,size,C] float32 in the values of the image, 0..255 for uint8. Of a floating image the slight
            overshoot of bicubic interpolation is kept.
        """
        return sample_crop(image, self, size)

    def extract_tensor(self, image: np.ndarray, size: int) -> Tensor:
        """`extract` as networks take it: RGB uint8 [H,W,3] → [1,3,size,size] float32 in [-1,1]."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected RGB uint8 [H,W,3], not {image.dtype} {image.shape}")
        return torch.from_numpy(sample_crop(image, self, size)).permute(2, 0, 1)[None] / 127.5 - 1

    def to_dict(self) -> dict[str, list[float]]:
        """For JSON."""
        return {"origin": list(self.origin), "x_axis": list(self.x_axis)}

    @classmethod
    def from_dict(cls, data: dict[str, list[float]]) -> CropGeometry:
        """Back from `to_dict`. Raises `ValueError` if it is not that."""
        try:
            (ox, oy), (ux, uy) = data["origin"], data["x_axis"]
            return cls((float(ox), float(oy)), (float(ux), float(uy)))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a crop's geometry: {data!r}") from error

    def to_tensor(self) -> Tensor:
        """[4] float64: origin x, y, upper side x, y."""
        return torch.tensor([*self.origin, *self.x_axis], dtype=torch.float64)

    @classmethod
    def from_tensor(cls, tensor: Tensor) -> CropGeometry:
        """Back from `to_tensor`. Raises `ValueError` if it is not that."""
        if tensor.shape != (4,):
            raise ValueError(f"a crop's geometry has shape [4], not {list(tensor.shape)}")
        ox, oy, ux, uy = tensor.double().tolist()
        return cls((ox, oy), (ux, uy))


def ffhq_crop(points: np.ndarray) -> CropGeometry:
    """FFHQ's crop for one face.

    Args:
        points: [5,2] image pixels: image-left eye, image-right eye, nose tip, image-left mouth corner,
            image-right mouth corner; "left" as in the upright face, so that a lying face gets an upright crop.

    Raises:
        ValueError: other shape, not finite, or all points in one place.
    """
    p = np.asarray(points, dtype=np.float64)
    if p.shape != (5, 2) or not np.isfinite(p).all():
        raise ValueError(f"expected five finite points [5,2], not {p.shape}")
    eyes, mouth = (p[0] + p[1]) / 2, (p[3] + p[4]) / 2
    eye_to_eye, eye_to_mouth = p[1] - p[0], mouth - eyes
    half = eye_to_eye + np.array([eye_to_mouth[1], -eye_to_mouth[0]])
    length = float(np.hypot(*half))
    if length < 1e-6:
        raise ValueError("the five points do not make a face")
    half *= max(float(np.hypot(*eye_to_eye)) * 2.0, float(np.hypot(*eye_to_mouth)) * 1.8) / length
    cx, cy = eyes + eye_to_mouth * 0.1
    hx, hy = half
    return CropGeometry((float(cx - hx + hy), float(cy - hy - hx)), (float(2 * hx), float(2 * hy)))


def _like(points: Points, values: object) -> Points:
    """`values` as an array or tensor of the kind of `points`."""
    if isinstance(points, torch.Tensor):
        return torch.tensor(values, dtype=points.dtype, device=points.device)
    return np.asarray(values, dtype=np.float64)
