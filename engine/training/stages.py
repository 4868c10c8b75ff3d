"""The stages of a recipe, one after the other, each in its folder `OUTPUT/WHAT/STAGE`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from engine.errors import BadRequest
from engine.networks.features import FaceReader
from engine.training.checkpoint import digest
from engine.training.face_task import FaceTask
from engine.training.feature_task import FeatureTask
from engine.training.generator import GeneratorTask
from engine.training.identity_task import IdentityTask
from engine.training.inversion_recipe import DecomposerStage, EncoderStage, SammStage
from engine.training.loop import WEIGHTS, run
from engine.training.model import make_model
from engine.training.parallel import Team, team
from engine.training.recipe import FeatureStage, GeneratorStage, Recipe, read_recipe
from engine.training.renders import Renders, read_renders
from engine.weights.features import load_face_reader

_FEATURE_TASKS: dict[str, Callable[[FeatureStage, Renders, Renders, Team], FeatureTask]] = {
    "face": FaceTask,
    "identity": IdentityTask,
}

Stage = TypeVar("Stage", GeneratorStage, FeatureStage, EncoderStage, SammStage, DecomposerStage)


def train_generator(recipe: Path, data: Path, output: Path, only: str | None, resume: bool) -> list[Path]:
    """Train the generator's stages, or the one called `only`; returns their folders.

    Each stage starts from what the stage before it left; stages that are done are passed over.

    Raises:
        BadRequest: the recipe, its renders, the stage's name or the folder is not right.
    """
    read = read_recipe(recipe)
    stages = chosen(read.generator.stages, only)
    with team() as together:
        for stage in stages:
            _train_generator_stage(read, stage, data, output, resume, together)
    return [output / "generator" / stage.name for stage in stages]


def train_features(recipe: Path, data: Path, output: Path, only: str | None, resume: bool) -> list[Path]:
    """Train the feature networks, or the one called `only`; returns their folders. They do not build on each other.

    Raises:
        BadRequest: the recipe, its renders, the stage's name or the folder is not right.
    """
    read = read_recipe(recipe)
    stages = chosen(read.features.stages, only)
    with team() as together:
        for stage in stages:
            held_out = renders_of(read, read.features.held_out, data)
            task = _FEATURE_TASKS[stage.name](stage, renders_of(read, stage.renders, data), held_out, together)
            run(task, output / "features" / stage.name, resume, together)
    return [output / "features" / stage.name for stage in stages]


def train_model(recipe: Path, data: Path, output: Path, only: str | None, resume: bool) -> list[Path]:
    """Make a model out of the generator's last stage, or the one called `only`; returns its folder. Always anew.

    Raises:
        BadRequest: the recipe, its renders or the stage's name is not right, or the stage is not trained.
    """
    read, stage = generator_stage(recipe, only)
    renders, held_out = (renders_of(read, name, data) for name in (read.model.renders, read.model.held_out))
    weights = output / "generator" / stage.name / WEIGHTS
    make_model(weights, read.model, renders, held_out, output / "model")
    return [output / "model"]


def _train_generator_stage(
    recipe: Recipe, stage: GeneratorStage, data: Path, output: Path, resume: bool, together: Team
) -> None:
    stages = recipe.generator.stages
    place = stages.index(stage)
    before = output / "generator" / stages[place - 1].name / WEIGHTS if place else None
    face = output / "features" / "face" / WEIGHTS if stage.features else None
    task = GeneratorTask(
        recipe.generator,
        stage,
        renders_of(recipe, stage.renders, data),
        renders_of(recipe, stage.held_out, data),
        together,
        _face_reader(face, stage, together.device) if face else None,
        origin=" ".join(digest(path) for path in (before, face) if path),
    )
    if before:
        task.start_from(before)
    run(task, output / "generator" / stage.name, resume, together)


def _face_reader(path: Path, stage: GeneratorStage, device: torch.device) -> FaceReader:
    """The network whose features the stage's loss compares."""
    if not path.exists():
        raise BadRequest(
            f"Stage {stage.name} compares features, and no face network is trained: there is no {path}.",
            "Run “python -m engine train features --stage face” with this recipe and output first.",
        )
    return load_face_reader(path, device)


def generator_stage(recipe: Path, name: str | None) -> tuple[Recipe, GeneratorStage]:
    """A stage of the generator by name, or the last one. Raises `BadRequest`."""
    read = read_recipe(recipe)
    return read, chosen(read.generator.stages, name)[-1]


def renders_of(recipe: Recipe, name: str, data: Path) -> Renders:
    """One of the recipe's sets of renders. Raises `BadRequest` with the command that makes it."""
    return read_renders(data / name, recipe.renders[name])


def chosen(stages: Sequence[Stage], only: str | None) -> Sequence[Stage]:
    """All stages, or the one called `only`. Raises `BadRequest` where there is none."""
    found = [stage for stage in stages if only in (None, stage.name)]
    if not found:
        there = ", ".join(stage.name for stage in stages) or "none of this kind"
        raise BadRequest(f"The recipe has no stage{f' “{only}”' if only else ' for that'}.", f"It has {there}.")
    return found
