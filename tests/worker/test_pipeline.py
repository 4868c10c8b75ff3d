"""The pipeline on pictures of all kinds, with the real networks and few steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import BadRequest, InversionDamaged, InversionMissing, NoFace
from engine.inversion.types import from_bytes, to_bytes
from engine.messages import DetectRequest, EditRequest, EditResult, InvertRequest, InvertResult
from engine.paths import Home
from engine.settings import Settings
from engine.spool import Spool
from engine.worker.pipeline import Pipeline
from tests.conftest import end_home, new_home
from tests.faces_inverted import PHOTOS

STEPS = 2


class Desk:
    """A pipeline with a home of its own."""

    def __init__(self, home: Home) -> None:
        home.create()
        self.home = home
        self.spool = Spool(home.spool)
        self.pipeline = Pipeline(home, Settings(refine_steps=STEPS))
        self.told: list[tuple[float, str]] = []

    def edit(self, picture: np.ndarray, **request: object) -> EditResult:
        sent = self.spool.add(picture)
        asked = EditRequest.model_validate({"picture": sent.id, **request})
        result = self.pipeline.run(asked, self.spool, lambda *told: self.told.append(told))
        assert isinstance(result, EditResult)
        return result

    def invert(self, picture: np.ndarray, **request: object) -> InvertResult:
        asked = InvertRequest.model_validate({"picture": self.spool.add(picture).id, **request})
        result = self.pipeline.run(asked, self.spool, lambda *told: None)
        assert isinstance(result, InvertResult)
        return result


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    home = new_home()
    yield Desk(home)
    end_home(home)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / "grace_hopper.jpg").convert("RGBA"))


@pytest.fixture(scope="module")
def pair() -> np.ndarray:
    """Two faces side by side; the right one is smaller."""
    sheet = Image.new("RGBA", (900, 620), (90, 100, 110, 255))
    sheet.paste(Image.open(PHOTOS / "grace_hopper.jpg"), (0, 10))
    sheet.paste(Image.open(PHOTOS / "astronaut.png").resize((380, 380)), (516, 100))
    return np.asarray(sheet)


def test_f23_all_faces_or_one(desk: Desk, pair: np.ndarray) -> None:
    assert [face.number for face in desk.invert(pair).faces] == [1, 2]
    (second,) = desk.edit(pair, face=2, edits={"smile": 1.0}).faces
    assert second.number == 2
    assert second.rect[0] > 500
    assert second.from_cache
    (again,) = desk.edit(pair, face=2, inversions=[second.inversion], edits={"smile": 1.0}).faces
    assert (again.number, again.layer) == (2, second.layer)
    with pytest.raises(NoFace, match="Face 3"):
        desk.edit(pair, face=3)


def test_progress_only_grows(desk: Desk, portrait: np.ndarray) -> None:
    desk.told.clear()
    desk.edit(portrait, edits={"smile": 0.5}, refine_steps=3)
    fractions = [fraction for fraction, _ in desk.told]
    assert fractions == sorted(fractions)
    assert all(message for _, message in desk.told)


def test_an_inversion_from_outside_never_replaces_ours(desk: Desk, portrait: np.ndarray) -> None:
    (face,) = desk.invert(portrait).faces
    path = desk.home.inversions / f"{face.inversion}.safetensors"
    honest = path.read_bytes()
    assert desk.pipeline.check_inversion(honest).id == face.inversion
    forged = to_bytes(replace(from_bytes(honest), invertibility_mask=torch.zeros(256, 256)))
    received = desk.pipeline.check_inversion(forged).id
    assert received != face.inversion
    assert path.read_bytes() == honest
    (edited,) = desk.edit(portrait, inversions=[received], edits={"smile": 1.0}).faces
    assert edited.inversion == received
    assert edited.invertibility_mask_area != face.invertibility_mask_area
    assert desk.invert(portrait).faces[0].invertibility_mask_area == face.invertibility_mask_area


def test_an_inversion_of_another_model_is_refused(desk: Desk, portrait: np.ndarray) -> None:
    (face,) = desk.invert(portrait).faces
    inversion = from_bytes((desk.home.inversions / f"{face.inversion}.safetensors").read_bytes())
    with pytest.raises(InversionMissing):
        desk.pipeline.check_inversion(to_bytes(replace(inversion, model_digest="0" * 64)))
    with pytest.raises(InversionDamaged):
        desk.pipeline.check_inversion(b"nothing of ours")
    with pytest.raises(InversionMissing):
        desk.edit(portrait, inversions=["0" * 64])


def test_a_face_that_cannot_be_seen_is_none(desk: Desk, portrait: np.ndarray) -> None:
    hidden = portrait.copy()
    hidden[..., 3] = 0
    with pytest.raises(NoFace):
        desk.edit(hidden)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (300, 7)])
def test_f23_no_face_is_said(desk: Desk, size: tuple[int, int]) -> None:
    with pytest.raises(NoFace, match=r"No face .* Crop or enlarge"):
        desk.edit(np.full((*size, 4), 128, np.uint8))


def test_floating_pixels_and_numbers_that_are_none(desk: Desk, portrait: np.ndarray) -> None:
    floating = portrait.astype(np.float32) / 255
    floating[:5, :5] = np.nan
    floating[5:9, :5] = 3.0
    (face,) = desk.edit(floating, edits={"smile": 1.0}).faces
    layer = desk.spool.read(face.layer.id)
    assert layer.dtype == np.float32
    assert np.isfinite(layer).all()


def test_a_preview_is_smaller_and_shows_the_same(desk: Desk, portrait: np.ndarray) -> None:
    (full,) = desk.edit(portrait, edits={"smile": 1.0}).faces
    (small,) = desk.edit(portrait, edits={"smile": 1.0}, preview=128).faces
    assert small.rect == full.rect
    assert max(small.layer.width, small.layer.height) == 128
    reduced = Image.fromarray(np.asarray(desk.spool.read(full.layer.id))).resize(
        (128, 128), Image.Resampling.BOX
    )
    difference = np.asarray(reduced).astype(int) - desk.spool.read(small.layer.id)
    assert np.abs(difference).mean() < 4


def test_f23_a_face_cut_by_the_border_and_a_small_one(desk: Desk, portrait: np.ndarray) -> None:
    (cut,) = desk.edit(np.ascontiguousarray(portrait[150:, 200:]), edits={"smile": 1.0}).faces
    assert cut.rect[:2] == (0, 0)
    small = np.asarray(Image.fromarray(portrait).resize((64, 75)))
    (face,) = desk.edit(small, edits={"smile": 1.0}).faces
    assert "small" in face.warning


def test_a_half_hidden_face_is_warned_about(desk: Desk, portrait: np.ndarray) -> None:
    half = portrait.copy()
    half[:, 265:] = 128
    try:
        faces = desk.edit(half, edits={"smile": 1.0}).faces
    except NoFace:
        pytest.fail("the detector finds half a face; this test needs another picture")
    assert "badly" in faces[0].warning


def test_grey_pictures_are_refused_with_a_sentence(desk: Desk) -> None:
    sent = desk.spool.add(np.zeros((20, 20), np.uint8))
    with pytest.raises(BadRequest):
        desk.pipeline.run(DetectRequest(picture=sent.id), desk.spool, lambda *told: None)


def test_a_strength_beyond_the_range_is_brought_within(desk: Desk, portrait: np.ndarray) -> None:
    most = desk.edit(portrait, edits={"smile": 2.0})
    beyond = desk.edit(portrait, edits={"smile": 9.0})
    assert beyond.faces[0].layer == most.faces[0].layer
    assert beyond.faces[0].edits == {"smile": 2.0}
    assert most.notes == []
    assert beyond.notes == ["Smile +9 is more than this model can do believably; +2 was taken."]


def test_the_order_of_edits_leaves_no_trace(desk: Desk, portrait: np.ndarray) -> None:
    edits = {info.name: 0.7 * info.maximum for info in desk.pipeline.directions(None).directions}
    (one,) = desk.edit(portrait, edits=edits).faces
    (other,) = desk.edit(portrait, edits=dict(reversed(edits.items()))).faces
    assert (one.layer, one.generated) == (other.layer, other.generated)


def test_identity_is_measured_and_kept(desk: Desk, portrait: np.ndarray) -> None:
    edits = {"smile": 2.0, "make-up": 3.2, "skin-tone": 1.0}
    (whole,) = desk.edit(portrait, edits=edits).faces
    assert -1 <= whole.identity_similarity < 0.999
    assert whole.strength_factor == 1
    (looser,) = desk.edit(portrait, edits=edits, keep_identity=whole.identity_similarity).faces
    assert looser.layer == whole.layer
    least = (1 + whole.identity_similarity) / 2
    (braked,) = desk.edit(portrait, edits=edits, keep_identity=least).faces
    assert braked.identity_similarity >= least
    assert 0 < braked.strength_factor < 1
    assert braked.edits == pytest.approx({k: v * braked.strength_factor for k, v in edits.items()})
    (asked,) = desk.edit(portrait, edits=braked.edits).faces
    assert (asked.layer, asked.identity_similarity) == (braked.layer, braked.identity_similarity)
    (still,) = desk.edit(portrait, edits=edits, keep_identity=1.0).faces
    assert (still.strength_factor, still.edits, still.identity_similarity) == (0, {}, 1)


def test_the_flow_is_shown_where_it_is_asked_for(desk: Desk, portrait: np.ndarray) -> None:
    assert desk.invert(portrait).faces[0].flow is None
    (face,) = desk.invert(portrait, flow=True).faces
    assert face.flow is not None
    flow = desk.spool.read(face.flow.id)
    assert flow.shape[:2] == (face.rect[3], face.rect[2])  # no larger than the photograph
    shown = flow[flow[..., 3] == 255][:, :3]
    assert shown.min() < 200, "something is moved"
    assert shown.max(1).min() > 180, "hues on white: between two primary hues both keep three quarters"


def test_an_unedited_face_is_the_same_person(desk: Desk, portrait: np.ndarray) -> None:
    assert desk.invert(portrait).faces[0].identity_similarity == 1
