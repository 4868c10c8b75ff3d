"""The Invert dialog with real widgets."""

from __future__ import annotations

from PyQt5.QtCore import QPoint
from PyQt5.QtWidgets import QLabel

from plugin.dialogs.invert_state import PRESETS
from plugin.dialogs.invert_window import InvertWindow
from plugin.dialogs.state import ALL_FACES, Stage, View
from plugin.likeness.client import EngineProblem
from tests.plugin.conftest import Opener, ready_invert, wait_ready, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import CONTROL, KEY, RIGHT, QTest, drag


def words(window: InvertWindow) -> str:
    return " ".join(label.text() for label in window.panel.findChildren(QLabel) if label.isVisible())


def test_it_inverts_and_reports(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_invert(open_window)
    assert window.windowTitle() == "Invert Face — portrait.xcf ▸ “Background”"
    assert engine.kinds() == ["detect", "invert"]
    assert "18 % stays the photograph’s" in words(window)
    assert [b.text() for b in window.views.buttons.values()] == [
        *("Inverted", "Original", "Mask", "Generated", "Flow"),
    ]
    assert "found by landmarks and differences" in words(window)
    assert not window.again.isVisible()
    assert window.picture.view is View.GENERATED


def test_the_flow_is_shown_over_the_face(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_invert(open_window)
    window.picture.fit()
    window.views.buttons[View.FLOW].click()
    assert window.picture.legend == "white stays in place, hues are directions"
    x, y, w, h = window.state.layers[1].rect
    column, row = window.picture.viewport.to_widget(x + w / 2, y + h / 2)
    shown = window.picture.grab().toImage().pixelColor(int(column), int(row))
    assert (shown.red(), shown.green(), shown.blue()) == (255, 128, 255)


def test_a_preset_inverts_again_on_demand(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_invert(open_window)
    window.presets.buttons[PRESETS[2]].click()
    assert window.again.isVisible()
    assert len(engine.kinds()) == 2  # nothing has started
    window.again.click()
    wait_ready(window)
    assert engine.last("invert")["refine_steps"] == 200
    assert not window.again.isVisible()


def test_apply_answers_with_what_is_seen(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = [(180, 70, 92, 118), (20, 300, 60, 60)]
    window = ready_invert(open_window, refine_steps=60)
    window.chips.buttons[0].click()
    wait_ready(window)
    QTest.keyClick(window, KEY.Key_Enter, CONTROL)
    wait_until(lambda: bool(engine.answers))
    accepted = engine.answers[0][1]["accepted"]
    assert (accepted["kind"], accepted["face"], accepted["refine_steps"]) == ("invert", 0, 60)


def test_a_painted_mask_goes_with_the_inversion(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_invert(open_window, refine_steps=60)
    window.picture.fit()
    window.views.buttons[View.MASK].click()
    assert window.mask_tools.isVisible()
    x, y, w, h = window.state.layers[1].rect
    column, row = window.picture.viewport.to_widget(x + w / 2, y + h / 2)
    drag(window.picture, QPoint(int(column), int(row)), button=RIGHT)
    painting = window.work.works[1].painting
    assert painting is not None
    height, width = painting.shows.shape
    assert painting.shows[height // 2, width // 2] == 0
    assert engine.kinds() == ["detect", "invert"], "seen without asking the engine"
    QTest.keyClick(window, KEY.Key_Enter, CONTROL)
    wait_until(lambda: bool(engine.answers))
    accepted = engine.answers[0][1]["accepted"]
    assert (accepted["kind"], accepted["edits"], accepted["refine_steps"]) == ("edit", {}, 60)
    assert accepted["inversions"] == [f"{1:064x}"]
    assert accepted["face_edits"][f"{1:064x}"]["layer_mask"] == painting.picture
    assert painting.picture in engine.pictures


def test_the_tools_take_the_place_of_what_was_found(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = [(180, 70, 92, 118), (20, 300, 60, 60), (400, 300, 60, 60)]
    window = ready_invert(open_window)
    window.resize(1240, 800)
    window.session.choose(ALL_FACES)
    wait_ready(window)
    window.views.buttons[View.MASK].click()
    QTest.qWait(1)
    assert window.height() == 800
    assert "Face 3" not in words(window)
    window.views.buttons[View.RESULT].click()
    wait_until(lambda: "Face 3" in words(window))


def test_a_painted_mask_that_was_taken_back_is_none(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_invert(open_window)
    window.views.buttons[View.MASK].click()
    window.work.masks.adjust(0.3, 0.02)
    QTest.keyClick(window, KEY.Key_Z, CONTROL)
    QTest.keyClick(window, KEY.Key_Enter, CONTROL)
    wait_until(lambda: bool(engine.answers))
    assert engine.answers[0][1]["accepted"]["kind"] == "invert"


def test_an_error_stands_in_the_window(open_window: Opener, engine: FakeEngine) -> None:
    engine.problems["detect"] = EngineProblem("engine_unavailable", "It does not answer.", "Try again.")
    window = open_window("invert")
    wait_until(lambda: window.state.stage is Stage.BROKEN)
    assert window.problem.sentence.text() == "It does not answer."
    engine.problems.clear()
    window.problem.mend.click()
    wait_ready(window)


def test_no_face_offers_no_useless_button(open_window: Opener, engine: FakeEngine) -> None:
    engine.boxes = []
    window = open_window("invert")
    wait_until(lambda: window.state.stage is Stage.BROKEN)
    assert window.problem.sentence.text() == "No face was found in this layer."
    assert not window.problem.mend.isVisible()
    assert window.cancel.isEnabled()


def test_sliders_unknown_does_not_matter_here(open_window: Opener, engine: FakeEngine) -> None:
    engine.problems["directions"] = EngineProblem("internal", "No.", "")
    window = ready_invert(open_window)
    assert not window.problem.isVisible()
