"""Several faces in the Edit dialog: each has its own sliders, and Apply takes all that were worked on."""

from __future__ import annotations

from PyQt5.QtCore import QPoint

from plugin.dialogs.edit_window import EditWindow
from tests.plugin.conftest import Opener, ready_edit, wait_ready, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import CONTROL, KEY, LEFT, QTest, pixels

TWO = [(180.0, 70.0, 92.0, 118.0), (20.0, 300.0, 60.0, 60.0)]
PROFILE = [(50.0, 320.0), (56.0, 320.0), (60.0, 335.0), (50.0, 350.0), (56.0, 350.0)]
NAMES = {1: f"{1:064x}", 2: f"{2:064x}"}


def click_face(window: EditWindow, number: int, several: bool = False) -> None:
    x, y, w, h = next(f.box for f in window.state.faces if f.number == number)
    column, row = window.picture.viewport.to_widget(x + w / 2, y + h / 2)
    at = QPoint(int(column), int(row))
    if several:
        QTest.mouseClick(window.picture, LEFT, CONTROL, at)
    else:
        QTest.mouseClick(window.picture, LEFT, pos=at)
    wait_ready(window)


def test_each_face_has_its_own_sliders(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = TWO
    window = ready_edit(open_window)
    window.picture.fit()
    window.sliders.rows["smile"].slider.setValue(150)
    click_face(window, 2)
    assert window.sliders.rows["smile"].slider.value() == 0
    window.sliders.rows["age"].slider.setValue(-100)
    wait_until(lambda: not window.edits.stale)
    assert [item.edits for item in window.edits.shown] == [{"smile": 1.5}, {"age": -1.0}]
    click_face(window, 1)
    assert window.sliders.rows["smile"].figure.text() == "+1.5"
    assert window.sliders.rows["age"].figure.text() == "0"
    QTest.keyClick(window, KEY.Key_Return, CONTROL)
    wait_until(lambda: bool(engine.answers))
    accepted = engine.answers[0][1]["accepted"]
    assert accepted["inversions"] == [NAMES[1], NAMES[2]]
    assert accepted["face_edits"] == {
        NAMES[1]: {"number": 1, "edits": {"smile": 1.5}, "layer_mask": None},
        NAMES[2]: {"number": 2, "edits": {"age": -1.0}, "layer_mask": None},
    }


def test_undo_goes_back_over_faces(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = TWO
    window = ready_edit(open_window)
    window.edits.move("smile", 1.5)
    window.session.choose(2)
    wait_ready(window)
    window.edits.move("smile", -1)
    QTest.keyClick(window, KEY.Key_Z, CONTROL)
    QTest.keyClick(window, KEY.Key_Z, CONTROL)
    assert window.edits.works[1].is_nothing
    assert window.edits.works[2].is_nothing
    wait_until(lambda: not window.edits.stale)
    assert [item.number for item in window.edits.shown] == [2], "nothing is left of face 1 to be shown"


def test_ctrl_picks_several_and_a_slider_moves_them_all(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = [*TWO, (400.0, 300.0, 60.0, 60.0)]
    window = ready_edit(open_window)
    window.picture.fit()
    window.edits.move("smile", 1.5)
    click_face(window, 3, several=True)
    assert window.state.chosen == (1, 3)
    assert [b.isChecked() for b in window.chips.buttons.values()] == [True, False, True, False]
    row = window.sliders.rows["smile"]
    assert row.figure.text() == "…", "face 1 smiles, face 3 does not"
    row.slider.setValue(50)
    assert row.figure.text() == "+0.5"
    assert [window.edits.works[n].edits for n in (1, 2, 3)] == [{"smile": 0.5}, {}, {"smile": 0.5}]
    QTest.mouseClick(window.chips.buttons[1], LEFT, CONTROL)
    assert window.state.chosen == (3,)
    QTest.mouseClick(window.chips.buttons[3], LEFT, CONTROL)
    assert window.state.chosen == (3,), "one always stays"
    assert window.chips.buttons[3].isChecked()
    assert engine.kinds().count("invert") == 2, "face 2 was not looked into"


def test_the_other_faces_edit_is_not_rendered_again(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = TWO
    window = ready_edit(open_window)
    window.edits.move("smile", 1)
    wait_until(lambda: not window.edits.stale)
    window.session.choose(2)
    wait_ready(window)
    window.edits.move("age", 1)
    wait_until(lambda: not window.edits.stale)
    assert engine.last("edit")["inversions"] == [NAMES[2]]


def test_a_face_turned_away_or_too_small_is_shown_as_such(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = [TWO[1], (180.0, 70.0, 92.0, 118.0), (400.0, 300.0, 22.0, 22.0)]
    engine.points = {1: PROFILE}
    window = ready_edit(open_window)
    assert window.state.choice == 2, "the first that is as it should be"
    tips = [window.chips.buttons[n].toolTip() for n in (1, 2, 3)]
    assert "Turned away" in tips[0]
    assert "Too small (22 pixels wide)" in tips[2]
    assert "\n" not in tips[1]
    window.picture.fit()
    before = pixels(window.picture)
    window.picture.marked = True
    window.picture.update()
    assert (pixels(window.picture) != before).any(axis=2)[250:].sum() > 300, "its box and the reason"
    click_face(window, 1)
    assert "Face 1 is turned away." in window.said.text()


def test_the_engines_warning_is_said(open_window: Opener, engine: FakeEngine) -> None:
    engine.warning = "The model fits this face badly: an edit may look wrong."
    window = ready_edit(open_window)
    window.edits.move("smile", 1)
    wait_until(lambda: engine.warning in window.said.text())
