"""The smoke recipe's networks that invert, trained for a moment on drawings, for a model with labels and for one without."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.networks.identity import IdentityReader, IdentityReaderConfig
from engine.networks.stylegan2 import Generator, GeneratorConfig
from engine.paths import RECIPES, Home
from engine.training import checkpoint
from engine.training.checkpoint import prefixed
from engine.training.compositions import Compositions, read_compositions
from engine.training.face_source import ConditionalFaces
from engine.training.loop import WEIGHTS
from engine.training.recipe import read_recipe
from engine.weights.features import FORMAT
from tests.training.tiny_compositions import write_compositions
from tests.training.tiny_faces import tiny_faces

SMOKE = RECIPES / "smoke.toml"
IMPORTED = "brought"
NETWORKS = ("encoder", "samm", "decomposer")


def furnish(tiny_data: Path, data: Path, output: Path) -> None:
    """Put the recipe's pictures into `data`, and a model of their labels and small feature networks into `output`."""
    write_readers(output / "features")
    shutil.copytree(tiny_data, data, dirs_exist_ok=True)
    wanted = read_recipe(SMOKE).compositions
    for name, made in wanted.items():
        write_compositions(data / name, made)
    write_model(output / "model" / "model.safetensors", tiny_faces(first_compositions(data)))


def first_compositions(data: Path) -> Compositions:
    """What the networks learn from."""
    name, wanted = next(iter(read_recipe(SMOKE).compositions.items()))
    return read_compositions(data / name, wanted)


def write_model(path: Path, faces: ConditionalFaces) -> None:
    """As `engine.training.model` writes it."""
    assert faces.landmark_map
    one = faces.parameters
    parameters = {name: getattr(one, name) for name in ("mean", "std", "low", "high", "cholesky")}
    tensors = prefixed("generator.", faces.generator.state_dict()) | prefixed("parameters.", parameters)
    tensors |= prefixed("mapping.", faces.mapping.state_dict())
    tensors |= prefixed("landmarks.", faces.landmark_map.state_dict())
    metadata = {"format": "likeness-model", "version": "1", "edge": "replicate", "licence": "none"}
    path.parent.mkdir(parents=True)
    checkpoint.write_tensors(path, tensors, metadata | {"parameters": json.dumps(one.names)})


def write_readers(folder: Path) -> None:
    """Feature networks that have learnt nothing, as their training leaves them."""
    torch.manual_seed(2)
    sizes = {"size": "32", "channels": "[8, 8, 8]"}
    face = FaceReader(FaceReaderConfig(32, (8, 8, 8), ("age",), FIVE, ("skin",)))
    named = {"attributes": '["age"]', "landmarks": json.dumps(FIVE), "regions": '["skin"]'}
    identity = IdentityReader(IdentityReaderConfig(32, (8, 8, 8), 8, ("age",)))
    shaped = {"embedding": "8", "shape": '["age"]'}
    for kind, network, more in (("face", face, named), ("identity", identity, shaped)):
        (folder / kind).mkdir(parents=True)
        metadata = FORMAT | {"kind": kind} | sizes | more
        checkpoint.write_tensors(folder / kind / WEIGHTS, network.state_dict(), metadata)


def write_imported(home: Home) -> None:
    """A StyleGAN2 with nothing but z, as an import leaves it."""
    torch.manual_seed(6)
    generator = Generator(GeneratorConfig(32, (16, 16, 16, 16), w_dim=24, n_mlp=2))
    folder = home.models / IMPORTED
    folder.mkdir(parents=True)
    metadata = {"format": "likeness-model", "version": "1", "licence": "none"}
    tensors = prefixed("generator.", generator.state_dict())
    checkpoint.write_tensors(folder / "model.safetensors", tensors, metadata)


def command(what: str, name: str, data: Path, output: Path, *more: str) -> int:
    """`python -m engine WHAT NAME` with the smoke recipe; returns the exit code."""
    return main([what, name, "--recipe", str(SMOKE), "--data", str(data), "-o", str(output), *more])


@pytest.fixture(scope="session")
def workshop(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data` and `output`, everything trained for the model in `output`. Not to be changed."""
    folder = tmp_path_factory.mktemp("workshop")
    furnish(tiny_data, folder / "data", folder / "output")
    for network in NETWORKS:
        assert command("train", network, folder / "data", folder / "output") == 0
    return folder
