"""The models' window on a scripted engine: it shows, asks, pauses and changes; nothing is fetched unasked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication

from engine.paths import Home
from plugin.dialogs.direction_rows import DirectionRow, slug
from plugin.dialogs.models_state import Model, Offer
from plugin.dialogs.models_window import ModelsWindow
from plugin.dialogs.opening import make_models_window
from plugin.dialogs.palette import LIGHT, dress
from plugin.dialogs.state import Problem
from plugin.likeness.client import EngineProblem
from tests.plugin.conftest import Show, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import KEY, QTest, pixels

Open = Callable[[], ModelsWindow]


@pytest.fixture
def open_models(app: QApplication, engine: FakeEngine, show: Show, tmp_path: Path) -> Open:
    def open_it() -> ModelsWindow:
        dress(app, LIGHT)
        made = make_models_window(engine.connect, Home(tmp_path), LIGHT)
        show(made)
        return made

    return open_it


@pytest.fixture
def window(open_models: Open) -> ModelsWindow:
    made = open_models()
    wait_until(lambda: bool(made.state.models) and made.state.is_free)
    return made


def pick(window: ModelsWindow, name: str) -> None:
    """Click on an entry of the list."""
    rows = range(window.list.count())
    item = next(i for row in rows if (i := window.list.item(row)) and i.text().split("\n")[0] == name)
    window.list.setCurrentItem(item)


def free(window: ModelsWindow) -> None:
    wait_until(lambda: window.state.is_free, "free")


def rows_of(window: ModelsWindow) -> list[DirectionRow]:
    return window.model_page.rows.rows


def done(engine: FakeEngine) -> list[str]:
    return [request["do"] for request in engine.shelf.requests]


def test_what_is_installed(window: ModelsWindow) -> None:
    texts = [item.text() for row in range(window.list.count()) if (item := window.list.item(row))]
    assert texts == [
        "Installed",
        "default\n128 px · embedded · in use",
        "portraits\n1024 px · 121 MB",
        "To be downloaded",
        "ffhq-1024\n382 MB",
    ]
    assert isinstance(window.state.selected, Model)
    assert window.state.selected.name == "default"
    assert not window.model_page.remove.isVisible()
    pick(window, "portraits")
    assert "Missing: an encoder" in window.model_page.text.text()
    assert "Licence: NVIDIA" in window.model_page.text.text()


def test_the_default_is_chosen(window: ModelsWindow, engine: FakeEngine) -> None:
    assert not window.model_page.use.isEnabled()
    pick(window, "portraits")
    window.model_page.use.click()
    wait_until(lambda: window.state.used == "portraits")
    assert engine.shelf.used == "portraits"
    assert window.model_page.use.text() == "In use"
    assert "portraits" in window.status.text.text()


def test_removing_takes_two_presses(window: ModelsWindow, engine: FakeEngine) -> None:
    pick(window, "portraits")
    window.model_page.remove.click()
    assert window.model_page.remove.text() == "Remove it for good"
    pick(window, "default")
    pick(window, "portraits")
    assert window.model_page.remove.text() == "Remove"
    window.model_page.remove.click()
    QTest.qWait(QApplication.doubleClickInterval() + 100)
    window.model_page.remove.click()
    wait_until(lambda: len(window.state.models) == 1)
    assert list(engine.shelf.models) == ["default"]


def test_a_double_click_does_not_remove_and_another_action_disarms(window: ModelsWindow) -> None:
    pick(window, "portraits")
    remove = window.model_page.remove
    remove.click()
    remove.click()
    assert window.state.is_free, "nothing was asked of the engine"
    assert remove.text() == "Remove it for good"
    pick(window, "ffhq-1024")
    pick(window, "portraits")
    assert remove.text() == "Remove"
    remove.click()
    window.model_page.show_strips.click()
    free(window)
    assert remove.text() == "Remove"


def test_the_second_set_of_files_gets_its_own_name(window: ModelsWindow) -> None:
    page = window.files_page
    window.state.add_files(["/x/first.pt"])
    assert window.list.currentItem() is None
    page.name.setText("portraits")
    assert page.why.text() == "There is a model “portraits” already. Free is “portraits-2”."
    page.name.setText("my face")
    assert "Free is “my-face”." in page.why.text()
    assert page.why.isVisible()
    page.forget.click()
    item = window.list.currentItem()
    assert item is not None
    assert item.text().startswith("default\n"), "the row of the page that is shown"
    window.state.add_files(["/x/second.pt"])
    assert page.name.text() == "second"
    assert not page.why.isVisible()


def test_an_error_outlasts_a_list_that_nobody_asked_for(window: ModelsWindow) -> None:
    window.state.failed(Problem("no_space", "The disk is full."))
    window.session.refresh()
    free(window)
    assert window.problem.isVisible()
    window.session.use("portraits")
    free(window)
    assert not window.problem.isVisible()


def test_files_become_a_model(window: ModelsWindow, engine: FakeEngine) -> None:
    window.state.add_files(["/x/portraits.pt"])
    assert window.files_page.name.text() == "portraits-2"
    window.state.add_files(["/x/smile.npy", "/x/portraits.pt"])
    assert window.files_page.text.text() == "portraits.pt\nsmile.npy"
    for name, usable in (("portraits", False), ("a b", False), ("", False), ("mine", True)):
        window.files_page.name.setText(name)
        assert window.files_page.bring.isEnabled() == usable
    window.files_page.bring.click()
    assert not window.files_page.bring.isEnabled()
    wait_until(lambda: "mine" in {model.name for model in window.state.models})
    request = next(request for request in engine.shelf.requests if request["do"] == "import")
    assert request["files"] == ["/x/portraits.pt", "/x/smile.npy"]
    assert [page.isVisible() for page in window.pages] == [True, False, False]
    assert window.model_page.title.text() == "mine"
    assert "Read from portraits.pt, smile.npy." in window.model_page.notes.text()


def test_a_refused_import_says_why(window: ModelsWindow, engine: FakeEngine) -> None:
    engine.problems["import"] = EngineProblem("file_unsafe", "bad.pkl would run code.", "Do not use it.")
    window.state.add_files(["/x/bad.pkl"])
    window.files_page.bring.click()
    free(window)
    assert window.problem.isVisible()
    assert window.problem.sentence.text() == "bad.pkl would run code."
    assert window.state.files == ("/x/bad.pkl",)
    pick(window, "default")
    assert not window.problem.isVisible()


def test_nothing_is_downloaded_before_the_terms_are_accepted(window: ModelsWindow, engine: FakeEngine) -> None:
    pick(window, "ffhq-1024")
    page = window.offer_page
    assert "only may be used or intended for use non-commercially" in page.terms.text()
    assert "we have never fetched it" in page.text.text()
    assert not page.download.isEnabled()
    offer = window.state.selected
    assert isinstance(offer, Offer)
    window.session.download(offer)
    assert "download" not in done(engine)
    page.accepted.click()
    page.download.click()
    wait_until(lambda: "ffhq-1024" in {model.name for model in window.state.models})
    request = next(request for request in engine.shelf.requests if request["do"] == "download")
    assert request == {"do": "download", "entry": "ffhq-1024", "name": "ffhq-1024", "accepted": True}


def test_a_download_pauses_and_goes_on(window: ModelsWindow, engine: FakeEngine) -> None:
    pick(window, "ffhq-1024")
    page = window.offer_page
    page.accepted.click()
    engine.step_seconds = 1.0
    page.download.click()
    wait_until(lambda: "17%" in page.far.text())
    assert page.download.text() == "Pause"
    engine.step_seconds = 0.0
    engine.gate.clear()
    page.download.click()
    wait_until(lambda: page.download.text() == "Resume")
    assert page.far.text() in ("paused at 17%", "paused at 50%")
    assert [request["do"] for request in engine.cancelled] == ["download"]
    engine.gate.set()
    page.download.click()
    wait_until(lambda: "ffhq-1024" in {model.name for model in window.state.models})
    assert done(engine).count("download") == 2


def test_a_download_goes_on_beside_other_work(window: ModelsWindow, engine: FakeEngine) -> None:
    """What it has made appears when the other work has ended; it does not break that off."""
    pick(window, "ffhq-1024")
    window.offer_page.accepted.click()
    engine.gate.clear()
    window.offer_page.download.click()
    pick(window, "portraits")
    window.model_page.show_strips.click()
    engine.gate.set()
    wait_until(lambda: "ffhq-1024" in {model.name for model in window.state.models})
    free(window)
    assert engine.cancelled == []
    assert len(window.state.directions["portraits"]) == 3


def test_what_arrived_before_is_shown(engine: FakeEngine, open_models: Open) -> None:
    engine.shelf.have = 381_624_121 // 4
    window = open_models()
    wait_until(lambda: bool(window.state.offers))
    pick(window, "ffhq-1024")
    assert window.offer_page.download.text() == "Resume"
    assert window.offer_page.far.text() == "paused at 25%"


def test_directions_are_shown_and_changed(window: ModelsWindow, engine: FakeEngine) -> None:
    pick(window, "portraits")
    window.model_page.show_strips.click()
    wait_until(lambda: len(rows_of(window)) == 3)
    free(window)
    before = pixels(rows_of(window)[0])
    rows_of(window)[0].flip.click()
    wait_until(lambda: engine.shelf.directions["portraits"][0]["scale"] == -1)
    free(window)
    assert np.abs(pixels(rows_of(window)[0]) - before).max() > 20, "its strip was painted anew"
    rows_of(window)[1].hide_it.click()
    free(window)
    assert rows_of(window)[1].hide_it.text() == "Offer"
    rows_of(window)[2].longer.click()
    free(window)
    assert engine.shelf.directions["portraits"][2]["scale"] == 1.25
    name = rows_of(window)[0].name
    name.setText("Broad smile")
    QTest.keyClick(name, KEY.Key_Return)
    wait_until(lambda: engine.shelf.directions["portraits"][0]["name"] == "broad-smile")
    free(window)
    assert rows_of(window)[0].name.text() == "broad-smile"
    assert len([r for r in engine.shelf.requests if r.get("rename")]) == 1
    assert {r["strips"] for r in engine.shelf.requests if r["do"] == "directions"} == {"all", "changed"}


def test_the_embedded_model_stays_as_it_is(window: ModelsWindow) -> None:
    window.model_page.show_strips.click()
    wait_until(lambda: len(rows_of(window)) == 1)
    assert not hasattr(rows_of(window)[0], "flip")


def test_stopping(window: ModelsWindow, engine: FakeEngine) -> None:
    engine.gate.clear()
    window.model_page.discover.click()
    assert not window.model_page.discover.isEnabled()
    window.session.stop()
    free(window)
    assert window.model_page.discover.isEnabled()
    assert window.state.problem is None


def test_no_engine(engine: FakeEngine, open_models: Open) -> None:
    engine.problems["connect"] = EngineProblem("engine_unavailable", "No engine is running.")
    window = open_models()
    wait_until(lambda: window.state.problem is not None)
    assert window.problem.sentence.text() == "No engine is running."
    del engine.problems["connect"]
    window.problem.mend.click()
    wait_until(lambda: bool(window.state.models))
    assert not window.problem.isVisible()


PROCESS = """
import sys
from pathlib import Path
import numpy as np
from PyQt5.QtCore import QTimer
from engine.paths import Home
from plugin.dialogs import opening
from tests.plugin.fake_client import FakeEngine
make = opening.make_models_window
def closing(*arguments):
    made = make(*arguments)
    made.state.observe(lambda topic: QTimer.singleShot(0, made.close) if made.state.models else None)
    return made
opening.make_models_window = closing
engine = FakeEngine(np.zeros((8, 8, 3), np.uint8))
code = opening.open_models(engine.connect, Home(Path(sys.argv[1])))
print("asked", [request["do"] for request in engine.shelf.requests])
sys.exit(code)
"""


def test_the_process_ends_with_the_window(tmp_path: Path) -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "asked ['list']"), ended.stderr


def test_names_of_directions() -> None:
    assert slug("Turn left!") == "turn-left"
    assert slug("  ") == ""
