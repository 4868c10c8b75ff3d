"""Painting a layer mask, without Qt: strokes, threshold, feather, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from engine.spool import picture_id
from plugin.dialogs.painting import MIDDLE, ROUNDING, SIDE, Brush, Painting, Stroke
from plugin.dialogs.works import Works

RECT = (100, 50, 200, 200)  # in the photograph; the planes are half as large


@pytest.fixture
def found() -> np.ndarray:
    """Shows on the left, hides on the right, soft between."""
    return np.broadcast_to(np.linspace(255, 0, 100).astype(np.uint8), (100, 100)).copy()


def stroke(painting: Painting, *places: tuple[float, float], **brush: float) -> Painting:
    pull = Stroke(painting, RECT, Brush(**({"radius": 0.1, "softness": 0.0} | brush)))  # type: ignore[arg-type]
    for place in places:
        painting = pull.to(place)
    return painting


def test_untouched_it_is_what_was_found(found: np.ndarray) -> None:
    painting = Painting.of(found)
    assert painting.is_untouched
    assert painting.shows is painting.found
    assert stroke(painting, (900, 900)) is painting, "beside the face nothing is painted"
    assert painting.adjust(MIDDLE, 0.0) is painting


def test_a_stroke_covers_what_it_passes_and_nothing_else(found: np.ndarray) -> None:
    painted = stroke(Painting.of(found), (250, 80), (250, 220)).shows  # x = 75 of 100, y from 15 to 85
    assert (painted[15:85, 70:80] == 255).all()
    untouched = np.ones((100, 100), bool)
    untouched[:, 64:87] = False
    assert np.array_equal(painted[untouched], found[untouched])
    assert painted[2, 75] == found[2, 75]


def test_a_mask_that_was_brought_is_itself_until_it_is_changed(found: np.ndarray) -> None:
    own = found.copy()
    own[:50] = 200
    brought = Painting.brought(found, own, "ab" * 32)
    assert np.abs(brought.shows.astype(int) - own).max() <= ROUNDING
    assert brought.picture == "ab" * 32
    assert Painting.brought(found, found, "ab" * 32).is_untouched
    lower = brought.adjust(0.3, 0.0)
    differs = np.abs(own.astype(int) - found) > ROUNDING
    assert np.array_equal(lower.shows[differs], own[differs]), "as if it was painted"
    assert (lower.shows[60:, 20:80] > own[60:, 20:80]).all()
    painted = stroke(brought, (250, 80), (250, 90))
    assert painted.shows[15, 75] == 255
    assert {lower.came_as, painted.came_as} == {""}
    assert lower.picture == picture_id(100, 100, "Y u8", lower.shows.tobytes())


def test_a_brought_mask_of_another_size_is_fitted(found: np.ndarray) -> None:
    brought = Painting.brought(found, np.full((30, 40), 9, np.uint8), "ab" * 32)
    assert brought.shows.shape == found.shape
    assert np.ptp(brought.shows[:, :90]) == 0


def test_taking_away_and_softness(found: np.ndarray) -> None:
    away = stroke(Painting.of(found), (120, 150), shows=False, softness=1.0).shows.astype(int)
    row = found[50].astype(int) - away[50]
    assert away[50, 10] <= 5
    assert 0 < row[16] < row[12] < row[10], "it fades towards the rim"
    assert row[25] == 0


def test_crossing_itself_makes_a_stroke_no_stronger(found: np.ndarray) -> None:
    once = stroke(Painting.of(found), (250, 150), softness=1.0)
    again = stroke(Painting.of(found), (250, 150), (260, 150), (250, 150), softness=1.0)
    assert abs(int(once.shows[50, 70]) - int(again.shows[50, 70])) <= 1
    twice = stroke(once, (250, 150), softness=1.0)
    assert twice.shows[50, 69] > once.shows[50, 69], "another stroke does"


def test_the_threshold_is_where_the_mask_is_half_and_paint_stays(found: np.ndarray) -> None:
    painting = stroke(Painting.of(found), (290, 150))
    low, high = painting.adjust(0.25, 0.0), painting.adjust(0.75, 0.0)
    at_quarter = int(np.argmin(np.abs(found[0].astype(int) - 64)))
    assert abs(int(low.shows[0, at_quarter]) - 128) <= 3
    assert (low.shows.astype(int) >= high.shows).all()
    assert low.shows[50, 95] == high.shows[50, 95] == 255
    assert (low.shows[0, 0], low.shows[0, -1]) == (255, 0), "what is certain stays so"


def test_feather_softens_a_hard_edge() -> None:
    hard = np.zeros((100, 100), np.uint8)
    hard[:, :50] = 255
    soft = Painting.of(hard).adjust(MIDDLE, 0.05).shows[50].astype(int)
    assert 0 < soft[52] < soft[47] < 255
    assert (np.diff(soft) <= 0).all()
    assert abs(soft.mean() - hard.mean()) < 2


def test_the_way_back_is_bounded_in_memory(found: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    works, painting = Works(), Painting.of(found)
    kept: list[Painting] = []
    bytes_a_step = sum(plane.nbytes for plane in stroke(painting, (250, 150)).strokes)
    assert bytes_a_step == 2 * found.size
    monkeypatch.setattr("plugin.dialogs.history.MOST_BYTES", 5 * bytes_a_step)
    for number in range(12):
        painting = stroke(painting, (120 + 10 * number, 150))
        assert painting.shows.any()
        works.paint({1: painting})
        works.edit([1], lambda _, smile=number: {"smile": smile + 1.0}, f"stroke {number}")
        kept.append(painting)
    assert not any("shows" in vars(one) for one in kept[:-1]), "made again when it is looked at"
    assert "shows" in vars(kept[-1])
    steps = 0
    while works.can_undo:
        works.undo()
        steps += 1
    assert steps == 9, "a stroke and a slider each, which share their planes"
    assert works[1].painting is kept[7]


def test_large_masks_are_painted_smaller() -> None:
    painting = Painting.of(np.zeros((500, 4 * SIDE), np.uint8))
    assert painting.found.shape == (125, SIDE)
    assert painting.picture == picture_id(SIDE, 125, "Y u8", painting.shows.tobytes())


def test_one_stroke_is_one_step_back(found: np.ndarray) -> None:
    works, start = Works(), Painting.of(found)
    works.edit([1], lambda _: {"smile": 1.0})
    pull = Stroke(start, RECT, Brush())
    for place in ((250, 100), (250, 150), (250, 200)):
        works.paint({1: pull.to(place)}, "stroke")
    works.settle()
    painted = works[1].painting
    assert painted is not None
    works.undo()
    assert (works[1].painting, works[1].edits) == (None, {"smile": 1.0})
    works.undo()
    assert works[1].is_nothing
    works.redo()
    works.redo()
    assert works[1].painting is painted
    works.paint({1: start})
    assert works[1].painting is None, "as it was found is no painting"
