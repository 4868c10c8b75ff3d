"""The smoke recipe, from nothing, by the commands that a person would type."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from engine.paths import RECIPES
from engine.training.loop import WEIGHTS
from engine.training.recipe import read_recipe

SMOKE = RECIPES / "smoke.toml"
ROOT = RECIPES.parents[1]


def run(*command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_every_stage_runs_on_real_renders(tmp_path: Path):
    recipe = read_recipe(SMOKE)
    for name, wanted in (recipe.renders | recipe.compositions).items():
        run(*shlex.split(wanted.command(tmp_path / name))[1:])
    where = ("--recipe", str(SMOKE), "--data", str(tmp_path), "-o", str(tmp_path / "out"))
    run("-m", "engine", "train", "features", *where)
    run("-m", "engine", "train", "generator", *where)
    for what, stages in (("features", recipe.features.stages), ("generator", recipe.generator.stages)):
        for stage in stages:
            folder = tmp_path / "out" / what / stage.name
            assert (folder / WEIGHTS).exists()
            assert list(folder.glob("sheet-*.png"))
            assert (folder / "log.csv").read_text().startswith("step,figure,value\n")
    last = tmp_path / "out" / "generator" / recipe.generator.stages[-1].name / WEIGHTS
    before = last.read_bytes()
    run("-m", "engine", "train", "generator", "--resume", *where)  # done is done
    assert last.read_bytes() == before
    run("-m", "engine", "train", "model", *where)
    assert set(json.loads((tmp_path / "out" / "model" / "figures.json").read_text())) == {
        "landmark_error",
        "region_agreement",
    }
    assert (tmp_path / "out" / "model" / "model.safetensors").exists()
    for what in ("encoder", "samm", "decomposer"):
        run("-m", "engine", "train", what, *where)
    run("-m", "engine", "evaluate", "decomposition", *where)
    assert recipe.inversion
    for stage in recipe.inversion.stages:
        assert list((tmp_path / "out" / "inversion" / stage.name).glob("sheet-*.png"))
    figures = json.loads((tmp_path / "out" / "inversion" / "evaluation" / "decomposition.json").read_text())
    assert set(figures["flows"]) == {"decomposer", "samm", "samm-published"}
