"""Faces that can be picked, and why an edit of one may disappoint. Without Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.messages import FaceFound
from plugin.likeness.words import _

Box = tuple[float, float, float, float]
SMALL_WIDTH = 40  # pixels of the photograph; an edit of a smaller face shows little
NOSE_BETWEEN = (0.1, 0.9)  # where the nose lies between the eyes of a face that can be seen from the front
LEAST_EYES = 0.45  # the eyes' distance, in distances between eyes and mouth


@dataclass(frozen=True)
class Face:
    """`box` is (x, y, width, height) in the photograph; `drawback` a few words, empty for a face as it should be."""

    number: int
    box: Box
    drawback: str = ""


def face_of(found: FaceFound) -> Face:
    return Face(found.number, found.box, _drawback(found))


def is_same_place(one: Box, other: Box) -> bool:
    """Two boxes of one face: they share more than half of what they cover together."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, across) * max(0.0, down)
    return 2 * shared > one[2] * one[3] + other[2] * other[3] - shared


def with_hair(box: Box) -> Box:
    """A face with its hair and neck: a detector's box ends at the brow and the chin."""
    x, y, width, height = box
    return x - width / 2, y - height / 2, 2 * width, 2 * height


def _drawback(found: FaceFound) -> str:
    width = found.box[2]
    if width < SMALL_WIDTH:
        return _("too small ({width:.0f} pixels wide)").format(width=width)
    return _("turned away") if _is_turned_away(found.points) else ""


def _is_turned_away(points: list[tuple[float, float]]) -> bool:
    """points: image-left eye, image-right eye, nose tip, mouth corners (engine.faces.detect); none: not known."""
    if len(points) != 5:
        return False
    (lx, ly), (rx, ry), (nx, ny), (ax, ay), (bx, by) = points
    ex, ey = rx - lx, ry - ly
    eyes = math.hypot(ex, ey)
    height = math.hypot((ax + bx - lx - rx) / 2, (ay + by - ly - ry) / 2)
    if eyes < LEAST_EYES * height:
        return True
    nose = ((nx - lx) * ex + (ny - ly) * ey) / max(eyes * eyes, 1e-9)
    return not NOSE_BETWEEN[0] <= nose <= NOSE_BETWEEN[1]
