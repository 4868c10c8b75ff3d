"""A model out of a trained generator: its weights, its landmark map, its region map, in one file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import BadRequest
from engine.faces.landmarks import FaceMesh
from engine.paths import EMBEDDED_MODELS
from engine.training import checkpoint
from engine.training.checkpoint import prefixed
from engine.training.landmark_map import draw_shapes, learn_landmarks, read_landmarks
from engine.training.recipe import ModelRecipe
from engine.training.region_map import learn_regions, region_agreement
from engine.training.renders import Renders
from engine.training.trained import load_trained

MODEL = "model.safetensors"


@dataclass(frozen=True)
class MapFigures:
    """What is measured of the maps.

    Attributes:
        landmark_error: rms distance from the landmark network's readings of held-out samples, share of the crop's side.
        region_agreement: intersection over union with held-out labels, mean over regions.
    """

    landmark_error: float
    region_agreement: float


def make_model(weights: Path, recipe: ModelRecipe, renders: Renders, held_out: Renders, folder: Path) -> None:
    """Learn the maps of the generator in `weights`, and write all to `folder`: model.safetensors, figures.json.

    Raises:
        BadRequest: the weights are missing, or were trained with other parameters than the renders have.
    """
    trained = load_trained(weights)
    if trained.parameters.names != renders.names:
        raise BadRequest(f"{weights} was trained with other parameters than the renders have.")
    c = draw_shapes(trained, recipe.samples, recipe.seed)
    mesh = FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")
    landmark_map, error = learn_landmarks(c, read_landmarks(c, trained, mesh), recipe.epochs, recipe.seed)
    normalised, unseen = (trained.parameters.normalised(one.parameters) for one in (renders, held_out))
    region_map = learn_regions(normalised, renders, recipe.images, recipe.seed)
    figures = MapFigures(error, region_agreement(region_map, unseen, held_out))
    maps = prefixed("landmarks.", landmark_map.state_dict()) | prefixed("regions.", region_map.state_dict())
    made = checkpoint.read_tensors(weights)
    tensors = {
        key: tensor if key.startswith("parameters.") else tensor.half() for key, tensor in (made | maps).items()
    }
    metadata = {
        "format": "likeness-model",
        "version": "1",
        "edge": "replicate",
        "licence": recipe.licence,
        "parameters": json.dumps(trained.parameters.names),
        "regions": json.dumps(renders.regions),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(asdict(figures), indent=1) + "\n", "utf-8")
    checkpoint.write_tensors(folder / MODEL, tensors, metadata)
