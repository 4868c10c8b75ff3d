"""Networks that invert into a given model, as small as can be, of random weights: for what is wired, not what is found."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from engine.networks.additive_samm import Aligner, AlignerConfig
from engine.networks.decomposer import Decomposer, DecomposerConfig
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig
from engine.weights.imported import ImportedModel
from engine.weights.inverters import FORMAT
from engine.weights.model_inverters import DECOMPOSER, ENCODER, SAMM
from engine.weights.models import Model
from engine.weights.record import digest
from engine.weights.store import FaceModel
from tests.inversion.tiny_generator import average, tiny_generator

SIZE, WIDTHS, SCALES = 32, (8, 8, 8, 16), (8, 16, 32)


def tiny_imported() -> ImportedModel:
    """A StyleGAN2 with nothing but z, 32 px."""
    generator = tiny_generator(32)
    avg = average(generator)[0]
    return ImportedModel("tiny", "cd" * 32, {}, generator, avg, None, torch.zeros_like(avg), None, {}, {})


def write_encoder(folder: Path, model: Model, **lies: str) -> Path:
    names = model.parameters.names if isinstance(model, FaceModel) else ()
    generator = model.generator.config
    length = len(names) or generator.w_dim
    config = ParameterEncoderConfig(SIZE, WIDTHS, (1, 1, 1), length, generator.num_ws, generator.w_dim, 0)
    named = {"parameters": json.dumps(names), "landmark_names": "[]"}
    facts = {"generator": model.digest} | named | config.metadata()
    return _write(folder / ENCODER, ParameterEncoder(config), facts | lies)


def write_samm(folder: Path, model: Model, **lies: str) -> Path:
    """The encoder's must be there."""
    theirs, ours = WIDTHS[2::-1], tuple(model.generator.config.width(scale) for scale in SCALES)
    config = AlignerConfig("additive", SCALES, theirs, ours, 8, 1)
    facts = {"generator": model.digest, "encoder": digest(folder / ENCODER)} | config.metadata()
    return _write(folder / SAMM, Aligner(config), facts | lies)


def write_decomposer(folder: Path, **lies: str) -> Path:
    config = DecomposerConfig(SIZE, (8, 8, 8), (8, 8, 8), (1, 1, 1))
    return _write(folder / DECOMPOSER, Decomposer(config), config.metadata() | lies)


def _write(path: Path, network: nn.Module, facts: dict[str, str]) -> Path:
    """All weights are drawn, so that none of what begins at zero stays there."""
    draw = torch.Generator().manual_seed(3)
    tensors = {
        key: 0.1 * torch.randn(value.shape, generator=draw) for key, value in network.state_dict().items()
    }
    save_file(tensors, path, FORMAT | {"kind": path.stem} | facts)
    return path
