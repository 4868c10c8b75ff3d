"""Two processes that share out a stage do what one does alone, in every kind of stage."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest
from engine.paths import RECIPES
from engine.training.loop import LOG
from engine.training.parallel import Team

SMOKE = RECIPES / "smoke.toml"
TWO = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
NEAR = 1e-5
LOSSES = ("loss", "reconstruction", "discriminator", "features", "adversarial", "contrast")
# How many steps are compared: after that the order in which floats are added shows, most where Adam has no momentum.
STAGES = {
    ("features", "face"): 10,
    ("features", "identity"): 10,
    ("generator", "regression-16"): 20,
    ("generator", "regression-32"): 3,
    ("generator", "adversarial-32"): 2,
}


def train(what: str, data: Path, output: Path, *more: str, launcher: tuple[str, ...] = ()) -> None:
    subprocess.run(
        [sys.executable, "-m", *launcher, "engine", "train", what, "--recipe", str(SMOKE), "--data", str(data),
         "-o", str(output), *more],
        cwd=RECIPES.parents[1], env={**os.environ, "OMP_NUM_THREADS": "1", "LIKENESS_LOG_STEPS": "1"}, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All stages, by one process."""
    output = tmp_path_factory.mktemp("alone")
    for what in ("features", "generator"):
        train(what, tiny_data, output)
    return output


def losses(folder: Path, steps: int) -> dict[tuple[int, str], float]:
    with (folder / LOG).open(newline="", encoding="utf-8") as file:
        rows = [(int(row["step"]), row["figure"], float(row["value"])) for row in csv.DictReader(file)]
    return {(step, figure): value for step, figure, value in rows if step <= steps and figure in LOSSES}


@pytest.mark.parametrize(("what", "stage"), STAGES)
def test_same_batches_same_losses(alone: Path, tiny_data: Path, tmp_path: Path, what: str, stage: str):
    together = tmp_path / "together"
    shutil.copytree(alone, together)  # so that both start from the same weights
    shutil.rmtree(together / what / stage)
    train(what, tiny_data, together, "--stage", stage, launcher=TWO)
    steps = STAGES[what, stage]
    expected, got = (losses(output / what / stage, steps) for output in (alone, together))
    assert len(expected) >= steps
    assert got == pytest.approx(expected, rel=NEAR)


def test_several_stages_wait_for_each_other(tiny_data: Path, tmp_path: Path, alone: Path):
    """The second stage reads what one of two processes has written at the end of the first."""
    shutil.copytree(alone / "features", tmp_path / "features")
    train("generator", tiny_data, tmp_path, launcher=TWO)
    for stage in ("regression-16", "regression-32", "adversarial-32"):
        assert losses(tmp_path / "generator" / stage, 1).keys() == losses(alone / "generator" / stage, 1).keys()


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(BadRequest, match="batch of 5"):
        Team(0, 2).share(torch.arange(5))
