"""The figures of feature networks are of the files they are said to be of, and of the pictures they were given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.errors import BadRequest, NoFace, PhotoUnreadable
from engine.evaluation import features
from engine.evaluation.features import PointErrors, evaluate_features, photographs_of_the_repository, yardstick
from engine.faces.detect import Face, FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.paths import EMBEDDED_MODELS, RECIPES
from engine.training.attributes import ATTRIBUTES
from engine.training.face_task import FaceTask
from engine.training.identity_task import IdentityTask
from engine.training.loop import WEIGHTS
from engine.training.parallel import Team
from engine.training.recipe import read_recipe
from engine.training.renders import Renders, read_renders
from tests.faces.references import PHOTO_FOLDER, PHOTOS

SMOKE = RECIPES / "smoke.toml"


@pytest.fixture(scope="module")
def held_out(tiny_data: Path) -> Renders:
    return read_renders(tiny_data / "tiny-held-out", read_recipe(SMOKE).renders["tiny-held-out"])


@dataclass(frozen=True)
class Left:
    """What the smoke recipe's feature stages leave in `folder` (after no step at all), and what they logged last."""

    folder: Path
    face: dict[str, float]
    identity: dict[str, float]


@pytest.fixture(scope="module")
def left(tiny_data: Path, held_out: Renders, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """With the figures of both."""
    output = tmp_path_factory.mktemp("trained")
    face_stage, identity_stage = read_recipe(SMOKE).features.stages
    tasks = {
        "face": FaceTask(face_stage, held_out, held_out, Team()),
        "identity": IdentityTask(identity_stage, held_out, held_out, Team()),
    }
    where = ["--recipe", str(SMOKE), "--data", str(tiny_data), "-o", str(output)]
    photographs = [str(PHOTO_FOLDER / name) for name in PHOTOS]
    logged = {}
    for name, task, given in zip(tasks, tasks.values(), (photographs, photographs[:1]), strict=True):
        folder = output / "features" / name
        folder.mkdir(parents=True)
        logged[name] = task.look(folder / "sheet.png")
        task.write_weights(folder / WEIGHTS)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(features, "_YARDSTICK", 1)  # looking for faces takes long where there are none
            assert main(["evaluate", "features", *where, "--stage", name, "--photographs", *given]) == 0
    return Left(output / "features", **logged)


def test_the_command_measures_what_the_face_stage_left(left: Left) -> None:
    folder = left.folder / "face" / "evaluation"
    figures = json.loads((folder / "figures.json").read_text("utf-8"))
    assert figures["identity"] is None
    face = figures["face"]
    assert list(face["held_out"]["correlations"]) == list(ATTRIBUTES)
    # What was logged is of weights that were not yet rounded to fp16.
    assert face["held_out"]["five_percent"] == pytest.approx(left.face["five_percent"], rel=0.02)
    assert face["held_out"]["region_iou"] == pytest.approx(left.face["region_iou"], abs=0.02)
    assert [one["name"] for one in face["photographs"]] == list(PHOTOS)
    assert all(one["detector"] > 0 and one["mesh"] > 0 for one in face["photographs"])
    assert {path.name for path in folder.iterdir()} == {
        "figures.json", "figures.md", "face.png", "photographs.png",
    }  # fmt: skip
    table = (folder / "figures.md").read_text("utf-8")
    assert f"| astronaut.png | {face['photographs'][0]['detector']:.1f} |" in table


def test_the_command_measures_what_the_identity_stage_left(left: Left) -> None:
    figures = json.loads((left.folder / "identity" / "evaluation" / "figures.json").read_text("utf-8"))
    assert figures["face"] is None
    assert figures["identity"]["held_out"]["auc"] == pytest.approx(left.identity["identity_auc"], abs=0.02)
    assert figures["identity"]["photographs"] is None  # one person has no others


@pytest.mark.parametrize(
    ("stage", "said"),
    [("nose", "no feature network"), ("face", "not trained"), (None, "no multiple of the 128 px")],
)
def test_wrong_requests_are_refused(tiny_data: Path, tmp_path: Path, stage: str | None, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        evaluate_features(SMOKE, tiny_data, tmp_path, stage, [])


def test_other_labels_are_refused(left: Left, tiny_data: Path, tmp_path: Path) -> None:
    described = json.loads((tiny_data / "tiny-held-out" / "set.json").read_text("utf-8"))
    described["landmarks"] = ["other", *described["landmarks"][1:]]
    data = tmp_path / "tiny-held-out"
    data.mkdir()
    (data / "set.json").write_text(json.dumps(described), "utf-8")
    for shard in (tiny_data / "tiny-held-out").glob("shard-*.npz"):
        (data / shard.name).write_bytes(shard.read_bytes())
    with pytest.raises(BadRequest, match="other labels"):
        evaluate_features(SMOKE, tmp_path, left.folder.parent, "face", [])


def test_a_photograph_that_cannot_be_used_is_named(left: Left, tiny_data: Path, tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), (90, 120, 90)).save(tmp_path / "meadow.png")
    with pytest.raises(NoFace, match=r"meadow\.png"):
        evaluate_features(SMOKE, tiny_data, left.folder.parent, "face", [tmp_path / "meadow.png"])
    with pytest.raises(PhotoUnreadable, match=r"gone\.png"):
        evaluate_features(SMOKE, tiny_data, left.folder.parent, "face", [tmp_path / "gone.png"])


def test_the_repositorys_photographs_are_found() -> None:
    assert [path.name for path in photographs_of_the_repository()] == list(PHOTOS)


class Answering(FaceDetector):
    """Finds in one picture after the other the given points [N,5,2] in pixels; None is no face."""

    def __init__(self, points: list[np.ndarray | None]) -> None:
        self.answers = iter(points)

    def detect(self, image: np.ndarray) -> list[Face]:
        points = next(self.answers)
        return [] if points is None else [Face((0.0, 0.0, 1.0, 1.0), 1.0, points)]


def test_the_yardstick_is_the_distance_from_the_labels(held_out: Renders) -> None:
    mesh = FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")
    labels = 32 * held_out.five.double().numpy()
    eyes = np.linalg.norm(labels[:, 1] - labels[:, 0], axis=1)
    aside = labels + 0.1 * eyes[:, None, None] * [0.6, 0.8]
    found = yardstick(held_out, Answering([None, *aside[1:]]), mesh)
    assert found.detector == pytest.approx(10, rel=1e-3)
    blind = yardstick(held_out, Answering([None] * len(labels)), mesh)
    assert blind == PointErrors(found.name, None, found.mesh)
    assert "| – |" in blind.row()
