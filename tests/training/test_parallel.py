"""Two processes that share out every stage of the smoke recipe do what one does alone."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest
from engine.paths import RECIPES
from engine.training.loop import LOG
from engine.training.parallel import Team
from engine.training.recipe import read_recipe

SMOKE = RECIPES / "smoke.toml"
TWO = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
# Of a figure: what it may differ by after some steps, by the order in which floats are added.
NEAR = 1e-5


def figures(folder: Path) -> list[tuple[str, str, float]]:
    with (folder / LOG).open(newline="", encoding="utf-8") as file:
        return [(row["step"], row["figure"], float(row["value"])) for row in csv.DictReader(file)]


def test_same_batches_same_losses(tiny_data: Path, tmp_path: Path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LIKENESS_LOG_STEPS": "1"}
    for output, launcher in (("one", ()), ("two", TWO)):
        for what in ("features", "generator"):
            subprocess.run(
                [sys.executable, "-m", *launcher, "engine", "train", what, "--recipe", str(SMOKE), "--data",
                 str(tiny_data), "-o", str(tmp_path / output)],
                cwd=RECIPES.parents[1], env=environment, check=True,
            )  # fmt: skip
    recipe = read_recipe(SMOKE)
    for what, stages in (("features", recipe.features.stages), ("generator", recipe.generator.stages)):
        for stage in stages:
            alone, together = (figures(tmp_path / output / what / stage.name) for output in ("one", "two"))
            losses = [row for row in alone if row[1] in ("loss", "reconstruction", "discriminator", "features")]
            assert len(losses) >= stage.steps
            for (step, figure, value), (other_step, other_figure, shared) in zip(alone, together, strict=True):
                assert (step, figure) == (other_step, other_figure)
                if (step, figure, value) in losses:
                    assert shared == pytest.approx(value, rel=NEAR), (stage.name, step, figure)


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(BadRequest, match="batch of 5"):
        Team(0, 2).share(torch.arange(5))
