"""Opens a dialog: the application, its look, the window above all others, the event loop."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Mapping

from PyQt5.QtCore import (
    QMessageLogContext,
    QSettings,
    Qt,
    QtMsgType,
    qInstallMessageHandler,
)
from PyQt5.QtWidgets import QApplication

from engine.messages import DialogRequest
from engine.paths import Home
from plugin.dialogs.chore_window import ChoreWindow
from plugin.dialogs.display import NO_DISPLAY, NO_DISPLAY_SENTENCE, NO_LIBRARIES_SENTENCE
from plugin.dialogs.edit_state import EditState
from plugin.dialogs.edit_window import EditWindow
from plugin.dialogs.invert_state import InvertState
from plugin.dialogs.invert_window import InvertWindow
from plugin.dialogs.lane import Engine
from plugin.dialogs.models_session import ModelsSession
from plugin.dialogs.models_state import ModelsState
from plugin.dialogs.models_window import ModelsWindow
from plugin.dialogs.palette import Tones, dress, tones_of
from plugin.dialogs.session import Session
from plugin.dialogs.settings_session import SettingsSession
from plugin.dialogs.settings_state import SettingsState
from plugin.dialogs.settings_window import SettingsWindow
from plugin.dialogs.upkeep import Upkeep
from plugin.dialogs.window import DialogWindow

_said: deque[str] = deque(maxlen=10)


def open_dialog(
    request: DialogRequest, job: str, connect: Callable[[], Engine], home: Home, usual_steps: int
) -> int:
    """Show the dialog of a job until it is answered. Returns the process's exit code."""
    app, tones = _application({**os.environ, **request.environment})
    return _shown(app, make_window(request, job, connect, home, usual_steps, tones))


def open_models(connect: Callable[[], Engine], home: Home) -> int:
    """Show the models' window until it is closed. Returns the process's exit code."""
    app, tones = _application(os.environ)
    return _shown(app, make_models_window(connect, home, tones))


def open_settings(connect: Callable[[], Engine], home: Home) -> int:
    """Show the settings' window until it is closed. Returns the process's exit code."""
    app, tones = _application(os.environ)
    return _shown(app, make_settings_window(Upkeep(home, connect), home, tones))


def _application(environment: Mapping[str, str]) -> tuple[QApplication, Tones]:
    qInstallMessageHandler(_qt_says)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_EnableHighDpiScaling)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_UseHighDpiPixmaps)
    app = QApplication(["Likeness"])
    app.setApplicationName("Likeness")
    app.setQuitOnLastWindowClosed(False)  # an answer may still be on its way
    tones = tones_of(app, environment)
    dress(app, tones)
    return app, tones


def _shown(app: QApplication, window: DialogWindow | ChoreWindow) -> int:
    window.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)  # a click on GIMP would hide it
    window.closed.connect(app.quit)
    window.show()
    window.session.start()
    app.exec_()
    window.settings.sync()
    if not window.abandon():  # a thread still waits for the engine: nobody needs its answer
        sys.stderr.flush()
        os._exit(0)
    return 0


def make_window(
    request: DialogRequest,
    job: str,
    connect: Callable[[], Engine],
    home: Home,
    usual_steps: int,
    tones: Tones,
) -> DialogWindow:
    """The window that the request asks for, not yet shown; its session has not started."""
    settings = QSettings(str(home.root / f"dialog-{request.window}.ini"), QSettings.Format.IniFormat)
    if request.window == "edit":
        edit = EditState(request)
        return EditWindow(edit, Session(edit, job, connect), tones, settings, home.root / "presets.json")
    invert = InvertState(request, usual_steps)
    return InvertWindow(invert, Session(invert, job, connect), tones, settings)


def make_models_window(connect: Callable[[], Engine], home: Home, tones: Tones) -> ModelsWindow:
    """The models' window, not yet shown."""
    settings = QSettings(str(home.root / "dialog-models.ini"), QSettings.Format.IniFormat)
    state = ModelsState()
    return ModelsWindow(state, ModelsSession(state, connect), tones, settings)


def make_settings_window(upkeep: Upkeep, home: Home, tones: Tones) -> SettingsWindow:
    """The settings' window, not yet shown."""
    settings = QSettings(str(home.root / "dialog-settings.ini"), QSettings.Format.IniFormat)
    state = SettingsState()
    return SettingsWindow(state, SettingsSession(state, upkeep), tones, settings)


def _qt_says(kind: QtMsgType, context: QMessageLogContext, text: str | None) -> None:
    """Qt's words go to stderr. Its only fatal one is that its platform cannot be used, where it would abort."""
    if kind == QtMsgType.QtFatalMsg:
        reached = not any("could not connect to display" in said for said in _said)
        sentence = NO_LIBRARIES_SENTENCE if reached else NO_DISPLAY_SENTENCE
        print(text, sentence, sep="\n", file=sys.stderr, flush=True)
        os._exit(NO_DISPLAY)
    if kind != QtMsgType.QtDebugMsg:
        print(text, file=sys.stderr)
        _said.append(text or "")
