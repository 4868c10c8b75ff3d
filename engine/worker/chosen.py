"""The faces of a picture, and those that a request is about."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import NoFace
from engine.faces.detect import Face
from engine.messages import FaceFound


def found(number: int, face: Face) -> FaceFound:
    points = [(float(x), float(y)) for x, y in face.points]
    return FaceFound(number=number, box=face.box, points=points, score=min(1.0, face.score))


def chosen_faces(faces: Sequence[Face], face: int) -> list[tuple[int, Face]]:
    """The `face`-th one, or all for 0, with their numbers. Raises `NoFace`."""
    if not faces:
        raise NoFace(
            "No face was found in this picture.",
            "A face must be at least 12 pixels wide and look towards the camera. Crop or enlarge the picture.",
        )
    if face > len(faces):
        count = "only one face was" if len(faces) == 1 else f"only {len(faces)} faces were"
        raise NoFace(f"Face {face} was asked for, but {count} found.", "Choose a smaller number, or 0 for all.")
    numbered = list(enumerate(faces, 1))
    return numbered if face == 0 else [numbered[face - 1]]
