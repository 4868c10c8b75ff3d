"""What a restore request asks for: the faces that its region touches, what is left of them, and what fills it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.editing.restore import closed, covered, extent, invert_rest, restored
from engine.errors import BadRequest, NoFace
from engine.faces.detect import Face, FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.messages import RestoredFace, RestoreResult
from engine.spool import Spool
from engine.weights.store import FaceModel
from engine.worker.pictures import visible

MOST_HIDDEN = 0.7  # share of a face; of one that is hidden further too little is left
MOST_UNKNOWN = 0.1  # share of the region that is filled smoothly without a word about it
POOR_FIT = 0.01  # landmark error, crop units

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Networks:
    """What finds faces and inverts them."""

    model: FaceModel
    detector: FaceDetector
    mesh: FaceMesh


@dataclass(frozen=True)
class _Touched:
    """A face that the region touches, its number among all, and the share of it that is hidden."""

    number: int
    face: Face
    hidden: float


def restore(
    networks: Networks, picture: np.ndarray, region: np.ndarray, refine_steps: int, spool: Spool, report: Report
) -> RestoreResult:
    """Fill a region [H,W] (0 = sound) of a picture RGBA [H,W,4]; the rest as in `Pipeline.run`.

    Raises `BadRequest` for a region that is none, `NoFace` where it touches no face or leaves nothing of one.
    """
    hole = _hole(region, picture)
    report(0.0, "Looking for faces")
    plain = visible(picture)
    rgb = closed(plain, hole)
    touched = _touched(networks, [rgb, plain], hole)
    faces = []
    for done, one in enumerate(touched):

        def tell(fraction: float, done: int = done, number: int = one.number) -> None:
            report(0.05 + 0.85 * (done + fraction) / len(touched), f"Inverting what is left of face {number}")

        tell(0.0)
        faces.append(invert_rest(networks.model, networks.mesh, rgb, hole, one.face, refine_steps, tell))
    report(0.9, "Filling the region")
    result = restored(picture, hole, faces)
    rect = extent(hole)
    errors = [face.inversion.landmark_error for face in faces]
    return RestoreResult(
        model=networks.model.name,
        rect=(rect.x, rect.y, rect.w, rect.h),
        layer=spool.add(result.layer),
        layer_mask=spool.add(np.ascontiguousarray(region[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w])),
        faces=[
            RestoredFace(number=one.number, box=one.face.box, landmark_error=error, hidden=one.hidden)
            for one, error in zip(touched, errors, strict=True)
        ],
        warning=_warning(max(errors), result.unknown),
    )


def _hole(region: np.ndarray, picture: np.ndarray) -> np.ndarray:
    if region.ndim != 2:
        raise BadRequest("The region is no grey picture.", "White in it is restored, black stays.")
    if region.shape != picture.shape[:2]:
        (height, width), (rows, columns) = picture.shape[:2], region.shape
        raise BadRequest(
            f"The region has {columns} × {rows} pixels, the picture {width} × {height}.",
            "Both must be of the same size.",
        )
    hole = region > 0
    if not hole.any():
        raise BadRequest("The region is empty.", "Select what is damaged in a face.")
    return hole


def _touched(networks: Networks, pictures: list[np.ndarray], hole: np.ndarray) -> list[_Touched]:
    """The faces that a hole touches, in the first of the pictures that shows one."""
    found = False
    for rgb in pictures:
        faces = networks.detector.detect(rgb)
        shares = [covered(face, networks.mesh, pictures[0], hole) for face in faces]
        touched = [
            _Touched(number, face, share)
            for number, (face, share) in enumerate(zip(faces, shares, strict=True), 1)
            if share > 0
        ]
        if any(one.hidden > MOST_HIDDEN for one in touched):
            raise NoFace(
                "The region covers the whole face: nothing is left to restore it from.",
                "Select only what is damaged.",
            )
        if touched:
            return touched
        found = found or bool(faces)
    if found:
        raise NoFace("The region touches no face.", "Select what is damaged in a face.")
    raise NoFace(
        "No face was found in what the region leaves of this picture.",
        "Select less. A face must be at least 12 pixels wide and look towards the camera.",
    )


def _warning(landmark_error: float, unknown: float) -> str:
    if landmark_error > POOR_FIT:
        return (
            f"The model fits what is left of the face badly (its features are off by {landmark_error:.1%} of the "
            "crop): the filling may look wrong."
        )
    if unknown > MOST_UNKNOWN:
        return (
            f"Of the region {unknown:.0%} lies beside the face, or where nothing tells what belongs there: that "
            "was filled smoothly from its border."
        )
    return ""
