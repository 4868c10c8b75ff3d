"""How faithfully faces are inverted: methods × data × figures, as a table.

Blending the photograph back in makes figures good by itself, so each stands beside the mask's area, and beside the same
figure inside a fixed region that is in-domain by the truth (photographs: by the face's outline).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from engine import __version__
from engine.errors import LikenessError
from engine.evaluation.inversion_methods import METHODS, Answer, Bench, bench_of
from engine.evaluation.ledger import Ledger, mean, said, table
from engine.evaluation.picture_figures import Gauges, PictureFigures, measure_picture
from engine.evaluation.specimens import Collection, Specimen, collect
from engine.faces.landmarks import FaceMesh
from engine.inversion.types import METHOD
from engine.paths import EMBEDDED_MODELS, Home
from engine.training.inversion_stages import Workshop
from engine.training.recipe import read_recipe
from engine.training.sheets import write_sheet
from engine.weights.direction_vectors import VECTORS
from engine.weights.directions import TABLE
from engine.weights.features import load_face_reader, load_identity_reader
from engine.weights.model_inverters import Inverters, inverter_files, load_inverters
from engine.weights.models import Model, open_model
from engine.weights.record import digest
from engine.weights.store import EMBEDDED, model_folder

Json = dict[str, Any]
FEATURES = EMBEDDED_MODELS / "features"
_CPU = torch.device("cpu")
_HEAD = (
    "method", "PSNR, dB", "SSIM", "perceptual", "in-domain PSNR", "in-domain SSIM", "in-domain perceptual", "identity",
    "mask area",
)  # fmt: skip
_FORMS = (".2f", ".3f", ".4f", ".2f", ".3f", ".4f", ".3f", ".3f")


@dataclass(frozen=True)
class Wishes:
    """What to measure, and on what.

    Attributes:
        recipe, data, output: as for the trainings.
        model: an installed one; None is the embedded default.
        photographs: files, and folders of files.
        seed, limit: which specimens of each set, and how many.
        refine_steps: of each inversion.
    """

    recipe: Path
    data: Path
    output: Path
    model: str | None
    photographs: Sequence[Path]
    seed: int
    limit: int | None
    refine_steps: int

    def open_model(self) -> Model:
        """Raises `UnknownModel`, `ModelDamaged`, `TensorUnfit`."""
        return open_model(self.model or EMBEDDED, Home.from_environment(), _CPU)

    def inverters(self, model: Model) -> Inverters:
        """What the worker inverts into the model with. Raises `ModelDamaged`."""
        return load_inverters(model, model_folder(model.name, Home.from_environment()))

    def settings(self, model: Model) -> Json:
        """What figures hang on, but for the specimens and what was trained for a model."""
        folder = model_folder(model.name, Home.from_environment())
        files = [FEATURES / f"{kind}.safetensors" for kind in ("face", "identity")]
        more = (*(folder / name for name in (TABLE, VECTORS)), *inverter_files(folder))
        files += [path for path in more if path.exists()]
        return {
            "model": model.digest,
            "files": [digest(path) for path in files],
            "refine_steps": self.refine_steps,
            "method": METHOD,
            "version": __version__,
        }

    def collected(self, mesh: FaceMesh) -> Collection:
        """Raises `BadRequest`."""
        return collect(read_recipe(self.recipe), self.data, self.photographs, mesh, self.seed, self.limit)

    def folder(self, what: str) -> Path:
        """For what is left behind, with a folder `pictures` in it."""
        folder = self.output / "evaluation" / what
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        return folder


def load_mesh() -> FaceMesh:
    return FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")


def load_gauges() -> Gauges:
    return Gauges(load_face_reader(FEATURES, _CPU), load_identity_reader(FEATURES, _CPU))


@dataclass(frozen=True)
class Report:
    """Means by data and method.

    Attributes:
        counts: specimens of each data. missing: what could not be measured, and why.
    """

    model: str
    refine_steps: int
    seed: int
    counts: dict[str, int]
    figures: dict[str, dict[str, PictureFigures]]
    missing: dict[str, str]

    def as_json(self) -> Json:
        return asdict(self)

    def markdown(self) -> str:
        parts = [
            f"# Inversion into {self.model}",
            f"{self.refine_steps} refine steps, seed {self.seed}. Perceptual: mean difference of our face reader's "
            "features, lower is nearer. In-domain is the truth, of photographs the face's outline; never a method's mask.",
        ]
        for data, methods in self.figures.items():
            rows = []
            for method, one in methods.items():
                values = [getattr(one, field.name) for field in fields(one)]
                rows.append([method, *(said(v, form) for v, form in zip(values, _FORMS, strict=True))])
            parts += [f"## {data.capitalize()} ({self.counts[data]})", table(_HEAD, rows)]
        if self.missing:
            parts += ["## Missing", *(f"- {name}: {why}" for name, why in self.missing.items())]
        return "\n\n".join(parts)


def evaluate_inversion(wishes: Wishes) -> tuple[Report, Path]:
    """Measure all methods that can be run. Leaves `inversion.json`, `inversion.md` and a strip for each specimen.

    What was measured is kept, so that the same command goes on where it was stopped. Returns the folder, too.
    Raises `BadRequest` where there is nothing to measure on, and what `Wishes.open_model` raises.
    """
    model, mesh, gauges = wishes.open_model(), load_mesh(), load_gauges()
    bench = bench_of(model, mesh, gauges, wishes.refine_steps, _workshop(wishes), wishes.inverters(model))
    there = wishes.collected(mesh)
    folder = wishes.folder("inversion")
    methods = [name for name in METHODS if name not in bench.missing]
    settings = wishes.settings(model) | {"methods": methods, "trained": bench.trained}
    ledger = Ledger(folder / "measured.jsonl", settings)
    found: dict[str, list[Json]] = {}
    for specimen in tqdm(there.specimens, desc="inversions"):
        entry = ledger.find(specimen.key) or ledger.add(specimen.key, _measured(bench, specimen, folder))
        found.setdefault(specimen.data, []).append(entry)
    counts = {data: len(entries) for data, entries in found.items()}
    figures = {data: averages(entries) for data, entries in found.items()}
    missing = bench.missing | there.missing
    report = Report(model.name, wishes.refine_steps, wishes.seed, counts, figures, missing)
    write_report(folder, "inversion", report.as_json(), report.markdown())
    return report, folder


def averages(entries: Sequence[Json]) -> dict[str, PictureFigures]:
    """Means over specimens, by method, in the order of `METHODS`."""
    names = [field.name for field in fields(PictureFigures)]
    return {
        method: PictureFigures(*(mean([entry[method][name] for entry in entries]) or 0.0 for name in names))
        for method in METHODS
        if method in entries[0]
    }


def write_report(folder: Path, name: str, data: Json, markdown: str) -> None:
    """Leave a report as JSON and as Markdown."""
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", "utf-8")
    (folder / f"{name}.md").write_text(markdown + "\n", "utf-8")


def _workshop(wishes: Wishes) -> Workshop | LikenessError:
    try:
        return Workshop.opened(wishes.recipe, wishes.data, wishes.output, wishes.model, _CPU)
    except LikenessError as error:
        return error


def _measured(bench: Bench, specimen: Specimen, folder: Path) -> Json:
    """Figures by method; leaves a strip: photograph and pictures above region and masks."""
    answers, x = bench.answers(specimen), specimen.photo
    _write_strip(folder / "pictures" / specimen.sheet, specimen, answers)
    return {
        name: asdict(measure_picture(one.picture, x, specimen.region, one.mask, bench.gauges))
        for name, one in answers.items()
    }


def _write_strip(path: Path, specimen: Specimen, answers: Mapping[str, Answer]) -> None:
    ordered = [answers[name] for name in METHODS if name in answers]
    pictures = torch.cat([specimen.photo, *(one.picture.clamp(-1, 1) for one in ordered)])
    masks = torch.cat([1 - specimen.region, *(one.mask for one in ordered)])
    write_sheet(path, pictures, (2 * masks - 1).expand(-1, 3, -1, -1), columns=len(pictures))
