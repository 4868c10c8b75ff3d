"""Models of both kinds: with known parameters, as the embedded default; and imported, edited in w_plus."""

from __future__ import annotations

import torch

from engine.paths import Home
from engine.weights.header import read_header
from engine.weights.imported import ImportedModel, load_imported
from engine.weights.store import WEIGHTS, FaceModel, load_model, model_folder

Model = FaceModel | ImportedModel


def open_model(name: str, home: Home, device: torch.device) -> Model:
    """Load a model for inference. Raises `UnknownModel`, `ModelDamaged`, `TensorUnfit`."""
    path = model_folder(name, home) / WEIGHTS
    if read_header(path).is_conditional:
        return load_model(name, home, device)
    return load_imported(path, name, device)
