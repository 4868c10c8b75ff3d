"""Which generator the networks that invert are trained for."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError

from engine.errors import ModelDamaged
from engine.networks.landmark_map import LandmarkMap
from engine.paths import Home
from engine.training import checkpoint
from engine.training.checkpoint import under
from engine.training.face_source import ConditionalFaces, FaceSource, StyleFaces
from engine.training.model import MODEL
from engine.weights.header import read_header
from engine.weights.imported import load_generator
from engine.weights.store import EMBEDDED, build_generator, model_folder, read_weights


def faces_of(model: str | None, output: Path, device: torch.device) -> FaceSource:
    """The faces of the model that is installed as `model`; without a name of OUTPUT's model, else the embedded one.

    Raises:
        UnknownModel, ModelDamaged, TensorUnfit: there is none of that name, or its file lies.
        BadRequest: no faces can be drawn from it.
    """
    home = Home.from_environment()
    path = output / "model" / MODEL
    if model or not path.is_file():
        path = model_folder(model or EMBEDDED, home) / MODEL
    if read_header(path).is_conditional:
        return conditional_faces(path, device)
    return StyleFaces.of(load_generator(path, device)[0], checkpoint.digest(path))


def conditional_faces(path: Path, device: torch.device) -> ConditionalFaces:
    """The faces of a model file of known parameters. Raises `ModelDamaged`."""
    try:
        metadata, state = read_weights(path, device)
        generator, mapping, parameters = build_generator(metadata, state)
        landmark_state = under("landmarks.", state)
        landmark_map = LandmarkMap.from_state_dict(landmark_state)
        landmark_map.load_state_dict(landmark_state)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelDamaged(f"The model {path} cannot be read: {error}.", "Make or install it again.") from error
    landmark_map.to(device).eval().requires_grad_(False)
    return ConditionalFaces(generator, mapping, parameters, checkpoint.digest(path), landmark_map)
