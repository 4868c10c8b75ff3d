"""What lies beside a model's file: what is chosen of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine.errors import ModelDamaged
from engine.paths import Home
from engine.weights import model_inverters
from engine.weights.imported import ImportedModel
from engine.weights.model_inverters import CHOICE, NO_INVERTERS, inverter_files, load_inverters
from engine.weights.store import load_model
from tests.inversion.tiny_inverters import tiny_imported, write_decomposer, write_encoder, write_samm


@pytest.fixture(scope="module")
def model() -> ImportedModel:
    return tiny_imported()


@pytest.fixture
def for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a decomposer for all models would lie; there is none."""
    folder = tmp_path / "for all"
    folder.mkdir()
    monkeypatch.setattr(model_inverters, "FOR_ALL", folder / "decomposer.safetensors")
    return folder


@pytest.fixture
def folder(tmp_path: Path, for_all: Path) -> Path:
    """A model's."""
    made = tmp_path / "model"
    made.mkdir()
    return made


def choose(folder: Path, text: str) -> None:
    (folder / CHOICE).write_text(text, "utf-8")


def test_nothing_there_is_nothing(model: ImportedModel, folder: Path) -> None:
    assert load_inverters(model, folder) == NO_INVERTERS
    assert (NO_INVERTERS.detector, NO_INVERTERS.digest) == ("landmarks", "")


def test_the_models_own_samm_comes_first_then_a_decomposer(
    model: ImportedModel, folder: Path, for_all: Path
) -> None:
    digests = []

    def detector() -> str:
        found = load_inverters(model, folder)
        assert (found.aligner is None) == (found.detector != "samm")
        assert (found.decomposer is None) == (found.detector != "decomposer")
        digests.append(found.digest)
        return found.detector

    write_decomposer(for_all)
    assert detector() == "decomposer"
    write_encoder(folder, model)
    assert detector() == "decomposer"
    write_samm(folder, model)
    assert detector() == "samm"
    for name in ("landmarks", "decomposer", "samm"):
        choose(folder, f'detector = "{name}"\n')
        assert detector() == name
    assert len(set(digests)) == 4  # what is chosen twice is the same twice
    assert digests[1] == digests[4]
    assert digests[2] == digests[5]


def test_a_models_own_decomposer_comes_before_that_for_all(
    model: ImportedModel, folder: Path, for_all: Path
) -> None:
    write_decomposer(for_all)
    shared = load_inverters(model, folder)
    own = load_file(write_decomposer(folder))
    own["edge.weight"] += 1
    with safe_open(folder / "decomposer.safetensors", "pt") as file:
        metadata = file.metadata()
    save_file(own, folder / "decomposer.safetensors", metadata)
    found = load_inverters(model, folder)
    assert found.decomposer is not None
    assert torch.equal(found.decomposer.edge.weight, own["edge.weight"])
    assert found.digest != shared.digest


def test_every_file_is_among_those_that_are_watched(model: ImportedModel, folder: Path, for_all: Path) -> None:
    written = {write_encoder(folder, model), write_samm(folder, model), write_decomposer(folder)}
    choose(folder, "")
    assert set(inverter_files(folder)) == written | {folder / CHOICE, for_all / "decomposer.safetensors"}


def test_an_encoder_of_known_parameters(home: Home, folder: Path) -> None:
    model = load_model("default", home, torch.device("cpu"))
    write_encoder(folder, model)
    found = load_inverters(model, folder)
    assert found.encoder is not None
    assert found.encoder.parameters == model.parameters.names
    assert found.detector == "landmarks"
    write_encoder(folder, model, parameters=json.dumps(model.parameters.names[::-1]))
    with pytest.raises(ModelDamaged, match="trained for another model"):
        load_inverters(model, folder)


@pytest.mark.parametrize("lies", [{"generator": "0" * 64}, {"parameters": '["age"]'}])
def test_an_encoder_of_another_model_is_refused(
    model: ImportedModel, folder: Path, lies: dict[str, str]
) -> None:
    write_encoder(folder, model, **lies)
    with pytest.raises(ModelDamaged, match="trained for another model"):
        load_inverters(model, folder)


@pytest.mark.parametrize("lies", [{"generator": "0" * 64}, {"encoder": "0" * 64}, {"scales": "[16, 8, 32]"}])
def test_a_samm_of_something_else_is_refused(model: ImportedModel, folder: Path, lies: dict[str, str]) -> None:
    write_encoder(folder, model)
    write_samm(folder, model, **lies)
    with pytest.raises(ModelDamaged):
        load_inverters(model, folder)


def test_a_samm_without_its_encoder_is_refused(model: ImportedModel, folder: Path) -> None:
    encoder = write_encoder(folder, model)
    write_samm(folder, model)
    encoder.unlink()
    with pytest.raises(ModelDamaged, match="another model or encoder"):
        load_inverters(model, folder)


@pytest.mark.parametrize("which", range(4))
def test_damaged_files_are_refused(model: ImportedModel, folder: Path, which: int) -> None:
    written = [write_encoder(folder, model), write_samm(folder, model), write_decomposer(folder)]
    choose(folder, f'detector = "{"samm" if which < 2 else "decomposer"}"\n')
    path = [*written, folder / CHOICE][which]
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelDamaged, match="cannot be read"):
        load_inverters(model, folder)


@pytest.mark.parametrize("text", ["", 'detector = "best"', "detector = 1", 'detector = "samm"\nmask = 1', "\0"])
def test_a_choice_that_is_none_is_refused(model: ImportedModel, folder: Path, text: str) -> None:
    choose(folder, text)
    with pytest.raises(ModelDamaged, match=CHOICE):
        load_inverters(model, folder)


def test_a_choice_that_is_not_there_is_refused(model: ImportedModel, folder: Path) -> None:
    choose(folder, 'detector = "samm"\n')
    with pytest.raises(ModelDamaged, match="there is none"):
        load_inverters(model, folder)
