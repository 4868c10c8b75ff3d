"""Tasks of the smoke recipe that train feature networks, for the tests of their pictures and of their runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.training import draws
from engine.training.dice import Dice
from engine.training.face_task import FaceTask
from engine.training.feature_task import FeatureTask
from engine.training.identity_task import IdentityTask
from engine.training.parallel import Team
from engine.training.recipe import FeatureStage, read_recipe
from engine.training.renders import Renders, read_renders
from tests.training.conftest import SMOKE

CPU = torch.device("cpu")
KINDS = {"face": FaceTask, "identity": IdentityTask}


def stage(name: str, **changes: object) -> FeatureStage:
    (found,) = (one for one in read_recipe(SMOKE).features.stages if one.name == name)
    return found.model_copy(update=changes)


def renders(data: Path, name: str = "tiny") -> Renders:
    return read_renders(data / name, read_recipe(SMOKE).renders[name])


@pytest.fixture
def make(tiny_data: Path) -> Callable[..., FeatureTask]:
    """A task of the smoke recipe: `make("face", images=…)`."""

    def made(name: str, team: Team = Team(), **changes: object) -> FeatureTask:
        return KINDS[name](
            stage(name, **changes), renders(tiny_data), renders(tiny_data, "tiny-held-out"), team
        )

    return made


def dice(*places: int) -> Dice:
    return Dice(draws.generator(1, *places))


def pictures(count: int, size: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1
