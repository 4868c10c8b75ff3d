"""The settings' window on a home of its own: what is chosen is written, what is asked for is done, and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PyQt5.QtWidgets import QApplication

from engine.errors import BadRequest
from engine.paths import Home
from engine.settings import Settings, change_settings, load_settings
from plugin.dialogs.opening import make_settings_window
from plugin.dialogs.palette import LIGHT, dress
from plugin.dialogs.settings_state import GPU, LEAST_MEMORY, SettingsState
from plugin.dialogs.settings_window import SettingsWindow
from plugin.dialogs.upkeep import EngineFacts, Found, Upkeep
from plugin.likeness.client import EngineProblem
from tests.plugin.conftest import Show, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import KEY, QTest

# What `python -m engine` is here: it notes what it was asked, and does it.
COMMAND = """
import json, os, sys, time
from pathlib import Path
home = Path(os.environ["LIKENESS_HOME"])
with (home / "asked").open("a") as file: file.write(" ".join(sys.argv[1:]) + "\\n")
warning = {"subject": "GIMP", "level": "warn", "sentence": "No profile was found.", "remedy": "Start GIMP once."}
if sys.argv[1] == "doctor":
    if (home / "slow").exists(): time.sleep(60)
    print(json.dumps({"findings": [warning, {**warning, "level": "ok"}], "bundle": sys.argv[3]}))
    sys.exit(1)
elif sys.argv[1] == "forget":
    [path.unlink() for path in (home / "inversions").iterdir()]
    print(json.dumps({"inversions": 2, "pictures": 1, "bytes": 3000000}))
else: print(json.dumps({"error": {"code": "busy", "sentence": "It does not end.", "remedy": "Try again."}}))
"""
Open = Callable[[], SettingsWindow]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    for name in ("one", "two"):
        (made.inversions / f"{name}.safetensors").write_bytes(bytes(1_500_000))
    (made.logs / "worker.log").write_text("the worker said this")
    return made


@pytest.fixture
def open_settings(app: QApplication, engine: FakeEngine, home: Home, show: Show, tmp_path: Path) -> Open:
    script = tmp_path / "command.py"
    script.write_text(COMMAND)

    def open_it() -> SettingsWindow:
        dress(app, LIGHT)
        upkeep = Upkeep(home, engine.connect, [sys.executable, "-I", "-S", str(script)])
        made = make_settings_window(upkeep, home, LIGHT)
        show(made)
        return made

    return open_it


@pytest.fixture
def window(open_settings: Open) -> SettingsWindow:
    made = open_settings()
    free(made)
    return made


def free(window: SettingsWindow) -> None:
    wait_until(lambda: window.state.is_free, "free")


def confirm(window: SettingsWindow, name: str) -> None:
    """Press a button that asks, twice."""
    found = {"stop": window.running.stop, "forget": window.faces.forget}[name]
    found.click()
    QTest.qWait(QApplication.doubleClickInterval() + 100)
    found.click()
    free(window)


def asked(home: Home) -> list[str]:
    return (home.root / "asked").read_text().splitlines()


def test_it_shows_what_is_there(window: SettingsWindow, home: Home) -> None:
    assert window.running.line.text() == "Version 0.1.0 runs since 5 min, on the CPU."
    assert "2 (3 MB)" in window.faces.kept.text()
    assert window.computing.memory.text() == "no limit"
    assert window.computing.idle.value() == 30
    labels = [label.text().replace("\u200b", "") for label in window.places._labels]
    assert labels[:3] == ["Inversions", str(home.inversions), "3 MB"]
    assert str(home.settings_file) in labels
    assert not home.settings_file.exists(), "looking writes nothing"


def test_a_device_is_chosen(window: SettingsWindow, home: Home) -> None:
    assert not window.running.outdated.isVisible()
    window.computing.device.buttons["cpu"].click()
    assert load_settings(home) == Settings(device="cpu")
    assert window.running.outdated.isVisible(), "the running engine does not know"
    window.computing.device.buttons["gpu"].click()
    assert load_settings(home).device == GPU
    window.computing.device.buttons["auto"].click()
    assert load_settings(home) == Settings()


def test_amounts_are_written_when_the_hand_rests(window: SettingsWindow, home: Home) -> None:
    memory, idle = window.computing.memory, window.computing.idle
    memory.setFocus()
    for _ in range(5):
        QTest.keyClick(memory, KEY.Key_Up)
    assert not home.settings_file.exists()
    wait_until(lambda: load_settings(home).memory_megabytes == 2500)
    idle.selectAll()
    QTest.keyClicks(idle, "7")
    QTest.keyClick(idle, KEY.Key_Return)
    assert load_settings(home).idle_seconds == 7 * 60
    idle.setValue(0)
    window.close()
    assert load_settings(home).idle_seconds == 0, "what was chosen a moment before closing counts"


def test_a_limit_that_the_worker_could_not_start_with_is_raised(window: SettingsWindow, home: Home) -> None:
    memory = window.computing.memory
    memory.setValue(3)
    wait_until(lambda: load_settings(home).memory_megabytes == LEAST_MEMORY)
    assert memory.value() == LEAST_MEMORY


def test_layers_need_not_remember(window: SettingsWindow, home: Home) -> None:
    assert window.faces.parasites.isChecked()
    window.faces.parasites.click()
    assert load_settings(home) == Settings(keep_parasites=False)
    assert not window.running.outdated.isVisible(), "the plug-in reads it each time"


def test_settings_that_make_no_sense_stand_in_the_window(open_settings: Open, home: Home) -> None:
    home.settings_file.write_text('{"threads": "many"}')
    window = open_settings()
    wait_until(lambda: window.problem.isVisible())
    assert "“threads” is 'many'" in window.problem.sentence.text()
    assert not window.computing.isEnabled()
    home.settings_file.write_text('{"threads": 2, "mine": 1}')
    window.problem.mend.click()
    free(window)
    assert not window.problem.isVisible()
    window.faces.parasites.click()
    assert json.loads(home.settings_file.read_text())["mine"] == 1, "what we do not know stays"


def test_a_setting_that_cannot_be_written(
    window: SettingsWindow, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BadRequest("The disk is full.", "Make room.")

    monkeypatch.setattr("plugin.dialogs.upkeep.change_settings", refuse)
    window.faces.parasites.click()
    assert window.problem.sentence.text() == "The disk is full."
    assert window.faces.parasites.isChecked(), "as it is, not as it was wished for"


def test_forgetting_takes_two_presses(window: SettingsWindow, home: Home) -> None:
    window.faces.forget.click()
    window.faces.forget.click()
    assert not (home.root / "asked").exists(), "a double click is one press"
    assert window.faces.forget.text() == "Forget them for good"
    QTest.qWait(QApplication.doubleClickInterval() + 100)
    window.faces.forget.click()
    wait_until(lambda: "inversions 2" in window.faces.note.text())
    free(window)
    assert asked(home) == ["forget --all --json"]
    assert window.faces.kept.text().endswith(": 0.")


def test_diagnostics_are_collected(window: SettingsWindow, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin.dialogs.settings_window.QFileDialog.getSaveFileName", lambda *_: ("", ""))
    window.mending.collect.click()
    assert window.state.is_free, "nothing was chosen, nothing is done"
    zipped = str(home.root / "diagnostics.zip")
    monkeypatch.setattr("plugin.dialogs.settings_window.QFileDialog.getSaveFileName", lambda *_: (zipped, ""))
    window.mending.collect.click()
    free(window)
    assert asked(home) == [f"doctor --bundle {zipped} --json"]
    lines = window.mending.note.text().splitlines()
    assert zipped in lines[0]
    assert lines[1:] == ["GIMP: No profile was found. Start GIMP once."]


def test_collecting_is_stopped(window: SettingsWindow, home: Home) -> None:
    (home.root / "slow").touch()
    window.session.collect("/x.zip")
    wait_until((home.root / "asked").exists)
    window.session.stop()
    free(window)
    assert window.state.problem is None
    assert window.mending.note.text() == ""


def test_logs_are_shown_and_hidden(window: SettingsWindow) -> None:
    logs, text = window.mending.logs, window.mending.text
    assert not text.isVisible()
    logs.buttons["worker.log"].click()
    assert text.toPlainText() == "the worker said this"
    logs.buttons["engine.log"].click()
    assert text.toPlainText() == "Nothing has been logged."
    logs.buttons["engine.log"].click()
    assert not text.isVisible()


def test_an_engine_that_does_not_end_says_so(window: SettingsWindow, home: Home) -> None:
    confirm(window, "stop")
    assert asked(home) == ["stop --json"]
    assert window.problem.sentence.text() == "It does not end."


def test_without_an_engine(open_settings: Open, engine: FakeEngine) -> None:
    engine.problems["connect"] = EngineProblem("engine_unavailable", "No engine is running.")
    window = open_settings()
    free(window)
    assert "does not run" in window.running.line.text()
    assert not window.running.stop.isEnabled()
    window.computing.device.buttons["cpu"].click()
    assert not window.running.outdated.isVisible()
    assert not window.problem.isVisible()


def test_an_engine_started_since_goes_by_the_new_settings() -> None:
    now = 1000.0
    state = SettingsState(lambda: now)
    state.looked(Found(Settings(), (), EngineFacts("0.1.0", 300, "cuda:0", 1)))
    assert state.engine_line == "Version 0.1.0 runs since 5 min, on the GPU, at work."
    state.changed(Settings(device="cpu"))
    assert state.is_outdated
    now = 1020.0
    state.looked(Found(Settings(device="cpu"), (), EngineFacts("0.1.0", 10, "", 0)))
    assert not state.is_outdated


def test_the_commands_are_the_engines_own(home: Home, engine: FakeEngine) -> None:
    """Without an engine `forget` works on the files itself."""
    assert Upkeep(home, engine.connect).run("forget", "--all")["inversions"] == 2
    with pytest.raises(EngineProblem) as caught:
        Upkeep(home, engine.connect).run("forget", "00" * 32)
    assert caught.value.code == "inversion_missing"


def test_settings_written_meanwhile_stay(window: SettingsWindow, home: Home) -> None:
    change_settings(home, model="mine")
    window.computing.device.buttons["cpu"].click()
    assert load_settings(home) == Settings(model="mine", device="cpu")
