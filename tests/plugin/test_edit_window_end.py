"""The Edit dialog with real widgets: progress, errors, and how it ends."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from plugin.dialogs.edit_window import EditWindow
from plugin.dialogs.observable import Topic
from plugin.dialogs.palette import DARK
from plugin.dialogs.presets import load_presets
from plugin.dialogs.state import Stage, View
from plugin.likeness.client import EngineProblem
from tests.plugin.conftest import JOB, SECONDS, Opener, ready_edit, wait_ready, wait_until
from tests.plugin.fake_client import FakeClient, FakeEngine
from tests.plugin.hand import CONTROL, KEY, LEFT, QTest


def test_progress_is_shown_and_can_be_stopped(open_window: Opener, engine: FakeEngine) -> None:
    engine.step_seconds = 0.45
    window = open_window("edit")
    wait_until(lambda: window.state.stage is Stage.INVERTING)
    wait_until(lambda: window.status.bar.isVisible() and window.status.halt.isVisible())
    assert "Searching for the face" in window.status.text.text()
    QTest.mouseClick(window.status.halt, LEFT)
    wait_until(lambda: window.state.stage is Stage.STOPPED)
    assert window.problem.sentence.text() == "The inversion was stopped."
    engine.step_seconds = 0.0
    window.problem.mend.click()
    wait_ready(window)
    assert not window.problem.isVisible()


def test_quick_work_is_not_talked_about(open_window: Opener) -> None:
    window = ready_edit(open_window)
    window.edits.move("smile", 1)
    assert not window.status.bar.isVisible()


def test_an_error_stands_where_the_sliders_would(open_window: Opener, engine: FakeEngine) -> None:
    engine.problems["invert"] = EngineProblem("out_of_memory", "It does not fit.", "Close something.")
    window = open_window("edit", tones=DARK)
    assert isinstance(window, EditWindow)
    wait_until(lambda: window.state.stage is Stage.BROKEN)
    assert window.problem.sentence.text() == "It does not fit."
    assert window.problem.remedy.text() == "Close something."
    assert not window.sliders.isVisible()
    assert not window.apply.isEnabled()
    engine.problems.clear()
    window.problem.mend.click()
    wait_ready(window)
    assert window.sliders.isVisible()


def test_no_sliders_says_why_and_tries_again(open_window: Opener, engine: FakeEngine) -> None:
    engine.problems["directions"] = EngineProblem("model_damaged", "The model is damaged.", "Import it again.")
    window = open_window("edit")
    assert isinstance(window, EditWindow)
    wait_until(lambda: window.state.stage is Stage.READY)
    assert window.problem.sentence.text() == "The model is damaged."
    assert not window.apply.isEnabled()
    engine.problems.clear()
    window.problem.mend.click()
    wait_ready(window)
    assert not window.problem.isVisible()
    assert window.sliders.isEnabled()


def test_a_failed_preview_keeps_the_sliders(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    engine.problems["edit"] = EngineProblem("worker_lost", "It died.", "Try again.")
    window.edits.move("smile", 1)
    wait_until(lambda: window.problem.isVisible())
    QTest.qWait(50)
    assert engine.kinds().count("edit") == 1  # not again and again
    assert window.sliders.isEnabled()
    engine.problems.clear()
    window.problem.mend.click()
    wait_until(lambda: not window.edits.stale)
    assert not window.problem.isVisible(), window.problem.sentence.text()


def test_a_lost_inversion_begins_again(open_window: Opener, engine: FakeEngine) -> None:
    engine.problems["edit"] = EngineProblem("inversion_missing", "It is not there.", "")
    window = open_window("edit", inversions=[f"{1:064x}"])
    assert isinstance(window, EditWindow)
    wait_until(lambda: window.state.stage is Stage.BROKEN)
    assert window.problem.mend.text() == "Begin again with the photograph"
    window.problem.mend.click()
    wait_ready(window)
    assert engine.kinds()[-2:] == ["detect", "invert"]
    window.views.buttons[View.MASK].click()
    assert window.layers_own.isVisible(), "GIMP would drop what is painted"
    assert not window.mask_tools.isVisible()


def test_apply_answers_and_closes(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    window.edits.move("smile", 1.2)
    gone: list[bool] = []
    window.closed.connect(lambda: gone.append(True))
    QTest.keyClick(window, KEY.Key_Return, CONTROL)
    wait_until(lambda: bool(gone))
    job, answer = engine.answers[-1]
    assert job == JOB
    assert answer["accepted"]["kind"] == "edit"
    assert answer["accepted"]["edits"] == {"smile": 1.2}
    assert answer["accepted"]["inversions"] == [f"{1:064x}"]
    assert answer["accepted"]["preview"] is None
    assert not window.isVisible()
    assert len(engine.answers) == 1


def test_the_result_is_chosen_and_remembered(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    assert window.result.button.text() == "new layer ▾"
    window.resize(1100, 500)
    assert window.result.button.text() == "Result: new layer ▾"
    assert [action.text().split()[-1] for action in window.result.menu.actions()] == [
        "mask",
        "face",
        "selection",
        "image",
    ]
    window.result.actions_by_result["group"].trigger()
    assert window.result.button.text() == "Result: layer group ▾"
    window.apply.click()
    wait_until(lambda: bool(engine.answers))
    assert engine.answers[-1][1]["result"] == "group"
    again = ready_edit(open_window)
    assert again.state.result == "group"
    assert again.result.actions_by_result["group"].isChecked()
    fewer = ready_edit(open_window, results=["layer", "image"])
    assert fewer.state.result == "layer", "what cannot be had is not chosen"


@pytest.mark.parametrize("asked", [{"inversions": [f"{1:064x}"]}, {"results": []}, {"results": ["image"]}])
def test_where_there_is_one_result_none_is_offered(open_window: Opener, asked: dict[str, Any]) -> None:
    window = ready_edit(open_window, **asked)
    assert not window.result.isVisible()
    assert window.state.result == (asked.get("results") or ["layer"])[0]


def test_apply_while_a_preview_runs(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    engine.gate.clear()
    window.edits.move("smile", 1.0)
    window.apply.click()
    wait_until(lambda: bool(engine.answers))
    assert engine.answers[0][1]["accepted"]["edits"] == {"smile": 1.0}


def test_apply_twice_answers_once(
    open_window: Opener, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = ready_edit(open_window)
    asked: list[str] = []
    go_on = threading.Event()

    def answer(_: FakeClient, job: str, answer: dict[str, object], /) -> None:
        asked.append(job)
        assert go_on.wait(SECONDS)
        engine.answers.append((job, answer))

    monkeypatch.setattr(FakeClient, "answer", answer)
    QTest.keyClick(window, KEY.Key_Return, CONTROL)
    wait_until(lambda: bool(asked))
    window.told(Topic.LAYERS)
    assert not window.apply.isEnabled()
    QTest.keyClick(window, KEY.Key_Return, CONTROL)
    go_on.set()
    wait_until(lambda: not window.isVisible())
    assert asked == [JOB]


def test_a_refused_answer_stays_in_the_window(open_window: Opener, engine: FakeEngine, tmp_path: Path) -> None:
    window = ready_edit(open_window)
    window.edits.move("smile", 1)
    engine.problems["answer"] = EngineProblem("busy", "Too much at once.", "Wait a moment.")
    window.apply.click()
    wait_until(lambda: window.problem.isVisible())
    assert window.isVisible()
    assert load_presets(tmp_path / "presets.json").last is None
    engine.problems.clear()
    window.apply.click()
    wait_until(lambda: not window.isVisible())
    assert load_presets(tmp_path / "presets.json").last == {"smile": 1}


def test_escape_and_cancel_answer_nothing(open_window: Opener, engine: FakeEngine) -> None:
    window = ready_edit(open_window)
    gone: list[bool] = []
    window.closed.connect(lambda: gone.append(True))
    QTest.keyClick(window, KEY.Key_Escape)
    assert not window.isVisible()
    wait_until(lambda: bool(gone))
    assert engine.answers == [(JOB, {"accepted": None, "result": "layer"})]


def test_closing_while_inverting_cancels_it(open_window: Opener, engine: FakeEngine) -> None:
    engine.gate.clear()
    window = open_window("edit")
    wait_until(lambda: "detect" in engine.kinds())
    window.cancel.click()
    wait_until(lambda: bool(engine.answers))
    assert engine.answers == [(JOB, {"accepted": None, "result": "layer"})]
    assert [r["kind"] for r in engine.cancelled] == ["detect"]


def test_the_window_remembers_its_size(open_window: Opener) -> None:
    first = ready_edit(open_window)
    first.resize(700, 520)
    first.close()
    assert ready_edit(open_window).size() == first.size()
