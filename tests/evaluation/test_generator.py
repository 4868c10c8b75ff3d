"""The figures of a trained generator are of its own pictures and fall when it is worse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.cli import main
from engine.errors import BadRequest
from engine.evaluation.generator import at_age, evaluate, load_trained
from engine.evaluation.judge import Verdicts, report
from engine.paths import RECIPES
from engine.training import checkpoint
from engine.training.recipe import read_recipe
from engine.training.renders import Renders, read_renders

SMOKE = RECIPES / "smoke.toml"


@pytest.fixture(scope="module")
def held_out(tiny_data: Path) -> Renders:
    return read_renders(tiny_data / "tiny-held-out", read_recipe(SMOKE).renders["tiny-held-out"])


@pytest.fixture(scope="module")
def trained(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the smoke recipe's first stage leaves."""
    output = tmp_path_factory.mktemp("trained")
    where = ["--recipe", str(SMOKE), "--data", str(tiny_data), "-o", str(output), "--stage", "regression-16"]
    assert main(["train", "generator", *where]) == 0
    assert main(["evaluate", "generator", *where, "--samples", "2"]) == 0
    return output / "generator" / "regression-16"


def test_the_command_leaves_figures_and_pictures(trained: Path):
    figures = json.loads((trained / "evaluation" / "figures.json").read_text())
    assert figures["resolution"] == 16
    assert figures["held_out"] == 16
    assert 5 < figures["psnr"] < 40
    groups = figures["groups"]
    assert sum(groups[name]["held_out"] for name in ("feminine", "masculine")) == 16
    assert sum(one["held_out"] for name, one in groups.items() if "skin" in name) == 16
    assert sum(one["held_out"] for name, one in groups.items() if "years" in name) == 16
    for name in ("worst.png", "samples.png", "twins/shard-00000.npz", "young/set.json", "old/set.json"):
        assert (trained / "evaluation" / name).exists()


def test_a_damaged_generator_measures_worse(trained: Path, held_out: Renders, tmp_path: Path):
    tensors = checkpoint.read_tensors(trained / "weights.safetensors")
    tensors["generator.conv1.activate.bias"] += 3
    metadata = checkpoint.read_metadata(trained / "weights.safetensors")
    checkpoint.write_tensors(tmp_path / "weights.safetensors", tensors, metadata)
    worse = evaluate(tmp_path / "weights.safetensors", held_out, tmp_path, count=2)
    right = json.loads((trained / "evaluation" / "figures.json").read_text())
    assert worse.psnr < right["psnr"] - 1
    assert worse.psnr_face < right["psnr_face"]


def test_renders_of_other_parameters_are_refused(trained: Path, held_out: Renders, tmp_path: Path):
    others = replace(held_out, names=("other", *held_out.names[1:]))
    with pytest.raises(BadRequest, match="other parameters"):
        evaluate(trained / "weights.safetensors", others, tmp_path, count=1)


def test_truncation_pulls_to_the_mean(trained: Path):
    generator = load_trained(trained / "weights.safetensors")
    free, half, none = (generator.draw(8, 1, psi) for psi in (1.0, 0.5, 0.0))
    assert free.abs().mean() > half.abs().mean() > none.abs().mean()
    assert torch.equal(generator.faces(none)[0], generator.faces(none)[1])


def test_ageing_changes_age_and_hair_only(held_out: Renders):
    old = at_age(held_out, 75)
    changed = (old != held_out.parameters).any(0).nonzero().flatten().tolist()
    assert {held_out.names[k] for k in changed} == {"age", "grey"}


def test_what_is_no_generator_is_refused(tmp_path: Path):
    checkpoint.write_tensors(tmp_path / "x", {"a": torch.zeros(1)}, {})
    with pytest.raises(BadRequest, match="holds no generator"):
        load_trained(tmp_path / "x")


def test_verdicts_are_reported_by_group():
    years = np.array([10.0, 20, 30, 60, 70, 80])
    male = np.array([True, False, True, False, True, False])
    verdicts = Verdicts(years, male, years + 5, ~male)
    assert verdicts.age_correlation == pytest.approx(1)
    assert verdicts.gender_accuracy == 0
    assert "45–100 years" in report(verdicts)
