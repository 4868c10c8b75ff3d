"""The networks that invert at rest: what is written comes back; what lies is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine.errors import ModelDamaged
from engine.networks.additive_samm import Aligner, AlignerConfig
from engine.networks.decomposer import Decomposer, DecomposerConfig
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig
from engine.weights.inverters import FORMAT, load_aligner, load_decomposer, load_encoder

CPU = torch.device("cpu")
ENCODER = ParameterEncoderConfig(32, (8, 8, 8, 16), (1, 1, 1), code=2, num_ws=4, w_dim=5, landmarks=6)
ALIGNER = AlignerConfig("additive", (8, 16), (8, 8), (16, 8), 8, 2)
DECOMPOSER = DecomposerConfig(32, (8, 8, 8), (8, 8, 8), (1, 1, 1))
MADE_FOR = {"generator": "g", "encoder": "e", "parameters": '["age", "smile"]', "landmark_names": '["chin"]'}

Load = Callable[[Path, torch.device], object]
KINDS: dict[str, tuple[Callable[[], nn.Module], dict[str, str], Load]] = {
    "encoder": (lambda: ParameterEncoder(ENCODER), ENCODER.metadata(), load_encoder),
    "samm": (lambda: Aligner(ALIGNER), ALIGNER.metadata(), load_aligner),
    "decomposer": (lambda: Decomposer(DECOMPOSER), DECOMPOSER.metadata(), load_decomposer),
}


def write(path: Path, kind: str, changes: dict[str, str] | None = None) -> None:
    torch.manual_seed(1)
    make, metadata, _ = KINDS[kind]
    tensors = {key: value.half() for key, value in make().state_dict().items()}
    save_file(tensors, path, FORMAT | {"kind": kind} | MADE_FOR | metadata | (changes or {}))


def test_all_come_back(tmp_path: Path) -> None:
    paths = {kind: tmp_path / kind for kind in KINDS}
    for kind, path in paths.items():
        write(path, kind)
    encoder = load_encoder(paths["encoder"], CPU)
    assert encoder.network.config == ENCODER
    assert (encoder.generator, encoder.parameters, encoder.landmark_names) == ("g", ("age", "smile"), ("chin",))
    aligner = load_aligner(paths["samm"], CPU)
    assert (aligner.network.config, aligner.generator, aligner.encoder) == (ALIGNER, "g", "e")
    decomposer = load_decomposer(paths["decomposer"], CPU)
    assert decomposer.config == DECOMPOSER
    for network in (encoder.network, aligner.network, decomposer):
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
    torch.manual_seed(1)
    written = ParameterEncoder(ENCODER).state_dict()
    for key, value in encoder.network.state_dict().items():
        assert torch.equal(value, written[key].half().float()), key


@pytest.mark.parametrize("form", ["additive", "published"])
def test_an_aligners_configuration_goes_into_metadata_and_back(form: str) -> None:
    config = AlignerConfig("published" if form == "published" else "additive", (8, 16), (8, 8), (16, 8), 8, 2)
    assert AlignerConfig.from_metadata(config.metadata()) == config


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        *((kind, change) for kind in KINDS for change in ({"format": "likeness-model"}, {"version": "2"})),
        ("encoder", {"kind": "samm"}),
        ("encoder", {"widths": "[8, 8, 8, 1000000]"}),
        ("encoder", {"widths": json.dumps([8] * 40), "units": json.dumps([1] * 39)}),
        ("encoder", {"units": "[1, 1, 1000000000]"}),
        ("encoder", {"size": "1048576"}),
        ("encoder", {"code": "3"}),
        ("encoder", {"parameters": "[1]"}),
        ("encoder", {"landmark_names": "[" * 100_000}),
        ("samm", {"form": "other"}),
        ("samm", {"cycles": "1000000000"}),
        ("samm", {"cycles": "0"}),
        ("samm", {"scales": "[8]"}),
        ("samm", {"scales": "[]", "encoder_widths": "[]", "generator_widths": "[]"}),
        ("samm", {"generator_widths": "[16, 1000000]"}),
        ("samm", {"form": "published"}),
        ("decomposer", {"radii": "[1, 1, 1000]"}),
        ("decomposer", {"channels": "[8, 8]"}),
        ("decomposer", {"size": "33"}),
        ("decomposer", {"hidden": "8"}),
    ],
)
def test_metadata_that_lies_is_refused(tmp_path: Path, kind: str, changes: dict[str, str]) -> None:
    path = tmp_path / "network"
    write(path, kind, changes)
    with pytest.raises(ModelDamaged, match="cannot be read"):
        KINDS[kind][2](path, CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused(tmp_path: Path, kind: str) -> None:
    make, metadata, load = KINDS[kind]
    path = tmp_path / "network"
    with pytest.raises(ModelDamaged):
        load(path, CPU)
    write(path, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelDamaged):
        load(path, CPU)
    tensors = make().state_dict()
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    save_file(tensors, path, FORMAT | {"kind": kind} | MADE_FOR | metadata)
    with pytest.raises(ModelDamaged, match="not finite"):
        load(path, CPU)
