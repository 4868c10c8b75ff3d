"""Restore requests through the pipeline: results, and the sentences where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from engine.errors import BadRequest, NoFace
from engine.messages import RestoreRequest, RestoreResult
from tests.conftest import end_home, new_home
from tests.faces_inverted import PHOTOS
from tests.worker.test_pipeline import Desk

EYE = np.s_[92:110, 191:215]  # of the astronaut


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    home = new_home()
    yield Desk(home)
    end_home(home)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGBA"))


def restore(desk: Desk, picture: np.ndarray, region: np.ndarray) -> RestoreResult:
    sent = {"picture": desk.spool.add(picture).id, "region": desk.spool.add(region).id}
    told: list[float] = []
    result = desk.pipeline.run(
        RestoreRequest.model_validate(sent), desk.spool, lambda fraction, message: told.append(fraction)
    )
    assert told == sorted(told)
    assert isinstance(result, RestoreResult)
    return result


def region_of(picture: np.ndarray, *parts: tuple[slice, slice]) -> np.ndarray:
    region = np.zeros(picture.shape[:2], np.uint8)
    for part in parts:
        region[part] = 255
    return region


def test_a_region_is_filled(desk: Desk, astronaut: np.ndarray) -> None:
    region = region_of(astronaut, EYE)
    region[92, 191:215] = 100  # soft at one side
    damaged = astronaut.copy()
    damaged[EYE] = (0, 255, 0, 255)
    before = set(desk.home.inversions.iterdir())
    result = restore(desk, damaged, region)
    assert result.rect == (191, 92, 24, 18)
    assert np.array_equal(desk.spool.read(result.layer_mask.id), region[EYE])
    layer = desk.spool.read(result.layer.id).astype(int)
    assert layer.shape == (18, 24, 4)
    assert np.abs(layer - astronaut[EYE])[..., :3].mean() < 40 < np.abs(layer - damaged[EYE])[..., :3].mean()
    assert [face.number for face in result.faces] == [1]
    assert 0.005 < result.faces[0].hidden < 0.1
    assert set(desk.home.inversions.iterdir()) == before  # what is left of a face is no inversion for others


def test_what_lies_beside_the_face_is_warned_about(desk: Desk, astronaut: np.ndarray) -> None:
    result = restore(desk, astronaut, region_of(astronaut, EYE, np.s_[20:60, 400:460]))
    assert "beside the face" in result.warning
    assert result.rect == (191, 20, 269, 90)


def test_a_region_that_is_none(desk: Desk, astronaut: np.ndarray) -> None:
    with pytest.raises(BadRequest, match="empty"):
        restore(desk, astronaut, region_of(astronaut))
    with pytest.raises(BadRequest, match="20 × 10 pixels, the picture 512 × 512"):
        restore(desk, astronaut, np.full((10, 20), 255, np.uint8))
    with pytest.raises(BadRequest, match="grey"):
        restore(desk, astronaut, astronaut)


def test_nothing_is_left_of_the_face(desk: Desk, astronaut: np.ndarray) -> None:
    with pytest.raises(NoFace, match="nothing is left"):
        restore(desk, astronaut, region_of(astronaut, np.s_[50:190, 155:295]))


def test_no_face_is_touched(desk: Desk, astronaut: np.ndarray) -> None:
    with pytest.raises(NoFace, match="touches no face"):
        restore(desk, astronaut, region_of(astronaut, np.s_[400:460, 20:60]))
    empty = np.full((200, 200, 4), 128, np.uint8)
    with pytest.raises(NoFace, match="No face"):
        restore(desk, empty, region_of(empty, np.s_[50:60, 50:60]))
