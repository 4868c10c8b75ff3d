"""The pipeline with a StyleGAN2 without known parameters, on a photograph. Its faces are the embedded default's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import ModelNotUsable
from engine.inversion.types import from_bytes, to_bytes
from engine.messages import EditRequest, EditResult, FaceResult, InvertRequest, InvertResult, RestoreRequest
from engine.settings import Settings
from engine.spool import Spool
from engine.weights import model_inverters
from engine.weights.importing import import_model
from engine.weights.store import load_model
from engine.worker.pipeline import Pipeline
from tests.conftest import end_home, new_home
from tests.faces_inverted import PHOTOS
from tests.inversion.tiny_inverters import write_decomposer
from tests.weights import layouts

STEPS = 3


class Desk:
    """A pipeline with the model `mine` in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = new_home()
        self.home.create()
        model = load_model("default", self.home, torch.device("cpu"))
        w = model.latent(torch.zeros(1, len(model.parameters.names)))
        torch.save(layouts.rosinality(model.generator.state_dict(), w[0]), folder / "generator.pt")
        import_model([folder / "generator.pt"], "mine", self.home)
        self.spool = Spool(self.home.spool)
        self.pipeline = Pipeline(self.home, Settings(model="mine"))

    def edit(self, picture: np.ndarray, **request: object) -> FaceResult:
        asked = {"picture": self.spool.add(picture).id, "refine_steps": STEPS, "blend": "replace", **request}
        result = self.pipeline.run(EditRequest.model_validate(asked), self.spool, lambda *told: None)
        assert isinstance(result, EditResult)
        return result.faces[0]

    def layer(self, face: FaceResult) -> np.ndarray:
        return self.spool.read(face.layer.id)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("model"))
    yield made
    end_home(made.home)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / "grace_hopper.jpg").convert("RGBA"))


@pytest.fixture(scope="module")
def direction(desk: Desk) -> str:
    """One that shows: without a mapping to sample w from, strengths are not counted in deviations."""
    return "sefa-middle-3"


def test_its_directions_are_offered(desk: Desk, direction: str) -> None:
    assert direction in [info.name for info in desk.pipeline.directions("mine").directions]
    assert "imported" in desk.pipeline.directions("mine").notice


def test_nothing_edited_is_the_photograph(desk: Desk, portrait: np.ndarray) -> None:
    face = desk.edit(portrait)
    x, y, width, height = face.rect
    assert np.array_equal(desk.layer(face), portrait[y : y + height, x : x + width])


def test_an_edit_paints_where_the_mask_lets_it(desk: Desk, portrait: np.ndarray, direction: str) -> None:
    face = desk.edit(portrait, edits={direction: 3.0})
    x, y, width, height = face.rect
    part = portrait[y : y + height, x : x + width]
    change = np.abs(desk.layer(face)[..., :3].astype(int) - part[..., :3]).max(2)
    mask = desk.spool.read(face.invertibility_mask.id)
    assert change[mask < 20].mean() > 1
    assert change[mask == 255].max() == 0


def test_same_call_same_bytes(desk: Desk, portrait: np.ndarray, direction: str, tmp_path: Path) -> None:
    first = desk.edit(portrait, edits={direction: 1.0})
    desk.pipeline._cache.folder.joinpath(f"{first.inversion}.safetensors").unlink()
    again = Pipeline(desk.home, Settings(model="mine"))
    edit = {"refine_steps": STEPS, "edits": {direction: 1.0}, "blend": "replace"}
    asked = EditRequest.model_validate({"picture": desk.spool.add(portrait).id, **edit})
    result = again.run(asked, desk.spool, lambda *told: None)
    assert isinstance(result, EditResult)
    assert result.faces[0].layer == first.layer
    assert not result.faces[0].from_cache


def test_a_network_beside_the_model_makes_another_inversion(
    desk: Desk, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_inverters, "FOR_ALL", desk.home.models / "none")
    before = desk.edit(portrait)
    written = write_decomposer(desk.home.models / "mine")
    found = desk.edit(portrait)
    written.unlink()
    after = desk.edit(portrait)
    assert [face.detector for face in (before, found, after)] == ["landmarks", "decomposer", "landmarks"]
    assert (after.inversion, after.from_cache) == (before.inversion, True)
    assert found.inversion != before.inversion
    assert found.invertibility_mask != before.invertibility_mask
    again = desk.edit(portrait, inversions=[found.inversion])  # frozen: the network need not be there any more
    assert (again.detector, again.invertibility_mask) == ("decomposer", found.invertibility_mask)


def test_a_preview_is_smaller(desk: Desk, portrait: np.ndarray, direction: str) -> None:
    face = desk.edit(portrait, edits={direction: 1.0}, preview=64)
    assert max(face.layer.width, face.layer.height) == 64


def test_refining_brings_it_nearer(desk: Desk, portrait: np.ndarray) -> None:
    def inverted(steps: int) -> float:
        asked = InvertRequest(picture=desk.spool.add(portrait).id, refine_steps=steps)
        result = desk.pipeline.run(asked, desk.spool, lambda *told: None)
        assert isinstance(result, InvertResult)
        face = result.faces[0]
        x, y, width, height = face.rect
        generated = desk.spool.read(face.generated.id).astype(float)
        inner = np.s_[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3, :3]
        return np.square(generated[inner] - portrait[y : y + height, x : x + width][inner]).mean()

    assert inverted(30) < 0.8 * inverted(0)


def test_pivotal_tuning_is_kept_with_the_inversion(desk: Desk, portrait: np.ndarray) -> None:
    face = desk.edit(portrait)
    inversion = desk.pipeline._cache.get(face.inversion)
    layer = "convs.0.conv"
    weight = load_model("default", desk.home, torch.device("cpu")).generator.get_parameter(f"{layer}.weight")
    up, down = torch.full((weight.shape[1], 1), 0.5), torch.full((1, weight[0, 0].numel()), 0.01)
    tuned = type(inversion)(**{**vars(inversion), "weight_delta": {f"{layer}.up": up, f"{layer}.down": down}})
    received = desk.pipeline.check_inversion(to_bytes(tuned))
    assert from_bytes(to_bytes(tuned)).weight_delta.keys() == tuned.weight_delta.keys()
    changed = desk.edit(portrait, inversions=[received.id])
    assert changed.generated != face.generated


def test_a_small_generator_moves_the_photograph(desk: Desk, portrait: np.ndarray, direction: str) -> None:
    moved = desk.edit(portrait, edits={direction: 3.0}, blend=None)
    painted = desk.edit(portrait, edits={direction: 3.0})
    assert (moved.blend, painted.blend) == ("transfer", "replace")
    assert "128" in moved.blend_reason
    assert moved.layer != painted.layer
    x, y, width, height = moved.rect
    part = portrait[y : y + height, x : x + width]
    assert np.abs(desk.layer(moved)[..., :3].astype(int) - part[..., :3]).max() > 8


def test_restoring_is_not_for_it(desk: Desk, portrait: np.ndarray) -> None:
    region = np.zeros(portrait.shape[:2], np.uint8)
    asked = RestoreRequest(picture=desk.spool.add(portrait).id, region=desk.spool.add(region).id)
    with pytest.raises(ModelNotUsable):
        desk.pipeline.run(asked, desk.spool, lambda *told: None)
