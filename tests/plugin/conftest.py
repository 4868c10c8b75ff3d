"""Widgets without a display, and an engine that a test scripts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.messages import DialogRequest
from tests.plugin.fake_client import FakeEngine

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")

from PyQt5 import sip
from PyQt5.QtWidgets import QApplication

from engine.paths import Home
from engine.settings import Settings
from plugin.dialogs.chore_window import ChoreWindow
from plugin.dialogs.edit_window import EditWindow
from plugin.dialogs.invert_window import InvertWindow
from plugin.dialogs.opening import make_window
from plugin.dialogs.palette import LIGHT, Tones, dress
from plugin.dialogs.state import Stage
from plugin.dialogs.window import DialogWindow

JOB = "a" * 32
PHOTO = Path(__file__).parent.parent / "photos" / "astronaut.png"
SECONDS = 10.0

Opener = Callable[..., DialogWindow]
Show = Callable[..., None]


def app_for_tests() -> QApplication:
    found = QApplication.instance()
    return found if isinstance(found, QApplication) else QApplication(["tests"])


@pytest.fixture(scope="session")
def app() -> QApplication:
    return app_for_tests()


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    return np.asarray(Image.open(PHOTO).convert("RGB"))


@pytest.fixture
def engine(photo: np.ndarray) -> FakeEngine:
    return FakeEngine(photo)


@pytest.fixture
def show(app: QApplication, engine: FakeEngine) -> Iterator[Show]:
    """Shows windows; in the end all are closed, their threads ended, and the windows destroyed.

    A window left to the garbage collector goes at any moment, also while Qt walks over all widgets to style
    them, which is a crash.
    """
    windows: list[DialogWindow | ChoreWindow] = []

    def show_it(window: DialogWindow | ChoreWindow, started: bool = True) -> None:
        windows.append(window)
        window.show()
        if started:
            window.session.start()

    yield show_it
    engine.gate.set()
    for made in windows:
        assert made.abandon()
    app.processEvents()
    for made in windows:
        sip.delete(made)


@pytest.fixture
def open_window(app: QApplication, engine: FakeEngine, show: Show, tmp_path: Path) -> Opener:
    """Opens a dialog on the scripted engine."""

    def open_it(
        window: str = "edit", tones: Tones = LIGHT, started: bool = True, **asked: object
    ) -> DialogWindow:
        dress(app, tones)
        request = DialogRequest.model_validate(
            {"window": window, "picture": engine.picture, "title": "portrait.xcf ▸ “Background”"} | asked
        )
        made = make_window(request, JOB, engine.connect, Home(tmp_path), Settings().refine_steps, tones)
        show(made, started)
        return made

    return open_it


def wait_until(true: Callable[[], bool], what: str = "") -> None:
    """Let Qt work until something is true."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, f"never happened: {what or true}"
        QApplication.processEvents()
        time.sleep(0.002)
    QApplication.processEvents()


def wait_ready(window: DialogWindow) -> None:
    wait_until(
        lambda: window.state.stage is Stage.READY and window.state.can_apply and window.state.task is None,
        "ready",
    )


def ready_edit(open_window: Opener, **asked: object) -> EditWindow:
    window = open_window("edit", **asked)
    assert isinstance(window, EditWindow)
    wait_ready(window)
    return window


def ready_invert(open_window: Opener, **asked: object) -> InvertWindow:
    window = open_window("invert", **asked)
    assert isinstance(window, InvertWindow)
    wait_ready(window)
    return window
