"""The Edit dialog's smaller tools with real keys: figures, presets, the split line, the identity readout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PyQt5.QtCore import QPoint
from PyQt5.QtWidgets import QApplication

from plugin.dialogs.figure_field import typed_number, typed_percent
from plugin.dialogs.identity_meter import dots
from tests.plugin.conftest import Opener, ready_edit, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import CONTROL, KEY, LEFT, QTest, drag, pixels

# --- figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.2", 1.2),
        ("+1,2", 1.2),
        ("−0.35", -0.35),
        ("-.5 ", -0.5),
        ("12 %", None),
        ("", None),
        ("…", None),
        ("nan", None),
        ("1e999", None),
        ("much", None),
    ],
)
def test_what_people_type(text: str, number: float | None) -> None:
    assert typed_number(text) == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize(("text", "part"), [("12 %", 0.12), ("12", 0.12), ("−7,5%", -0.075), ("%", None)])
def test_percents_are_typed_with_or_without_their_sign(text: str, part: float | None) -> None:
    assert typed_percent(text) == (None if part is None else pytest.approx(part))


def test_a_figure_is_typed_on_the_slider(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.activateWindow()
    row = window.sliders.rows["smile"]
    row.slider.setFocus()
    QTest.keyClicks(row.slider, "1")
    assert row.figure.hasFocus()
    QTest.keyClicks(row.figure, ",35")
    QTest.keyClick(row.figure, KEY.Key_Return)
    assert window.edits.edits == {"smile": 1.35}
    assert row.slider.hasFocus()
    QTest.keyClick(row.slider, KEY.Key_Return)
    QTest.keyClicks(row.figure, "-9")
    QTest.keyClick(row.figure, KEY.Key_Return)
    assert window.edits.edits == {"smile": -2.0}, "no further than the model goes"
    assert row.figure.text() == "−2.0"
    window.edits.undo()
    assert window.edits.edits == {"smile": 1.35}


def test_a_figure_that_is_none_changes_nothing(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.activateWindow()
    row = window.sliders.rows["smile"]
    window.edits.move("smile", 1)
    QTest.mouseClick(row.figure, LEFT)
    QTest.keyClicks(row.figure, "lots")
    QTest.keyClick(row.figure, KEY.Key_Return)
    assert row.figure.hasFocus(), "it waits for a number"
    assert row.figure.property("wrong")
    QTest.keyClick(row.figure, KEY.Key_Escape)
    assert window.isVisible()
    assert row.figure.text() == "+1.0"
    assert window.edits.edits == {"smile": 1}
    assert row.slider.hasFocus()


def test_a_double_click_on_a_slider_brings_it_back(open_window: Opener) -> None:
    window = ready_edit(open_window)
    slider = window.sliders.rows["smile"].slider
    window.edits.move("smile", 1.5)
    QTest.mouseDClick(slider, LEFT, pos=QPoint(slider.width() - 10, 10))
    assert window.edits.edits == {}


# --- presets ----------------------------------------------------------------------------------------------


def actions(window: object) -> dict[str, object]:
    menu = window.presets.menu  # type: ignore[attr-defined]
    window.presets.fill()  # type: ignore[attr-defined]
    return {action.text(): action for action in menu.actions() if action.text()}


def test_presets_are_saved_taken_and_deleted(open_window: Opener, tmp_path: Path) -> None:
    window = ready_edit(open_window)
    window.activateWindow()
    window.edits.move("smile", 1.5)
    QTest.keyClick(window, KEY.Key_S, CONTROL)
    assert window.naming.field.hasFocus()
    QTest.keyClicks(window.naming.field, "Holiday & sun")
    QTest.keyClick(window.naming.field, KEY.Key_Return)
    assert not window.naming.isVisible()
    saved = json.loads((tmp_path / "presets.json").read_text())
    assert saved["presets"] == [{"name": "Holiday & sun", "edits": {"smile": 1.5}}]
    window.sliders.reset_all.click()
    actions(window)["Holiday && sun"].trigger()  # type: ignore[attr-defined]
    assert window.edits.edits == {"smile": 1.5}
    window.edits.undo()
    assert window.edits.edits == {}
    delete = actions(window)["Delete"].menu()  # type: ignore[attr-defined]
    delete.actions()[0].trigger()
    assert "Holiday && sun" not in actions(window)


def test_a_preset_of_another_model_says_what_it_leaves_out(open_window: Opener, tmp_path: Path) -> None:
    window = ready_edit(open_window)
    window.presets.save("x", {"wings": 1.0, "smile": 9.0, "age": -1.0})
    actions(window)["x"].trigger()  # type: ignore[attr-defined]
    assert window.edits.edits == {"smile": 2.0, "age": -1.0}
    assert "“wings”" in window.said.text()
    assert "“Smile”" in window.said.text()


def test_the_last_apply_is_kept(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    assert not actions(window)["Last applied"].isEnabled()  # type: ignore[attr-defined]
    window.edits.move("age", -1)
    QTest.keyClick(window, KEY.Key_Return, CONTROL)
    wait_until(lambda: bool(engine.answers))
    again = ready_edit(open_window)
    actions(again)["Last applied"].trigger()  # type: ignore[attr-defined]
    assert again.edits.edits == {"age": -1}


def test_a_damaged_file_is_said_and_left_alone(open_window: Opener, tmp_path: Path) -> None:
    (tmp_path / "presets.json").write_text("{")
    window = ready_edit(open_window)
    window.edits.move("smile", 1)
    assert not window.presets.save("x", {"smile": 1.0})
    assert "cannot be read" in window.said.text()
    assert (tmp_path / "presets.json").read_text() == "{"
    assert window.apply.isEnabled()


def test_escape_leaves_the_name_before_the_window(open_window: Opener) -> None:
    window = ready_edit(open_window)
    QTest.keyClick(window, KEY.Key_S, CONTROL)
    QTest.keyClick(window.naming.field, KEY.Key_Escape)
    assert not window.naming.isVisible()
    assert window.isVisible()


# --- split line -------------------------------------------------------------------------------------------


def test_the_line_shows_the_original_on_its_left(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.edits.move("smile", 2)
    wait_until(lambda: not window.edits.stale)
    window.picture.fit()
    x, y, w, h = window.state.faces[0].box
    column, row = (round(v) for v in window.picture.viewport.to_widget(x + w / 2, y + h / 2))
    edited = pixels(window.picture)[row, column]
    centre, height = window.picture.viewport.centre, window.picture.height()
    drag(window.picture, QPoint(8, height // 2), QPoint(200, row), QPoint(column + 40, row))
    assert window.picture.viewport.centre == centre, "the picture stays"
    assert window.state.split == pytest.approx((column + 40) / window.picture.width())
    assert pixels(window.picture)[row, column][0] < edited[0] - 20
    drag(window.picture, QPoint(column + 40, 20), QPoint(column - 40, row))
    assert abs(pixels(window.picture)[row, column] - edited).max() <= 2
    QTest.keyClick(window, KEY.Key_S)
    assert window.state.split == 0
    QTest.keyClick(window, KEY.Key_S)
    assert window.state.split == 0.5


# --- identity ---------------------------------------------------------------------------------------------


def test_dots() -> None:
    assert [dots(v) for v in (0.91, 1.0, 0.54, -0.2)] == ["●●●●○", "●●●●●", "○○○○○", "○○○○○"]


def test_the_same_person_is_read_out_and_can_be_held(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    assert not window.identity.isVisible(), "nothing is edited"
    window.edits.move("smile", 1.5)
    wait_until(lambda: window.identity.isVisible())
    assert window.identity.text.text() == "Same person ●●●●○ 0.91"
    assert engine.last("edit")["keep_identity"] is None
    engine.strength_factor = 0.5
    window.identity.hold.click()
    wait_until(lambda: not window.edits.stale)
    assert engine.last("edit")["keep_identity"] == 0.8
    assert "held at 50 %" in window.identity.text.text()
    window.activateWindow()
    window.identity.hold.setFocus()
    QTest.keyClick(window.identity.hold, KEY.Key_Space)
    assert window.edits.keep_identity is None, "Space lets it up again, and does not peek"
    window.edits.undo()
    wait_until(lambda: not window.edits.stale)
    QApplication.processEvents()
    assert not window.identity.isVisible()
