"""The Edit dialog with real widgets: what the hand does, what the engine is asked, what is seen."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtCore import QPoint
from PyQt5.QtWidgets import QApplication, QWidget

from plugin.dialogs.edit_window import EditWindow
from plugin.dialogs.state import Stage, View
from tests.plugin.conftest import Opener, ready_edit, wait_ready, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import CONTROL, KEY, LEFT, SHIFT, QTest, drag, pixels


def middle_of_face(window: EditWindow) -> tuple[int, int]:
    """Row and column of the first face's middle, in the picture's widget."""
    x, y, w, h = window.state.faces[0].box
    column, row = window.picture.viewport.to_widget(x + w / 2, y + h / 2)
    return int(row), int(column)


# --- opening ----------------------------------------------------------------------------------------------


def test_the_photograph_is_there_before_the_faces(open_window: Opener, engine: FakeEngine) -> None:
    engine.gate.clear()
    window = open_window("edit")
    assert window.windowTitle() == "Edit Face — portrait.xcf ▸ “Background”"
    wait_until(lambda: window.picture.scene.photograph is not None)
    assert window.state.stage is Stage.LOOKING
    assert not window.apply.isEnabled()
    engine.gate.set()
    wait_ready(window)
    assert window.apply.isEnabled()


def test_sliders_are_seen_at_once_and_come_alive_with_the_inversion(
    open_window: Opener, engine: FakeEngine
) -> None:
    engine.gate.clear()
    window = open_window("edit")
    assert isinstance(window, EditWindow)
    wait_until(lambda: len(window.sliders.rows) == 13)
    assert not window.sliders.isEnabled()
    assert window.waiting.isVisible()
    engine.gate.set()
    wait_ready(window)
    assert window.sliders.isEnabled()
    assert not window.waiting.isVisible()


def test_what_was_brought_along_and_goes_too_far_is_said(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window, edits={"smile": 4, "wings": 1})
    wait_until(lambda: not window.edits.stale)
    row = window.sliders.rows["smile"]
    assert (row.slider.maximum(), row.slider.value()) == (200, 200)
    assert engine.last("edit")["edits"] == {"smile": 2.0}
    assert window.said.isVisible()
    for said in ("Left out: “wings”.", "less than asked for: “Smile”."):
        assert said in window.said.text()


def test_one_slider_for_each_direction_with_its_range(open_window: Opener) -> None:
    window = ready_edit(open_window)
    row = window.sliders.rows["mouth_open"]
    assert (row.slider.minimum(), row.slider.maximum()) == (-150, 200)
    assert row.name.text() == "Mouth open"
    assert "Lips closed or apart" in row.toolTip()
    assert window.sliders.headers["Pose"].text() == "Pose"
    assert window.notice.text().startswith("A small model")
    assert window.status.text.text().startswith("default · CPU · stays on this machine")


def test_edits_brought_along_are_rendered(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window, edits={"smile": 1.5})
    wait_until(lambda: "edit" in engine.kinds())
    assert engine.last("edit")["edits"] == {"smile": 1.5}
    assert window.sliders.rows["smile"].figure.text() == "+1.5"


def test_reopening_needs_no_search(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window, inversions=[f"{1:064x}"], edits={"age": -1})
    wait_until(lambda: engine.last("edit")["edits"] == {"age": -1})
    assert set(engine.kinds()) == {"edit"}
    assert window.edits.accepted().inversions == [f"{1:064x}"]


# --- sliders and previews ---------------------------------------------------------------------------------


def test_moving_a_slider_changes_the_picture(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    row, column = middle_of_face(window)
    before = pixels(window.picture)[row, column]
    window.sliders.rows["smile"].slider.setValue(200)
    wait_until(lambda: not window.edits.stale)
    wait_ready(window)
    after = pixels(window.picture)[row, column]
    assert after[0] > before[0] + 20  # the fake engine's edits are warmer
    asked = engine.last("edit")
    assert asked["inversions"] == [f"{1:064x}"]
    assert 16 <= asked["preview"] <= 512


def test_the_newest_move_wins(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    engine.gate.clear()
    slider = window.sliders.rows["smile"].slider
    for value in range(10, 160, 10):
        slider.setValue(value)
        QTest.qWait(2)
    QTest.qWait(500)  # longer than the patience with the first picture
    engine.gate.set()
    wait_until(lambda: not window.edits.stale)
    asked = [r for r in engine.requests if r["kind"] == "edit"]
    assert len(asked) <= 3  # nothing queued
    assert engine.cancelled
    assert engine.last("edit")["edits"] == {"smile": 1.5}
    assert dict(window.state.shown[0].edits) == {"smile": 1.5}


def test_a_resting_hand_gets_the_size_that_is_seen(open_window: Opener, engine: FakeEngine) -> None:
    engine.pixels = np.kron(engine.pixels, np.ones((4, 4, 1), np.uint8))
    engine.picture = engine.add(engine.pixels, "RGB u8")["id"]
    engine.boxes = [(720, 280, 368, 472)]
    window = ready_edit(open_window)
    window.picture.full_size()
    window.sliders.rows["smile"].slider.setValue(50)
    sizes: list[int] = []

    def rested() -> bool:
        sizes[:] = [r["preview"] for r in engine.requests if r["kind"] == "edit"]
        return len(sizes) > 1

    wait_until(rested)
    assert sizes[0] == 512
    assert 512 < sizes[-1] <= 2048


def test_dragging_and_the_keyboard(open_window: Opener) -> None:
    window = ready_edit(open_window)
    slider = window.sliders.rows["smile"].slider
    end = QPoint(slider.width() - 3, slider.height() // 2)
    zero = QPoint(slider.width() // 2 + 2, slider.height() // 2)
    drag(slider, zero)
    assert window.edits.edits == {}  # snaps
    drag(slider, zero, QPoint(slider.width() // 3, 5), end)
    assert window.edits.value("smile") == 2.0
    slider.setFocus()
    QTest.keyClick(slider, KEY.Key_Left)
    assert window.edits.value("smile") == 1.9
    QTest.keyClick(slider, KEY.Key_PageDown)
    assert window.edits.value("smile") == 1.4
    QTest.keyClick(slider, KEY.Key_Delete)
    assert window.edits.value("smile") == 0
    for _ in range(3):
        window.edits.undo()
    assert window.edits.edits == {}  # the drag was one move, the keys another, the way back a third


def test_undo_and_redo_keys(open_window: Opener) -> None:
    window = ready_edit(open_window)
    assert not window.undo.isEnabled()
    for name in ("smile", "age"):
        window.edits.move(name, 1)
        window.edits.settle()
    QTest.keyClick(window, KEY.Key_Z, CONTROL)
    assert window.edits.edits == {"smile": 1}
    assert window.sliders.rows["age"].slider.value() == 0
    QTest.keyClick(window, KEY.Key_Z, CONTROL | SHIFT)
    assert window.edits.edits == {"smile": 1, "age": 1}
    assert not window.redo.isEnabled()


def test_double_click_on_the_name_and_reset_all(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.edits.move("smile", 1)
    window.edits.move("age", 1)
    QTest.mouseDClick(window.sliders.rows["smile"].name, LEFT)
    assert window.edits.edits == {"age": 1}
    assert window.sliders.reset_all.isEnabled()
    window.sliders.reset_all.click()
    assert window.edits.edits == {}
    assert not window.sliders.reset_all.isEnabled()


def test_search_and_groups(open_window: Opener) -> None:
    window = ready_edit(open_window)
    assert not window.sliders.rows["yaw"].isVisible()
    window.sliders.headers["Pose"].click()
    assert window.sliders.rows["yaw"].isVisible()
    QTest.keyClick(window, KEY.Key_F, CONTROL)
    assert window.sliders.search.hasFocus()
    QTest.keyClicks(window.sliders.search, "mouth m z")  # letters are letters here, not shortcuts
    assert window.sliders.nothing.isVisible()
    assert not window.state.overlay
    window.sliders.search.setText("mouth")
    assert [n for n, row in window.sliders.rows.items() if row.isVisible()] == ["smile", "mouth_open"]
    QTest.keyClick(window.sliders.search, KEY.Key_Escape)
    assert window.sliders.search.text() == ""
    assert window.isVisible()


def test_the_keyboard_alone_is_enough(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.activateWindow()
    QTest.keyClick(window, KEY.Key_F, CONTROL)
    QTest.keyClicks(window.sliders.search, "brow")
    QTest.keyClick(window.sliders.search, KEY.Key_Return)
    brows = window.sliders.rows["brows"].slider
    assert brows.hasFocus()
    QTest.keyClick(brows, KEY.Key_Right)
    assert window.edits.edits == {"brows": 0.1}
    window.sliders.search.clear()
    window.sliders.search.setFocus()
    reached: list[QWidget] = []
    for _ in range(5):
        QTest.keyClick(QApplication.focusWidget(), KEY.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        reached.append(focused)
    rows, headers = window.sliders.rows, window.sliders.headers
    assert reached[:3] == [window.sliders.reset_all, headers["Expression"], rows["smile"].slider]
    assert reached[3:] == [rows["mouth_open"].slider, rows["surprise"].slider]


# --- looking ----------------------------------------------------------------------------------------------


def test_space_held_shows_the_original(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.sliders.rows["smile"].slider.setValue(200)
    wait_until(lambda: not window.edits.stale)
    row, column = middle_of_face(window)
    edited = pixels(window.picture)[row, column]
    QTest.keyPress(window.picture, KEY.Key_Space)
    assert window.picture.view is View.ORIGINAL
    assert pixels(window.picture)[row, column][0] < edited[0] - 20
    QTest.keyRelease(window.picture, KEY.Key_Space)
    assert window.picture.view is View.RESULT


def test_m_lays_the_mask_over_the_picture(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.picture.fit()
    column, row = (int(v) for v in window.picture.viewport.to_widget(480, 20))  # a corner: the photograph's
    face = middle_of_face(window)
    plain = pixels(window.picture)
    QTest.keyClick(window, KEY.Key_M)
    red = pixels(window.picture)
    assert red[row, column, 0] - red[row, column, 1] > plain[row, column, 0] - plain[row, column, 1] + 60
    assert np.abs(red[face] - plain[face]).max() <= 3
    assert "red" in window.picture.legend
    QTest.keyClick(window, KEY.Key_M)
    assert np.array_equal(pixels(window.picture)[row, column], plain[row, column])


def test_view_buttons_and_zoom_keys(open_window: Opener) -> None:
    window = ready_edit(open_window)
    for view, button in window.views.buttons.items():
        button.click()
        assert window.picture.view is view
    window.picture.fit()
    QTest.keyClick(window, KEY.Key_Z)
    assert window.zoom.figure.text() == "100 %"
    QTest.keyClick(window, KEY.Key_Z)
    assert window.picture.viewport.fitted
    zoom = window.picture.viewport.zoom
    window.zoom.larger.click()
    assert window.picture.viewport.zoom > zoom
    QTest.keyClick(window, KEY.Key_0, CONTROL)
    assert window.picture.viewport.fitted


def test_dragging_pans_and_a_click_picks_the_face(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = [(180, 70, 92, 118), (20, 300, 60, 60)]
    window = ready_edit(open_window)
    window.picture.full_size()
    centre = window.picture.viewport.centre
    window.picture.step_zoom(2)
    drag(window.picture, QPoint(200, 200), QPoint(190, 190), QPoint(180, 160))
    assert window.picture.viewport.centre == pytest.approx((centre[0] + 10, centre[1] + 20))
    assert window.state.choice == 1
    window.picture.fit()
    column, row = window.picture.viewport.to_widget(50, 330)
    QTest.mouseClick(window.picture, LEFT, pos=QPoint(int(column), int(row)))
    assert window.state.choice == 2
    wait_ready(window)
    assert engine.last("invert")["face"] == 2


def test_chips_pick_faces(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = [(180, 70, 92, 118), (20, 300, 60, 60)]
    window = ready_edit(open_window)
    assert [b.text() for b in window.chips.buttons.values()] == ["face 1", "face 2", "all faces"]
    window.chips.buttons[0].click()
    wait_ready(window)
    window.edits.move("smile", 1)
    wait_until(lambda: not window.edits.stale)
    assert len(engine.last("edit")["inversions"]) == 2
    assert len(window.state.shown) == 2


def test_a_crowd_does_not_widen_the_window(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = [(20.0 * n, 40, 15, 20) for n in range(1, 23)]
    window = ready_edit(open_window)
    window.session.choose(20)
    wait_ready(window)
    texts = [b.text() for b in window.chips.buttons.values()]
    assert texts == ["1", "2", "3", "4", "20", "all"]
    assert window.minimumSizeHint().width() < 1000
