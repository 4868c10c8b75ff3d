"""Encoder, SAMM and decomposer on held-out compositions, with the inversion that the encoder gives, against thresholds.

The compositions are dealt into two halves by a seed: on the one the baselines' thresholds are chosen, on the other all is
measured. What networks find counts from one half on. The true flow is the composition's own, followed by the motion from the
true code to the encoder's, which a model's landmark map knows; other generators have none, and figures of it are missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import BadRequest
from engine.evaluation.decomposition_figures import (
    LEARNT_THRESHOLD,
    Truth,
    best_threshold,
    feature_difference,
    measure_encoder,
    measure_flow,
    measure_mask,
    pixel_difference,
)
from engine.evaluation.decomposition_report import Report
from engine.evaluation.decomposition_sheets import write_decompositions
from engine.messages import Detector
from engine.networks.additive_samm import Aligner
from engine.networks.decomposer import Decomposer
from engine.networks.flow import enlarged, followed, inside, warp
from engine.networks.parameter_encoder import ParameterEncoding
from engine.networks.trunk import at_size
from engine.training import draws
from engine.training.compositions import Compositions, CompositionSource
from engine.training.face_source import FaceSource, displacement
from engine.training.inversion_stages import Workshop, inversion_folder
from engine.training.loop import WEIGHTS
from engine.weights.features import load_face_reader
from engine.weights.inverters import TrainedEncoder, load_aligner, load_decomposer

_CPU = torch.device("cpu")
_AT_ONCE, _LARGEST = 16, 256  # compositions in a batch; pixels at which things are compared
_MOTION = 32  # cells across at which the motion between two codes is known


@dataclass(frozen=True)
class Found:
    """What one method says: its mask [N,1,S,S], its flow [N,2,S,S], the inversion aligned by it [N,3,S,S]."""

    mask: torch.Tensor
    flow: torch.Tensor
    aligned: torch.Tensor


@dataclass(frozen=True)
class Seen:
    """A number of compositions as the networks see them; the encoder's errors [N,L] where they are known."""

    truth: Truth
    found: dict[str, Found]
    landmarks: torch.Tensor | None
    shape: torch.Tensor | None


@dataclass(frozen=True)
class Subject:
    """What is measured: an encoder for `faces`, and by name whatever decomposes."""

    faces: FaceSource
    encoder: TrainedEncoder
    decomposers: dict[str, Decomposer]
    aligners: dict[str, Aligner]

    def __post_init__(self) -> None:
        if not self.decomposers and not self.aligners:
            raise BadRequest(
                "Neither SAMM nor a decomposer is trained for this generator.",
                "Run “python -m engine train samm” or “train decomposer” with this recipe, output and model first.",
            )


def evaluate_decomposition(
    recipe: Path, data: Path, output: Path, model: str | None, seed: int = 0, limit: int | None = None
) -> tuple[Report, Path]:
    """Measure what was trained for a model, by name as in `train_encoder`, on `limit` held-out compositions or on all.

    A decomposer of the recipe's own generator serves models that have none. Leaves `decomposition.json`,
    `decomposition.md` and a sheet for each network, and returns their folder, too.

    Raises:
        BadRequest: the recipe, its compositions or the networks are not there, or do not fit.
        UnknownModel, ModelDamaged, TensorUnfit: of generator and networks.
    """
    shop = Workshop.opened(recipe, data, output, model, _CPU)
    subject = _subject(shop)
    compositions = shop.compositions(_held_out(shop))
    order = torch.randperm(len(compositions), generator=draws.generator(seed, "halves"))[:limit]
    if len(order) < 2:
        raise BadRequest("Two compositions at least are needed: one to choose thresholds, one to measure.")
    seen = see(subject, compositions, order)
    folder = shop.folder / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    report = _report(shop, seen, compositions.occluders, model, folder)
    (folder / "decomposition.json").write_text(json.dumps(report.as_json(), indent=1) + "\n", "utf-8")
    (folder / "decomposition.md").write_text(report.markdown() + "\n", "utf-8")
    return report, folder


def _held_out(shop: Workshop) -> str:
    """The name of the compositions that no network has learned from."""
    stages = (*([shop.inversion.decomposer] if shop.inversion.decomposer else []), *shop.inversion.samm)
    if not stages:
        raise BadRequest("The recipe has no stage whose networks decompose.", "Add samm or decomposer to it.")
    return stages[0].held_out


def _subject(shop: Workshop) -> Subject:
    """Everything that is trained. Raises `BadRequest` where it is not for this generator."""
    encoder = shop.encoder(_CPU)
    aligners = {}
    for stage in shop.inversion.samm:
        if (path := shop.folder / stage.name / WEIGHTS).exists():
            there = load_aligner(path, _CPU)
            if (there.generator, there.encoder) != (shop.faces.origin, encoder.digest):
                raise BadRequest(
                    f"{path} was trained for another generator or encoder.",
                    "Remove its folder and train it again.",
                )
            aligners[stage.name] = there.network
    decomposers = {}
    if stage := shop.inversion.decomposer:
        folders = (shop.folder, inversion_folder(shop.output, None))
        paths = [folder / stage.name / WEIGHTS for folder in folders]
        for path in [path for path in paths if path.exists()][:1]:
            decomposers[stage.name] = load_decomposer(path, _CPU)
    return Subject(shop.faces, encoder, decomposers, aligners)


@torch.no_grad()
def see(subject: Subject, compositions: CompositionSource, index: torch.Tensor) -> Seen:
    """Invert and decompose the compositions `index` [N]."""
    parts = [_see(subject, compositions, part) for part in index.split(_AT_ONCE)]
    truths = [part.truth for part in parts]
    flows = [one.alignment_flow for one in truths if one.alignment_flow is not None]
    truth = Truth(
        torch.cat([one.photograph for one in truths]),
        torch.cat([one.inversion for one in truths]),
        torch.cat([one.plain for one in truths]),
        torch.cat([one.invertibility_mask for one in truths]),
        torch.cat(flows) if flows else None,
        torch.cat([one.known for one in truths]),
        torch.cat([one.kinds for one in truths]),
    )
    found = {
        name: Found(
            torch.cat([part.found[name].mask for part in parts]),
            torch.cat([part.found[name].flow for part in parts]),
            torch.cat([part.found[name].aligned for part in parts]),
        )
        for name in parts[0].found
    }
    return Seen(truth, found, _joined(part.landmarks for part in parts), _joined(part.shape for part in parts))


def _joined(parts: Iterator[torch.Tensor | None]) -> torch.Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None


def _see(subject: Subject, compositions: CompositionSource, index: torch.Tensor) -> Seen:
    faces, full = subject.faces, compositions.size
    size = min(full, faces.generator.config.resolution, _LARGEST)
    x = at_size(compositions.photographs(index, full), faces.generator.config.resolution)
    encoding = subject.encoder.network(x)
    w_plus = faces.generator.broadcast(faces.latent(encoding.code)) + encoding.offsets
    painted = faces.generator.synthesis(w_plus).clamp(-1, 1)
    photograph, inversion = at_size(x, size), at_size(painted, size)
    flow = at_size(compositions.flows(index, full), size)
    code = faces.codes_of(compositions.parameters[index], compositions.names)
    moved = enlarged(displacement(faces, code, encoding.code, _MOTION), size)
    truth = Truth(
        photograph,
        inversion,
        at_size(compositions.inversions(index, full), size),
        at_size(compositions.invertibility_masks(index, full), size),
        followed(flow, moved) if faces.landmark_map else None,
        inside(followed(flow, moved)),
        compositions.kinds[index],
    )
    found = {}
    for name, decomposer in subject.decomposers.items():
        said = decomposer(photograph, inversion)
        mask, towards = (at_size(one, size) for one in (said.invertibility_mask, said.alignment_flow))
        found[name] = Found(mask, towards, warp(inversion, towards))
    for name, aligner in subject.aligners.items():
        features = {scale: encoding.feature(scale) for scale in aligner.config.scales}
        made = aligner(faces.generator, w_plus, features)
        pictures = (made.invertibility_mask, made.alignment_flow, made.generated.clamp(-1, 1))
        found[name] = Found(*(at_size(one, size) for one in pictures))
    return Seen(truth, found, _landmarks(subject, compositions, index, encoding), _shape(faces, code, encoding))


def _landmarks(
    subject: Subject, compositions: CompositionSource, index: torch.Tensor, encoding: ParameterEncoding
) -> torch.Tensor | None:
    """How far the points that the encoder reads are from where the photographs show them: [N,L]."""
    if not isinstance(compositions, Compositions) or not encoding.landmarks.shape[1]:
        return None
    if subject.encoder.landmark_names != compositions.landmark_names:
        raise BadRequest("The encoder reads other landmarks than the compositions have.", "Train it again.")
    return (encoding.landmarks - compositions.points(index)).norm(dim=2)


def _shape(faces: FaceSource, code: torch.Tensor, encoding: ParameterEncoding) -> torch.Tensor | None:
    """How far the landmarks of the face that was found are from those of the true one: [N,L]."""
    if faces.landmark_map is None:
        return None
    return (faces.landmark_map(encoding.code) - faces.landmark_map(code)).norm(dim=2)


@torch.no_grad()
def _report(shop: Workshop, seen: Seen, occluders: dict[str, int], model: str | None, folder: Path) -> Report:
    """Measure one half, by thresholds from the other; leaves a sheet for each network."""
    half = len(seen.truth.kinds) // 2
    validation, test = torch.arange(half), torch.arange(half, len(seen.truth.kinds))
    truth = seen.truth.only(test)
    x, g = seen.truth.photograph, seen.truth.inversion
    reader = load_face_reader(shop.feature_file("face"), _CPU)
    by_features = [
        feature_difference(reader, *pair) for pair in zip(x.split(_AT_ONCE), g.split(_AT_ONCE), strict=True)
    ]
    is_out = seen.truth.is_out
    masks, flows = {}, {}
    for name, score in {"pixels": pixel_difference(x, g), "features": torch.cat(by_features)}.items():
        threshold = best_threshold(score[validation], is_out[validation])
        masks[name] = measure_mask(score[test], truth, threshold, occluders)
    baselines = tuple(masks)
    for name, found in seen.found.items():
        mask, flow, aligned = (one[test] for one in (found.mask, found.flow, found.aligned))
        masks[name] = measure_mask(mask, truth, LEARNT_THRESHOLD, occluders)
        flows[name] = measure_flow(flow, aligned, truth)
        write_decompositions(folder / f"sheet-{name}.png", truth, mask, flow, aligned)
    errors = [None if one is None else one[test] for one in (seen.landmarks, seen.shape)]
    encoder = measure_encoder(truth, *errors)
    aligning = {stage.name for stage in shop.inversion.samm}
    detectors: dict[str, Detector] = {name: "samm" if name in aligning else "decomposer" for name in flows}
    return Report(model or "", half, len(test), baselines, masks, flows, detectors, encoder)
