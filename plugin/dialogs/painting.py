"""What a hand does to a face's layer mask: strokes of a brush over a threshold and a feather. Numpy only.

*Convention.* 1 = the edit shows, 0 = the photograph stays. Planes lie over the face's `rect`, at most `SIDE` long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import Image, ImageFilter

from engine.messages import Rect
from engine.spool import picture_id

SIDE = 1024
MIDDLE = 0.5
ROUNDING = 2  # of 255: what resizing and an image's precision may change in a mask
WIDEST_FEATHER = 0.08  # of the rect's longer side
LEAST_RADIUS, MOST_RADIUS = 0.005, 0.5  # likewise

Point = tuple[float, float]


@dataclass(frozen=True)
class Brush:
    """`radius` is a part of the rect's longer side; `softness` is the part of it where the brush fades out."""

    radius: float = 0.06
    softness: float = 0.5
    shows: bool = True  # what it paints: the edit, or the photograph

    def grown(self, factor: float) -> Brush:
        return replace(self, radius=min(MOST_RADIUS, max(LEAST_RADIUS, self.radius * factor)))


@dataclass(frozen=True, eq=False)
class Painting:
    """A layer mask, as found and as painted. Never changed: what the hand does makes another one.

    found: [h,w] uint8, the engine's.
    weight: [h,w] uint8, how far the strokes decide; `says`: [h,w] uint8, what they say, times their weight; 255 = 1.
    threshold: where the mask that was found becomes one half, in (0, 1); `MIDDLE` leaves it alone.
    feather: how far its edges are softened, a part of the rect's longer side.
    came_as: the engine's id of the picture that it is, while nothing was changed; else empty.
    """

    found: np.ndarray
    weight: np.ndarray
    says: np.ndarray
    threshold: float = MIDDLE
    feather: float = 0.0
    came_as: str = ""

    @classmethod
    def of(cls, found: np.ndarray) -> Painting:
        """Nothing painted yet. found: [h,w] uint8 of any size."""
        small = _no_longer_than(found, SIDE)
        nothing = np.zeros(small.shape, np.uint8)
        return cls(small, nothing, nothing)

    @classmethod
    def brought(cls, found: np.ndarray, shows: np.ndarray, came_as: str) -> Painting:
        """`shows`, as if somebody had painted it where it differs from what was found. Both [h,w] uint8 of any size."""
        small = _no_longer_than(found, SIDE)
        own = sized(shows, small.shape[1], small.shape[0])
        differs = np.abs(own.astype(np.int16) - small) > ROUNDING
        weight = np.where(differs, 255, 0).astype(np.uint8)
        return cls(small, weight, np.where(differs, own, 0).astype(np.uint8), came_as=came_as)

    @cached_property
    def is_untouched(self) -> bool:
        """The mask is the one that was found."""
        return self.threshold == MIDDLE and self.feather == 0 and not self.weight.any()

    @property
    def strokes(self) -> tuple[np.ndarray, np.ndarray]:
        """The planes that cannot be made again."""
        return self.weight, self.says

    def forget(self) -> None:
        """Keep no plane that can be made again; it will be, should somebody look."""
        self.__dict__.pop("shows", None)

    @property
    def adjusted(self) -> np.ndarray:
        """What was found, after feather and threshold: [h,w] float32."""
        image = Image.fromarray(self.found)
        if self.feather:
            image = image.filter(ImageFilter.GaussianBlur(self.feather * max(self.found.shape)))
        power = math.log(MIDDLE) / math.log(self.threshold)
        return ((np.arange(256, dtype=np.float32) / 255) ** power)[np.asarray(image)]

    @cached_property
    def shows(self) -> np.ndarray:
        """The whole mask: [h,w] uint8, 255 = the layer shows."""
        if self.is_untouched:
            return self.found
        return _to_bytes(self.adjusted * (1 - _to_parts(self.weight)) + _to_parts(self.says))

    @cached_property
    def picture(self) -> str:
        """The id under which the engine gets it, or has it."""
        if self.came_as:
            return self.came_as
        height, width = self.shows.shape
        return picture_id(width, height, "Y u8", self.shows.tobytes())

    def adjust(self, threshold: float, feather: float) -> Painting:
        threshold, feather = min(0.95, max(0.05, threshold)), min(WIDEST_FEATHER, max(0.0, feather))
        same = (threshold, feather) == (self.threshold, self.feather)
        return self if same else replace(self, threshold=threshold, feather=feather, came_as="")

    def covered(self, coverage: np.ndarray, shows: bool) -> Painting:
        """With a stroke over it. coverage: [h,w] float32, 1 = the stroke alone decides."""
        rest = 1 - coverage
        says = _to_parts(self.says) * rest + (coverage if shows else 0)
        weight = 1 - (1 - _to_parts(self.weight)) * rest
        return replace(self, weight=_to_bytes(weight), says=_to_bytes(says), came_as="")


class Stroke:
    """One pull of the brush over a face, from pressing to letting go; it does not darken where it crosses itself."""

    def __init__(self, start: Painting, rect: Rect, brush: Brush) -> None:
        self._start = start
        self._rect = rect
        self._brush = brush
        self._coverage: np.ndarray = np.zeros(start.found.shape, np.float32)
        self._last: Point | None = None

    def to(self, at: Point) -> Painting:
        """On to a place in the photograph, in its pixels; returns the painting as it is then."""
        here = self._on_plane(at)
        self._add(self._last or here, here)
        self._last = here
        return (
            self._start if not self._coverage.any() else self._start.covered(self._coverage, self._brush.shows)
        )

    def _on_plane(self, at: Point) -> Point:
        height, width = self._coverage.shape
        x, y, w, h = self._rect
        return (at[0] - x) * width / w, (at[1] - y) * height / h

    def _add(self, start: Point, end: Point) -> None:
        """Cover what is near the line between two places: fully up to the hard part, then falling (smoothstep)."""
        height, width = self._coverage.shape
        radius = max(1.0, self._brush.radius * max(height, width))
        left, right = _span(start[0], end[0], radius, width)
        top, bottom = _span(start[1], end[1], radius, height)
        if left >= right or top >= bottom:
            return
        x = np.arange(left, right, dtype=np.float32)[None] + 0.5 - start[0]
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5 - start[1]
        dx, dy = end[0] - start[0], end[1] - start[1]
        along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        distance = np.hypot(x - along * dx, y - along * dy)
        fading = max(1.0, self._brush.softness * radius)
        t = np.clip((radius - distance) / fading, 0, 1)
        part = self._coverage[top:bottom, left:right]
        np.maximum(part, t * t * (3 - 2 * t), out=part)


def _to_parts(plane: np.ndarray) -> np.ndarray:
    """0…255 to 0…1, float32."""
    return plane.astype(np.float32) / 255


def _to_bytes(plane: np.ndarray) -> np.ndarray:
    """0…1 to 0…255, rounded."""
    return (plane.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _span(one: float, other: float, radius: float, size: int) -> tuple[int, int]:
    return max(0, math.floor(min(one, other) - radius)), min(size, math.ceil(max(one, other) + radius))


def _no_longer_than(plane: np.ndarray, side: int) -> np.ndarray:
    height, width = plane.shape
    scale = side / max(height, width)
    if scale >= 1:
        return plane
    return sized(plane, max(1, round(width * scale)), max(1, round(height * scale)))


def sized(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    """A plane [h,w] uint8 in another size."""
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)
