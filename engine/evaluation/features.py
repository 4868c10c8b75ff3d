"""How good the feature networks are: on held-out renders, whose truth is known, and on photographs.

On photographs the five points are compared with those of two other networks: YuNet (`engine.faces.detect`) and the face mesh
(`engine.faces.mesh_points`). How far these are off themselves is measured on the renders: nearer than that tells nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from engine.errors import BadRequest, NoFace
from engine.evaluation.photographs import (
    FacePhotograph,
    IdentityMargin,
    face_photograph,
    five_point_error,
    identity_margin,
    read_pixels,
)
from engine.faces.detect import FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.faces.mesh_points import five_points
from engine.networks.features import FIVE, FaceReader
from engine.networks.identity import IdentityReader
from engine.paths import EMBEDDED_MODELS
from engine.training.attributes import ATTRIBUTES
from engine.training.face_task import FaceFigures, in_eye_distances, measure_faces
from engine.training.identity_task import IdentityFigures, measure_identity
from engine.training.loop import WEIGHTS
from engine.training.recipe import read_recipe
from engine.training.renders import Renders
from engine.training.sheets import write_reading_sheet
from engine.training.stages import renders_of
from engine.weights.features import load_face_reader, load_identity_reader

SHIPPED = EMBEDDED_MODELS / "features"
PHOTOGRAPHS = EMBEDDED_MODELS.parent / "tests" / "photos"  # not in an installed package
_CPU = torch.device("cpu")
_YARDSTICK = 64  # renders that the other networks' points are measured on


@dataclass(frozen=True)
class PointErrors:
    """Mean distances of five points from those of two other networks, in percent of the eye distance.

    `detector` is None where it found no face.
    """

    name: str
    detector: float | None
    mesh: float

    def row(self) -> str:
        """Of a Markdown table."""
        return f"| {self.name} | {'–' if self.detector is None else f'{self.detector:.1f}'} | {self.mesh:.1f} |"


@dataclass(frozen=True)
class FaceReport:
    """What was measured of a face reader.

    Attributes:
        weights: its file.
        held_out: how it reads renders.
        yardstick: how far the other networks' points are from the labels of renders.
        photographs: how far its points are from theirs.
    """

    weights: Path
    held_out: FaceFigures
    yardstick: PointErrors
    photographs: tuple[PointErrors, ...]

    def markdown(self) -> str:
        rows = [f"| {name} | {r:.2f} |" for name, r in self.held_out.correlations.items()]
        rows += [
            "",
            "| in % of the eye distance | from YuNet | from the mesh |",
            "|---|---|---|",
            *(one.row() for one in (*self.photographs, self.yardstick)),
        ]
        figures = self.held_out
        said = (
            f"Held-out renders: attributes r {figures.correlation:.3f} (mean), five points {figures.five_percent:.2f} % "
            f"and landmarks {figures.landmarks_percent:.2f} % of the eye distance, regions IoU {figures.region_iou:.3f}."
        )
        return "\n".join([f"# {self.weights}", "", said, "", "| attribute | r |", "|---|---|", *rows])


@dataclass(frozen=True)
class IdentityReport:
    """What was measured of an identity reader: its file, renders, and photographs where there were two or more."""

    weights: Path
    held_out: IdentityFigures
    photographs: IdentityMargin | None

    def markdown(self) -> str:
        said = [
            f"Held-out renders: pairs of one head against pairs of two: AUC {self.held_out.auc:.4f}; "
            f"nearest is the same head: {self.held_out.nearest:.3f}."
        ]
        if margin := self.photographs:
            said.append(
                f"Photographs, jittered, recoloured, mirrored: same person from {margin.same:.2f}, "
                f"others up to {margin.other:.2f}; nearest is the same person: {margin.nearest:.3f}."
            )
        return "\n".join([f"# {self.weights}", "", *said])


@dataclass(frozen=True)
class Report:
    """Of both networks, or of one."""

    face: FaceReport | None
    identity: IdentityReport | None

    def markdown(self) -> str:
        return "\n\n".join(part.markdown() for part in (self.face, self.identity) if part)

    def as_json(self) -> dict[str, object]:
        read: dict[str, object] = json.loads(json.dumps(asdict(self), default=str))
        return read


def evaluate_features(
    recipe: Path, data: Path, output: Path, stage: str | None, photographs: Sequence[Path]
) -> tuple[Report, Path]:
    """Measure the shipped networks, or the one that the recipe's `stage` left in `output`.

    Held-out renders are those of the recipe; of each photograph the largest face is taken, and each counts as another
    person. Leaves `figures.json`, `figures.md` and pictures, and returns their folder, too.

    Raises:
        BadRequest: the recipe, its renders or the stage is not right.
        ModelDamaged: the network's file does not hold one.
        NoFace, PhotoUnreadable: of a photograph.
    """
    read = read_recipe(recipe)
    if stage not in (None, "face", "identity"):
        raise BadRequest(f"There is no feature network “{stage}”.", "There are face and identity.")
    held_out = renders_of(read, read.features.held_out, data)
    folder = output / "features" / (stage or "") / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    detector = FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")
    pixels = {path: read_pixels(path) for path in photographs}
    face = identity = None
    if stage in (None, "face"):
        face = _report_face(_weights("face", stage, output), held_out, detector, pixels, folder)
    if stage in (None, "identity"):
        identity = _report_identity(_weights("identity", stage, output), held_out, detector, pixels, folder)
    report = Report(face, identity)
    (folder / "figures.json").write_text(json.dumps(report.as_json(), indent=1) + "\n", "utf-8")
    (folder / "figures.md").write_text(report.markdown() + "\n", "utf-8")
    return report, folder


def photographs_of_the_repository() -> list[Path]:
    """Those of the tests; none where there is no repository."""
    return sorted(path for path in PHOTOGRAPHS.glob("*") if path.suffix in (".png", ".jpg"))


def _weights(kind: str, stage: str | None, output: Path) -> Path:
    if stage is None:
        return SHIPPED / f"{kind}.safetensors"
    path = output / "features" / stage / WEIGHTS
    if not path.exists():
        raise BadRequest(
            f"Stage {stage} is not trained: there is no {path}.",
            f"Run “python -m engine train features --stage {stage}” with this recipe and output first.",
        )
    return path


def _report_face(
    weights: Path, held_out: Renders, detector: FaceDetector, pixels: dict[Path, np.ndarray], folder: Path
) -> FaceReport:
    reader = load_face_reader(weights, _CPU)
    _check(reader, held_out, weights)
    mesh = FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")
    figures = measure_faces(reader, held_out, folder / "face.png")
    faces = [_face(path, image, detector, reader.config.size) for path, image in pixels.items()]
    if faces:
        _write_photographs(folder / "photographs.png", reader, faces)
    errors = tuple(
        PointErrors(
            path.name,
            five_point_error(reader, face),
            five_point_error(reader, face, mesh_five(mesh, face.crop)),
        )
        for path, face in zip(pixels, faces, strict=True)
    )
    return FaceReport(weights, figures, yardstick(held_out, detector, mesh), errors)


def _report_identity(
    weights: Path, held_out: Renders, detector: FaceDetector, pixels: dict[Path, np.ndarray], folder: Path
) -> IdentityReport:
    reader = load_identity_reader(weights, _CPU)
    _check(reader, held_out, weights)
    figures = measure_identity(reader, held_out, folder / "identity.png")
    faces = [_face(path, image, detector, reader.config.size) for path, image in pixels.items()]
    return IdentityReport(weights, figures, identity_margin(reader, faces) if len(faces) > 1 else None)


def _check(reader: FaceReader | IdentityReader, held_out: Renders, weights: Path) -> None:
    """Raise `BadRequest` where the renders are not what the reader has learned to read."""
    side, config = held_out.images.shape[-1], reader.config
    if side % config.size:
        raise BadRequest(f"The renders' {side} px are no multiple of the {config.size} px of {weights}.")
    if isinstance(reader, FaceReader):
        regions = sorted(held_out.regions, key=lambda name: held_out.regions[name])
        wanted = (ATTRIBUTES, (*FIVE, *held_out.landmark_names), tuple(regions))
        if (reader.config.attributes, reader.config.landmarks, reader.config.regions) != wanted:
            raise BadRequest(f"{weights} was trained with other labels than the renders have.")


def _face(path: Path, image: np.ndarray, detector: FaceDetector, size: int) -> FacePhotograph:
    try:
        return face_photograph(image, detector, size)
    except NoFace as error:
        raise NoFace(f"No face was found in {path}.", "Leave it out.") from error


@torch.no_grad()
def mesh_five(mesh: FaceMesh, crop: torch.Tensor) -> torch.Tensor:
    """The mesh's five points in crops [N,3,S,S]: [N,5,2] in crop units."""
    return five_points(mesh.landmarks(crop))


def yardstick(held_out: Renders, detector: FaceDetector, mesh: FaceMesh) -> PointErrors:
    """How far the other networks' points are from renders' labels."""
    count = min(len(held_out), _YARDSTICK)
    side, labels = held_out.images.shape[-1], held_out.five[:count]
    images = held_out.images[:count]
    found, wanted = [], []
    for image, five in zip(images, labels, strict=True):
        if faces := detector.detect(np.ascontiguousarray(image.permute(1, 2, 0).numpy())):
            found.append(torch.from_numpy(faces[0].points).float() / side)
            wanted.append(five)
    detected = _percent(torch.stack(found), torch.stack(wanted)) if found else None
    return PointErrors(
        "the labels of renders", detected, _percent(mesh_five(mesh, images.float() / 127.5 - 1), labels)
    )


def _percent(points: torch.Tensor, wanted: torch.Tensor) -> float:
    return float(100 * in_eye_distances(points, wanted).mean())


@torch.no_grad()
def _write_photographs(path: Path, reader: FaceReader, faces: list[FacePhotograph]) -> None:
    """What is read in the photographs: points above regions."""
    pictures = torch.cat([face.crop for face in faces])
    reading = reader(pictures)
    write_reading_sheet(path, pictures, reading.landmarks, reading.regions(reader.config.size))
