"""The stages that make the networks which invert: one after the other, for the model trained here and for a foreign one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import BadRequest, UnknownModel
from engine.paths import Home
from engine.training.face_source import ConditionalFaces, StyleFaces
from engine.training.inversion_stages import inversion_folder
from engine.training.loop import WEIGHTS
from engine.training.model_faces import faces_of
from engine.training.photographs import read_photographs
from engine.weights.inverters import load_aligner, load_decomposer, load_encoder
from tests.training.inversion_workshop import IMPORTED, command, workshop, write_imported, write_readers

__all__ = ["workshop"]

CPU = torch.device("cpu")
PHOTOGRAPHS = Path(__file__).parents[1] / "photos"


def test_what_was_trained_comes_back_from_its_files(workshop: Path) -> None:
    output = workshop / "output"
    folder = inversion_folder(output, None)
    faces = faces_of(None, output, CPU)
    assert isinstance(faces, ConditionalFaces)
    encoder = load_encoder(folder / "encoder" / WEIGHTS, CPU)
    assert (encoder.generator, encoder.parameters) == (faces.origin, faces.names)
    assert encoder.network.config.landmarks == 5 + len(encoder.landmark_names) > 5
    for stage, form in (("samm", "additive"), ("samm-published", "published")):
        aligner = load_aligner(folder / stage / WEIGHTS, CPU)
        assert (aligner.generator, aligner.encoder) == (faces.origin, encoder.digest)
        assert aligner.network.config.form == form
    assert load_decomposer(folder / "decomposer" / WEIGHTS, CPU).config.size == 32


def test_done_is_done(workshop: Path) -> None:
    path = workshop / "output" / "inversion" / "encoder" / WEIGHTS
    before = path.stat().st_mtime_ns
    assert command("train", "encoder", workshop / "data", workshop / "output") == 0
    assert path.stat().st_mtime_ns == before


def test_an_encoder_comes_first(
    workshop: Path, tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(workshop / "output" / "model", tmp_path / "model")
    assert command("train", "samm", workshop / "data", tmp_path) == 1
    assert "train encoder" in capsys.readouterr().err


def test_networks_for_a_generator_without_labels(workshop: Path, home: Home, tmp_path: Path) -> None:
    write_imported(home)
    data, output = workshop / "data", tmp_path
    write_readers(output / "features")
    assert isinstance(faces_of(IMPORTED, output, CPU), StyleFaces)
    where = (data, output, "--model", IMPORTED)
    assert command("train", "encoder", *where) == 0
    assert command("train", "samm", *where, "--stage", "samm") == 0
    assert command("train", "decomposer", *where) == 0
    folder = inversion_folder(output, IMPORTED)
    assert folder == output / "models" / IMPORTED / "inversion"
    encoder = load_encoder(folder / "encoder" / WEIGHTS, CPU)
    assert (encoder.parameters, encoder.network.config.landmarks) == ((), 0)
    assert not (folder / "samm-published").exists()
    assert command("evaluate", "decomposition", *where, "--limit", "6") == 0
    assert "of brought" in (folder / "evaluation" / "decomposition.md").read_text()


def test_a_model_is_named_where_it_counts(
    workshop: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = (workshop / "data", tmp_path)
    assert command("train", "encoder", *where, "--model", "nobody") == 1
    assert "nobody" in capsys.readouterr().err
    assert command("train", "features", *where, "--model", "default") == 1
    assert "--model is not for features" in capsys.readouterr().err
    assert command("train", "decomposer", *where, "--photographs", str(tmp_path)) == 1
    assert "--photographs is not for decomposer" in capsys.readouterr().err
    with pytest.raises(UnknownModel):
        faces_of("nobody", tmp_path, CPU)
    with pytest.raises(BadRequest, match="not a usable name"):
        inversion_folder(tmp_path, "../elsewhere")
    assert isinstance(faces_of(None, tmp_path, CPU), ConditionalFaces)  # the embedded one


def test_photographs_are_the_faces_in_a_folder(tmp_path: Path) -> None:
    photograph = min(PHOTOGRAPHS.glob("*.[jp][pn]g"))
    shutil.copy(photograph, tmp_path)
    (tmp_path / "notes.txt").write_text("no picture")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "nobody.png")
    found = read_photographs(tmp_path, 64)
    assert found.crops.shape == (1, 3, 64, 64)
    assert len(found) == 2
    assert found.made == read_photographs(tmp_path, 64).made
    (tmp_path / photograph.name).unlink()
    with pytest.raises(BadRequest, match="no photograph of a face"):
        read_photographs(tmp_path, 64)
