"""The faces of a picture, and those that a request is about."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import NoFace
from engine.faces.detect import Face
from engine.messages import FaceFound


def found(number: int, face: Face) -> FaceFound:
    points = [(float(x), float(y)) for x, y in face.points]
    return FaceFound(number=number, box=face.box, points=points, score=min(1.0, face.score))


def chosen_faces(faces: Sequence[Face], face: int, among: Sequence[int] = ()) -> list[tuple[int, Face]]:
    """The `face`-th one, or for 0 those numbered in `among` (none: all), with their numbers. Raises `NoFace`."""
    if not faces:
        raise NoFace(
            "No face was found in this picture.",
            "A face must be at least 12 pixels wide and look towards the camera. Crop or enlarge the picture.",
        )
    numbers = [face] if face else sorted(set(among)) or range(1, len(faces) + 1)
    if (last := numbers[-1]) > len(faces):
        raise NoFace(
            f"Face {last} was asked for, but only one face was found."
            if len(faces) == 1
            else f"Face {last} was asked for, but only {len(faces)} faces were found.",
            "Choose a smaller number, or 0 for all.",
        )
    return [(number, faces[number - 1]) for number in numbers]
