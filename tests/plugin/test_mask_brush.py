"""Painting the mask with the mouse: seen at once, asked of the engine, taken back, and handed over."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtCore import QPoint
from PyQt5.QtWidgets import QApplication

from plugin.dialogs.edit_window import EditWindow
from plugin.dialogs.painting import MIDDLE
from plugin.dialogs.scene import MASK_RED
from plugin.dialogs.slider import KEYS_SETTLE_MILLISECONDS
from plugin.dialogs.state import View
from tests.plugin.conftest import Opener, ready_edit, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import CONTROL, KEY, LEFT, RIGHT, SHIFT, QTest, drag, pixels


def painting_window(open_window: Opener) -> EditWindow:
    """In *Mask*, with a hard brush of about 20 pixels of the photograph."""
    window = ready_edit(open_window)
    window.picture.fit()
    window.views.buttons[View.MASK].click()
    window.mask_tools.rows["softness"].moved.emit("softness", 0.0)
    window.mask_tools.rows["radius"].moved.emit("radius", 0.1)
    return window


def at(window: EditWindow, across: float, down: float) -> QPoint:
    """A place in the face's rect, on the picture's widget."""
    x, y, w, h = window.state.layers[1].rect
    column, row = window.picture.viewport.to_widget(x + across * w, y + down * h)
    return QPoint(round(column), round(row))


def redness(window: EditWindow, place: QPoint) -> int:
    red, green, _ = pixels(window.picture)[place.y(), place.x()]
    return int(red - green)


def test_painting_is_seen_at_once_and_asked_for_when_the_hand_rests(
    open_window: Opener, engine: FakeEngine
) -> None:
    window = painting_window(open_window)
    corner, middle = at(window, 0.08, 0.12), at(window, 0.5, 0.5)
    assert redness(window, corner) > 60 > redness(window, middle)
    engine.gate.clear()  # no engine is needed for this
    drag(window.picture, corner, corner + QPoint(6, 6))
    drag(window.picture, middle, middle + QPoint(6, 6), button=RIGHT)
    window.picture.brush = None  # its ring lies over the place
    assert redness(window, corner) < 60 < redness(window, middle)
    engine.gate.set()
    wait_until(lambda: "edit" in engine.kinds() and not window.edits.stale)
    asked = engine.last("edit")["face_edits"][f"{1:064x}"]["layer_mask"]
    sent = engine.pictures[asked][1].astype(int)
    painting = window.edits.works[1].painting
    assert painting is not None
    assert np.array_equal(sent, painting.shows)
    height, width = sent.shape
    assert sent[round(0.12 * height), round(0.08 * width)] == 255
    assert sent[height // 2, width // 2] == 0
    assert engine.last("edit")["preview"] is not None


def test_shift_and_x_take_away(open_window: Opener) -> None:
    window = painting_window(open_window)
    drag(window.picture, at(window, 0.4, 0.5), modifiers=SHIFT)
    QTest.keyClick(window, KEY.Key_X)
    assert window.mask_tools.paints.buttons[False].isChecked()
    drag(window.picture, at(window, 0.6, 0.5))
    painting = window.edits.works[1].painting
    assert painting is not None
    height, width = painting.shows.shape
    assert (
        painting.shows[height // 2, round(0.4 * width)] == painting.shows[height // 2, round(0.6 * width)] == 0
    )


def test_strokes_and_sliders_share_one_way_back(open_window: Opener, engine: FakeEngine) -> None:
    window = painting_window(open_window)
    drag(window.picture, at(window, 0.1, 0.1), at(window, 0.1, 0.3), at(window, 0.1, 0.6))
    window.edits.move("smile", 1)
    window.edits.settle()
    drag(window.picture, at(window, 0.9, 0.1))
    for expected in (({"smile": 1}, True), ({}, True), ({}, False)):
        QTest.keyClick(window, KEY.Key_Z, CONTROL)
        assert (window.edits.edits, window.edits.masks.are_painted) == expected
    assert not window.undo.isEnabled()
    QTest.keyClick(window, KEY.Key_Z, CONTROL | SHIFT)
    assert window.edits.masks.are_painted
    wait_until(lambda: not window.edits.stale)


def test_brackets_change_the_brush(open_window: Opener) -> None:
    window = painting_window(open_window)
    radius = window.edits.masks.brush.radius
    QTest.keyClick(window, KEY.Key_BracketRight)
    assert window.edits.masks.brush.radius == pytest.approx(radius * 1.2)
    QTest.keyClick(window, KEY.Key_BracketLeft)
    QTest.keyClick(window, KEY.Key_BracketLeft)
    assert window.edits.masks.brush.radius == pytest.approx(radius / 1.2)
    assert window.picture.brush is not None
    side = max(window.state.layers[1].rect[2:])
    assert window.picture.brush.radius == pytest.approx(side * radius / 1.2)


def test_threshold_feather_and_back_to_what_was_found(open_window: Opener) -> None:
    window = painting_window(open_window)
    found = window.edits.masks.first
    assert found is not None
    threshold = window.mask_tools.rows["threshold"].slider
    threshold.setFocus()
    QTest.keyClick(threshold, KEY.Key_Right)
    more = window.edits.masks.first
    assert more is not None
    assert more.threshold == pytest.approx(0.4)
    assert int(more.shows.sum()) > int(found.shows.sum())
    for key in (KEY.Key_PageUp, KEY.Key_Right):
        QTest.keyClick(window.mask_tools.rows["feather"].slider, key)
    feathered = window.edits.masks.first
    assert feathered is not None
    assert feathered.feather == pytest.approx(0.03), "a quarter and an eighth of its range"
    assert window.mask_tools.rows["feather"].figure.text() == "3 %"
    QTest.mouseClick(window.mask_tools.reset, LEFT)
    assert window.edits.masks.first is found
    assert not window.mask_tools.reset.isEnabled()


def threshold_of(window: EditWindow) -> float:
    painting = window.edits.masks.first
    assert painting is not None
    return painting.threshold


def test_each_pull_at_the_threshold_and_its_reset_is_one_step_back(open_window: Opener) -> None:
    window = painting_window(open_window)
    slider = window.mask_tools.rows["threshold"].slider
    seen = [MIDDLE]
    for part in (0.7, 0.8, 0.9):
        end = QPoint(round(part * slider.width()), slider.height() // 2)
        drag(slider, end - QPoint(4, 0), end - QPoint(2, 0), end)
        seen.append(threshold_of(window))
    QTest.keyClick(slider, KEY.Key_Delete)
    assert threshold_of(window) == MIDDLE
    assert len(set(seen)) == 4
    for expected in reversed(seen):
        QTest.keyClick(window, KEY.Key_Z, CONTROL)
        assert threshold_of(window) == expected
    assert not window.undo.isEnabled()


def test_keys_on_the_threshold_are_a_step_of_their_own_and_cut_no_stroke(open_window: Opener) -> None:
    window = painting_window(open_window)
    slider, masks = window.mask_tools.rows["threshold"].slider, window.edits.masks
    x, y, w, h = window.state.layers[1].rect
    QTest.keyClick(slider, KEY.Key_Right)
    QTest.qWait(KEYS_SETTLE_MILLISECONDS + 100)
    QTest.keyClick(slider, KEY.Key_Right)
    masks.press((x + w / 2, y + h / 2), False)
    QTest.qWait(KEYS_SETTLE_MILLISECONDS + 100)
    masks.draw((x + w / 3, y + h / 2))
    masks.lift()
    for expected in (0.3, 0.4, MIDDLE):
        QTest.keyClick(window, KEY.Key_Z, CONTROL)
        assert threshold_of(window) == pytest.approx(expected)
    assert not window.undo.isEnabled()


def test_the_brush_is_only_in_mask(open_window: Opener) -> None:
    window = painting_window(open_window)
    assert window.mask_tools.isVisible()
    assert not window.sliders.isVisible()
    QTest.keyPress(window.picture, KEY.Key_Space)
    assert window.picture.brush is None, "peeking"
    QTest.keyRelease(window.picture, KEY.Key_Space)
    window.views.buttons[View.RESULT].click()
    assert window.sliders.isVisible()
    assert not window.mask_tools.isVisible()
    drag(window.picture, at(window, 0.5, 0.5), at(window, 0.6, 0.6))
    assert not window.edits.masks.are_painted, "here a drag moves the picture"


def test_a_layer_taken_up_again_keeps_its_own_mask(open_window: Opener) -> None:
    window = ready_edit(open_window, inversions=[f"{1:064x}"], edits={"smile": 1.0})
    window.views.buttons[View.MASK].click()
    assert window.layers_own.isVisible()
    assert window.sliders.isVisible()
    assert not window.mask_tools.isVisible()
    drag(window.picture, at(window, 0.5, 0.5), at(window, 0.6, 0.6))
    assert not window.edits.masks.are_painted


def with_its_mask(open_window: Opener, engine: FakeEngine) -> tuple[EditWindow, str]:
    """A layer that is taken up again, somebody having painted a half of its mask away; and the mask's id."""
    layer_mask = np.full((210, 200), 255, np.uint8)
    layer_mask[:, :100] = 0
    brought = engine.add(layer_mask, "Y u8")["id"]
    again = {"inversions": [f"{1:064x}"], "layer_mask": brought, "edits": {"smile": 1.0}}
    window = ready_edit(open_window, **again)
    window.views.buttons[View.MASK].click()
    wait_until(lambda: not window.edits.stale)
    return window, brought


def test_a_layer_taken_up_again_has_its_mask_as_it_was(open_window: Opener, engine: FakeEngine) -> None:
    window, brought = with_its_mask(open_window, engine)
    assert window.mask_tools.isVisible()
    assert not window.layers_own.isVisible()
    assert redness(window, at(window, 0.3, 0.5)) > 30
    assert redness(window, at(window, 0.6, 0.5)) < 10
    assert not window.edits.works.can_undo
    sent = dict(engine.pictures)
    QTest.keyClick(window, KEY.Key_Return, CONTROL)
    wait_until(lambda: bool(engine.answers))
    accepted = engine.answers[0][1]["accepted"]
    assert accepted["face_edits"][f"{1:064x}"]["layer_mask"] == brought, "bit for bit, whatever its size"
    assert engine.pictures.keys() == sent.keys()


def test_the_mask_that_was_brought_is_painted_on(open_window: Opener, engine: FakeEngine) -> None:
    window, brought = with_its_mask(open_window, engine)
    drag(window.picture, at(window, 0.3, 0.45), at(window, 0.3, 0.55))
    painting = window.edits.works[1].painting
    assert painting is not None
    assert painting.picture != brought
    assert redness(window, at(window, 0.3, 0.5)) < 10, "the edit shows there again"
    assert redness(window, at(window, 0.05, 0.5)) > 30
    QTest.keyClick(window, KEY.Key_Z, CONTROL)
    assert window.edits.works[1].face_edit(1).layer_mask == brought
    window.mask_tools.reset.click()
    assert window.edits.works[1].painting is None, "as the engine found it"


def test_a_mask_that_nobody_painted_on_is_the_one_that_was_found(
    open_window: Opener, engine: FakeEngine
) -> None:
    found = ready_edit(open_window).state.layers[1].shows
    again = {"inversions": [f"{1:064x}"], "layer_mask": engine.add(found, "Y u8")["id"]}
    window = ready_edit(open_window, **again)
    assert window.edits.is_paintable
    assert not window.edits.masks.are_painted


def test_m_in_mask_shows_the_edit_beneath_the_red(open_window: Opener) -> None:
    window = painting_window(open_window)
    middle = at(window, 0.5, 0.5)
    QApplication.processEvents()
    assert np.ptp(pixels(window.picture)[middle.y(), middle.x()]) <= 3, "grey"
    window.picture.brush = None
    QTest.keyClick(window, KEY.Key_M)
    window.picture.brush = None
    assert np.ptp(pixels(window.picture)[middle.y(), middle.x()]) > 10, "skin"
    assert redness(window, at(window, 0.02, 0.02)) > (MASK_RED.red() - MASK_RED.green()) // 3


def test_apply_hands_the_painted_mask_over(open_window: Opener, engine: FakeEngine) -> None:
    window = painting_window(open_window)
    drag(window.picture, at(window, 0.1, 0.1), at(window, 0.2, 0.2))
    painting = window.edits.works[1].painting
    assert painting is not None
    engine.pictures.pop(painting.picture, None)  # as after a restart of the engine
    QTest.keyClick(window, KEY.Key_Return, CONTROL)
    wait_until(lambda: bool(engine.answers))
    accepted = engine.answers[0][1]["accepted"]
    assert accepted["face_edits"][f"{1:064x}"]["layer_mask"] == painting.picture
    assert painting.picture in engine.pictures
