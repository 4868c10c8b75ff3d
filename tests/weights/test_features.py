"""Feature networks at rest: what is written comes back; what lies is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelDamaged
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.networks.identity import IdentityReader, IdentityReaderConfig
from engine.weights.features import FORMAT, load_face_reader, load_identity_reader

CPU = torch.device("cpu")
CHANNELS = (8, 8, 16)
FACE = FaceReaderConfig(32, CHANNELS, ("smile",), (*FIVE, "chin"), ("background", "skin"))
IDENTITY = IdentityReaderConfig(32, CHANNELS, 4, ("age",))
FACE_METADATA = {
    **FORMAT,
    "kind": "face",
    "size": "32",
    "channels": json.dumps(CHANNELS),
    "attributes": '["smile"]',
    "landmarks": json.dumps(FACE.landmarks),
    "regions": '["background", "skin"]',
}
IDENTITY_METADATA = {
    **FORMAT,
    "kind": "identity",
    "size": "32",
    "channels": json.dumps(CHANNELS),
    "embedding": "4",
    "shape": '["age"]',
}


def write_face(path: Path, **changes: str) -> None:
    torch.manual_seed(1)
    tensors = {key: value.half() for key, value in FaceReader(FACE).state_dict().items()}
    save_file(tensors, path, FACE_METADATA | changes)


def test_both_networks_come_back(tmp_path: Path) -> None:
    write_face(tmp_path / "face.safetensors")
    identity = IdentityReader(IDENTITY)
    save_file(identity.half().state_dict(), tmp_path / "identity.safetensors", IDENTITY_METADATA)
    face = load_face_reader(tmp_path, CPU)
    assert face.config == FACE
    assert not any(parameter.requires_grad for parameter in face.parameters())
    assert load_face_reader(tmp_path / "face.safetensors", CPU).config == FACE
    assert load_identity_reader(tmp_path, CPU).config == IDENTITY
    torch.testing.assert_close(
        load_identity_reader(tmp_path, CPU)(torch.zeros(1, 3, 32, 32)).norm(), torch.tensor(1.0)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "likeness-model"},
        {"version": "2"},
        {"kind": "identity"},
        {"size": "33"},
        {"size": "4096"},
        {"size": "large"},
        {"channels": "[8, 8]"},
        {"channels": "[8, 8, 24]"},
        {"channels": "[8, 8, 1000000]"},
        {"channels": "{"},
        {"channels": "[8, 8, 16.5]"},
        {"attributes": '["smile", "yaw"]'},
        {"attributes": "[1]"},
        {"landmarks": '["chin"]'},
        {"regions": "[]"},
        {"regions": "[" * 100_000},
    ],
)
def test_metadata_that_lies_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    path = tmp_path / "face.safetensors"
    write_face(path, **changes)
    with pytest.raises(ModelDamaged):
        load_face_reader(path, CPU)


def not_finite(path: Path) -> None:
    tensors = FaceReader(FACE).state_dict()
    tensors["heat.bias"][0] = float("nan")
    save_file(tensors, path, FACE_METADATA)


def half_of_it(path: Path) -> None:
    write_face(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_metadata(path: Path) -> None:
    save_file(FaceReader(FACE).state_dict(), path)


def another_file(path: Path) -> None:
    path.write_text("not a network")


def nothing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("damage", [not_finite, half_of_it, without_metadata, another_file, nothing])
def test_damaged_files_are_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "face.safetensors"
    damage(path)
    with pytest.raises(ModelDamaged, match=r"cannot be read"):
        load_face_reader(path, CPU)
