"""How well damage in faces is filled: random holes of 5 to 20 % of the face, ours against what looks at nothing but pixels.

A membrane is the smoothest surface from the hole's border. Telea's and the Navier–Stokes in-painting are those of
OpenCV, where `opencv-python-headless` is installed, which nothing else here needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from engine.editing.restore import closed, invert_rest, restored
from engine.errors import BadRequest
from engine.evaluation.inversion import Wishes, load_gauges, load_mesh, write_report
from engine.evaluation.ledger import Ledger, averages, said, table
from engine.evaluation.picture_figures import Gauges, decibels, ssim_map, within
from engine.evaluation.specimens import Specimen
from engine.faces.detect import Face, FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.inversion.invert import crop_tensor
from engine.inversion.types import CROP_SIZE
from engine.paths import EMBEDDED_MODELS
from engine.training import draws
from engine.training.sheets import write_sheet
from engine.weights.store import FaceModel

Json = dict[str, Any]
Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]  # uint8 [H,W,3] and bool [H,W] → uint8 [H,W,3]
OURS, MEMBRANE = "ours", "membrane"
LEAST, MOST = 0.05, 0.20  # of the face
_RADIUS = 5  # px, of OpenCV's methods
_HEAD = ("method", "PSNR in the hole, dB", "SSIM in the hole", "identity")
_FORMS = (".2f", ".3f", ".3f")


@dataclass(frozen=True)
class FillFigures:
    """Inside the hole, and of the whole face."""

    psnr: float
    ssim: float
    identity: float


def evaluate_restoration(wishes: Wishes) -> tuple[Json, str, str]:
    """Measure all methods on one hole for each specimen: JSON, Markdown, and the folder of both and of pictures.

    Resumable as `evaluate_inversion`. Raises `BadRequest` for a model that does not restore, and as there.
    """
    model, mesh, gauges = wishes.open_model(), load_mesh(), load_gauges()
    if not isinstance(model, FaceModel):
        raise BadRequest(f"“{model.name}” cannot restore yet.", "Leave --model out.")
    bench = Bench(
        model, mesh, FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors"), wishes.refine_steps
    )
    others, missing = pixel_methods()
    there, folder = wishes.collected(mesh), wishes.folder("restoration")
    settings = wishes.settings(model) | {"seed": wishes.seed, "methods": list(others)}
    ledger = Ledger(folder / "measured.jsonl", settings)
    found: dict[str, list[Json]] = {}
    missing |= there.missing
    for specimen in tqdm(there.specimens, desc="holes"):
        entry = ledger.find(specimen.key)
        if entry is None:
            path = folder / "pictures" / specimen.sheet
            entry = ledger.add(specimen.key, bench.measure(specimen, wishes.seed, others, gauges, path))
        if entry:
            found.setdefault(specimen.data, []).append(entry)
        else:
            missing[specimen.name] = "No face is found in what the hole leaves."
    figures = {data: averages(entries) for data, entries in found.items()}
    counts = {data: len(entries) for data, entries in found.items()}
    report = {"model": model.name, "seed": wishes.seed, "refine_steps": wishes.refine_steps, "counts": counts}
    report |= {"figures": figures, "missing": missing}
    text = _markdown(report)
    write_report(folder, "restoration", report, text)
    return report, text, str(folder)


def pixel_methods() -> tuple[dict[str, Fill], dict[str, str]]:
    """Those that know no faces, by name; and what is missing."""
    methods: dict[str, Fill] = {MEMBRANE: closed}
    try:
        cv2: Any = importlib.import_module("cv2")
    except ImportError:
        return methods, {"Telea, Navier–Stokes": "OpenCV is not installed: pip install opencv-python-headless."}
    for name, flag in (("Telea", cv2.INPAINT_TELEA), ("Navier–Stokes", cv2.INPAINT_NS)):
        methods[name] = lambda rgb, hole, flag=flag: cv2.inpaint(
            np.ascontiguousarray(rgb), hole.astype(np.uint8) * 255, _RADIUS, flag
        )
    return methods, {}


def random_hole(region: np.ndarray, seed: int, name: str) -> np.ndarray:
    """A smooth blob, bool [S,S], within a region bool [S,S]; it covers 5 to 20 % of it, by seed and name.

    A level of blurred noise: irregular as damage is, and of just the area that was drawn.
    """
    dice = draws.generator(seed, "hole", name)
    share = LEAST + (MOST - LEAST) * float(torch.rand(1, generator=dice))
    coarse = torch.randn(1, 1, 5, 5, generator=dice)
    height = torch.nn.functional.interpolate(coarse, region.shape, mode="bicubic", align_corners=False)[
        0, 0
    ].numpy()
    level = np.quantile(height[region], 1 - share)
    return (height > level) & region


@dataclass(frozen=True)
class Bench:
    """What fills a hole with a face."""

    model: FaceModel
    mesh: FaceMesh
    detector: FaceDetector
    refine_steps: int

    def measure(
        self, specimen: Specimen, seed: int, others: dict[str, Fill], gauges: Gauges, path: Path
    ) -> Json:
        """Figures by method; nothing where no face is found. Leaves a strip: photograph, hole, fillings."""
        region = torch.nn.functional.interpolate(specimen.region, (CROP_SIZE, CROP_SIZE), mode="bilinear")
        hole = random_hole(region[0, 0].numpy() > 0.5, seed, specimen.key)
        smooth = closed(specimen.crop, hole)
        if not (faces := self.detector.detect(smooth)):
            return {}
        damaged = np.where(hole[..., None], np.uint8(255), specimen.crop)
        pictures = {OURS: self._filled(damaged, smooth, hole, faces[0])}
        pictures |= {name: fill(damaged, hole) for name, fill in others.items()}
        strip = torch.cat([crop_tensor(one) for one in (specimen.crop, damaged, *pictures.values())])
        write_sheet(path, strip, columns=len(strip))
        return {name: asdict(_figures(one, specimen.crop, hole, gauges)) for name, one in pictures.items()}

    def _filled(self, damaged: np.ndarray, smooth: np.ndarray, hole: np.ndarray, face: Face) -> np.ndarray:
        found = invert_rest(self.model, self.mesh, smooth, hole, face, self.refine_steps, lambda _: None)
        opaque = np.full(hole.shape, 255, np.uint8)
        filling = restored(np.dstack([damaged, opaque]), hole, [found]).layer[..., :3]
        rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
        result = damaged.copy()
        part = result[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        np.copyto(part, filling, where=hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, None])
        return result


@torch.no_grad()
def _figures(filled: np.ndarray, crop: np.ndarray, hole: np.ndarray, gauges: Gauges) -> FillFigures:
    y, x = crop_tensor(filled), crop_tensor(crop)
    where = torch.from_numpy(hole)[None, None].float()
    similarity = float(gauges.identity.similarity(y, x)[0])
    return FillFigures(decibels(y, x, where), within(ssim_map(y, x), where), similarity)


def _markdown(report: Json) -> str:
    parts = [
        f"# Restoration by {report['model']}",
        f"Holes of {LEAST:.0%} to {MOST:.0%} of the face, {report['refine_steps']} refine steps, seed {report['seed']}.",
    ]
    for data, figures in report["figures"].items():
        rows = [
            [name, *(said(value, form) for value, form in zip(one.values(), _FORMS, strict=True))]
            for name, one in figures.items()
        ]
        parts += [f"## {data.capitalize()} ({report['counts'][data]})", table(_HEAD, rows)]
    if report["missing"]:
        parts += ["## Missing", *(f"- {name}: {why}" for name, why in report["missing"].items())]
    return "\n\n".join(parts)
