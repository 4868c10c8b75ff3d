"""The Invert dialog with real widgets."""

from __future__ import annotations

from PyQt5.QtWidgets import QLabel

from plugin.dialogs.invert_state import PRESETS
from plugin.dialogs.invert_window import InvertWindow
from plugin.dialogs.state import Stage, View
from plugin.likeness.client import EngineProblem
from tests.plugin.conftest import Opener, ready_invert, wait_ready, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import CONTROL, KEY, QTest


def words(window: InvertWindow) -> str:
    return " ".join(label.text() for label in window.panel.findChildren(QLabel) if label.isVisible())


def test_it_inverts_and_reports(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_invert(open_window)
    assert window.windowTitle() == "Invert Face — portrait.xcf ▸ “Background”"
    assert engine.kinds() == ["detect", "invert"]
    assert "18 % stays the photograph’s" in words(window)
    assert [b.text() for b in window.views.buttons.values()] == ["Inverted", "Original", "Mask", "Generated"]
    assert not window.again.isVisible()
    assert window.picture.view is View.GENERATED


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
