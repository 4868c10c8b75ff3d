"""Training the generator: it learns, goes on after a kill as if nothing had happened, and is shared out exactly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.errors import BadRequest
from engine.paths import RECIPES
from engine.training import checkpoint, loop
from engine.training.generator import GeneratorTask
from engine.training.parallel import Team
from engine.training.recipe import GeneratorStage, Recipe, read_recipe
from engine.training.renders import read_renders

SMOKE = RECIPES / "smoke.toml"
ROOT = RECIPES.parents[1]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(SMOKE)


def task_of(recipe: Recipe, data: Path, stage: GeneratorStage) -> GeneratorTask:
    renders = read_renders(data / stage.renders, recipe.renders[stage.renders])
    held_out = read_renders(data / "tiny-held-out", recipe.renders["tiny-held-out"])
    return GeneratorTask(recipe.generator, stage, renders, held_out, Team())


def stage_of(recipe: Recipe, name: str, **changes: object) -> GeneratorStage:
    (stage,) = (stage for stage in recipe.generator.stages if stage.name == name)
    return stage.model_copy(update={"features": 0.0, **changes})


def test_regression_learns(recipe: Recipe, tiny_data: Path):
    task = task_of(recipe, tiny_data, stage_of(recipe, "regression-16", images=480))
    losses = [task.step(k)["reconstruction"] for k in range(task.steps)]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


@pytest.mark.parametrize("name", ["regression-16", "adversarial-32"])
def test_resumed_is_unbroken(recipe: Recipe, tiny_data: Path, tmp_path: Path, name: str):
    stage = stage_of(recipe, name, images=48)
    unbroken = task_of(recipe, tiny_data, stage)
    for k in range(unbroken.steps):
        unbroken.step(k)
    first = task_of(recipe, tiny_data, stage)
    for k in range(3):
        first.step(k)
    checkpoint.save(tmp_path / "state", checkpoint.Checkpoint(3, first.state(), first.described))
    second = task_of(recipe, tiny_data, stage)
    second.restore(checkpoint.load(tmp_path / "state").tensors)
    for k in range(3, second.steps):
        second.step(k)
    expected, got = unbroken.state(), second.state()
    assert expected.keys() == got.keys()
    for key in expected:
        assert torch.equal(expected[key], got[key]), key


def test_a_stage_keeps_what_it_does_not_train(recipe: Recipe, tiny_data: Path):
    task = task_of(recipe, tiny_data, stage_of(recipe, "regression-32", train_from=32))
    before = {key: tensor.clone() for key, tensor in task.network.state_dict().items()}
    task.step(0)
    changed = {key for key, tensor in task.network.state_dict().items() if not torch.equal(tensor, before[key])}
    assert changed
    assert all(
        key.startswith(("generator.convs.4.", "generator.convs.5.", "generator.to_rgbs.2.")) for key in changed
    )


def test_averaged_weights_follow(recipe: Recipe, tiny_data: Path):
    task = task_of(recipe, tiny_data, stage_of(recipe, "regression-16"))
    start = task.ema.mapping.get_parameter("map.0.weight").clone()
    for k in range(5):
        task.step(k)
    live, averaged = (network.mapping.get_parameter("map.0.weight") for network in (task.network, task.ema))
    assert 0 < (averaged - start).norm() < (live - start).norm()


def train(data: Path, output: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "engine", "train", "generator", "--recipe", str(SMOKE),
        "--data", str(data), "-o", str(output), "--stage", "regression-16", *more,
    ]  # fmt: skip


def test_f36_killed_training_resumes_at_the_same_step(tiny_data: Path, tmp_path: Path, recipe: Recipe):
    """FAULTS 36: killed without warning, the next run goes on from the last complete checkpoint, with the same result."""
    folder = tmp_path / "killed" / "generator" / "regression-16"
    environment = {**os.environ, "LIKENESS_CHECKPOINT_SECONDS": "0", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(train(tiny_data, tmp_path / "killed"), cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not (folder / loop.STATE).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (folder / loop.WEIGHTS).exists()
    reached = checkpoint.load(folder / loop.STATE).step
    assert 0 < reached < recipe.generator.stages[0].steps
    refused = subprocess.run(
        train(tiny_data, tmp_path / "killed"), cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "--resume" in refused.stderr
    for output, more in ((tmp_path / "killed", ("--resume",)), (tmp_path / "unbroken", ())):
        subprocess.run(train(tiny_data, output, *more), cwd=ROOT, env=environment, check=True)
    assert (folder / loop.WEIGHTS).read_bytes() == (
        tmp_path / "unbroken" / "generator" / "regression-16" / loop.WEIGHTS
    ).read_bytes()


def test_a_finished_stage_leaves_half_precision_and_statistics(tiny_data: Path, tmp_path: Path, recipe: Recipe):
    stage = stage_of(recipe, "regression-16", images=16)
    task = task_of(recipe, tiny_data, stage)
    loop.run(task, tmp_path, resume=False, team=Team())
    tensors = load_file(tmp_path / loop.WEIGHTS)
    assert tensors["generator.conv1.conv.weight"].dtype == torch.float16
    assert tensors["parameters.mean"].shape == (len(task.renders.names),)
    assert list(tmp_path.glob("sheet-*.png"))
    following = task_of(recipe, tiny_data, stage_of(recipe, "adversarial-32"))
    following.start_from(tmp_path / loop.WEIGHTS)
    assert torch.equal(
        following.network.mapping.get_parameter("map.0.weight"), tensors["mapping.map.0.weight"].float()
    )
    strengths = [strength.item() for strength in following.network.noise_strengths()]
    assert strengths == pytest.approx([0, 0, 0, 0.03, 0.03, 0.03, 0.03])  # at 4, 8, 8 px nothing is trained


def test_another_recipe_does_not_resume(recipe: Recipe, tiny_data: Path, tmp_path: Path):
    stage = stage_of(recipe, "regression-16", images=16)
    loop.run(task_of(recipe, tiny_data, stage), tmp_path, resume=False, team=Team())
    (tmp_path / loop.WEIGHTS).unlink()
    other = task_of(recipe, tiny_data, stage.model_copy(update={"seed": 99}))
    with pytest.raises(BadRequest, match="another recipe"):
        loop.run(other, tmp_path, resume=True, team=Team())


def test_weights_of_another_recipe_are_not_taken_for_done(recipe: Recipe, tiny_data: Path, tmp_path: Path):
    stage = stage_of(recipe, "regression-16", images=16)
    loop.run(task_of(recipe, tiny_data, stage), tmp_path, resume=False, team=Team())
    before = (tmp_path / loop.WEIGHTS).read_bytes()
    loop.run(task_of(recipe, tiny_data, stage), tmp_path, resume=False, team=Team())  # done is done
    assert (tmp_path / loop.WEIGHTS).read_bytes() == before
    other = task_of(recipe, tiny_data, stage.model_copy(update={"images": 24}))
    with pytest.raises(BadRequest, match="another recipe"):
        loop.run(other, tmp_path, resume=True, team=Team())


def test_training_that_ran_away_keeps_the_last_checkpoint(recipe: Recipe, tiny_data: Path, tmp_path: Path):
    task = task_of(recipe, tiny_data, stage_of(recipe, "regression-16", images=32))
    task.network.mapping.get_parameter("map.0.bias").data.fill_(float("nan"))
    with pytest.raises(BadRequest, match="ran away"):
        loop.run(task, tmp_path, resume=False, team=Team())
    assert not (tmp_path / loop.STATE).exists()
    assert not (tmp_path / loop.WEIGHTS).exists()


@pytest.mark.parametrize(
    ("old", "new"), [('"kind": "renders"', '"kind": "compositions"'), ('"format": 2', '"format": 1')]
)
def test_other_pictures_are_not_taken_for_renders(tiny_renders: Path, recipe: Recipe, old: str, new: str):
    path = tiny_renders / "set.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadRequest, match="not those of the recipe"):
        read_renders(tiny_renders, recipe.renders["tiny"])


def test_damaged_and_missing_shards_are_named(tiny_renders: Path, recipe: Recipe):
    shard = sorted(tiny_renders.glob("shard-*.npz"))[1]
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-200])
    with pytest.raises(BadRequest, match=shard.name):
        read_renders(tiny_renders, recipe.renders["tiny"])
    shard.unlink()
    with pytest.raises(BadRequest, match="not finished"):
        read_renders(tiny_renders, recipe.renders["tiny"])


def test_missing_renders_say_how_to_make_them(recipe: Recipe, tmp_path: Path):
    with pytest.raises(BadRequest, match=r"python -m models\.faces render"):
        read_renders(tmp_path / "tiny", recipe.renders["tiny"])
