"""Which specimens are taken, and that each has a sheet of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.evaluation import specimens
from engine.evaluation.inversion import load_mesh
from engine.evaluation.specimens import PHOTOGRAPHS, SIZE, Specimen, collect
from engine.inversion.types import CROP_SIZE
from engine.paths import RECIPES
from engine.training.recipe import read_recipe


def specimen(name: str, grey: int = 0) -> Specimen:
    crop = np.full((CROP_SIZE, CROP_SIZE, 3), grey, np.uint8)
    return Specimen(PHOTOGRAPHS, name, crop, torch.ones(1, 1, SIZE, SIZE))


def test_photographs_are_chosen_by_the_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.png").touch()
    monkeypatch.setattr(specimens, "photograph", lambda path, detector, mesh: specimen(path.name))
    recipe, mesh = read_recipe(RECIPES / "default.toml"), load_mesh()

    def names(seed: int) -> tuple[str, ...]:
        there = collect(recipe, tmp_path / "none", [tmp_path], mesh, seed, limit=3)
        return tuple(one.name for one in there.specimens)

    assert len(names(0)) == 3
    assert names(0) == names(0)
    assert len({names(seed) for seed in range(4)}) > 1


def test_two_photographs_of_one_name_have_two_sheets() -> None:
    sheets = {specimen("face.png").sheet, specimen("face.jpg", 1).sheet, specimen("face.png", 2).sheet}
    assert len(sheets) == 3
    assert all(sheet.startswith("photographs-face-") for sheet in sheets)
