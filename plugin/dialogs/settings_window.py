"""The settings' window: how the engine computes, what is kept of faces, where things are, what helps when it fails."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QSettings, Qt
from PyQt5.QtWidgets import QFileDialog, QScrollArea, QVBoxLayout, QWidget

from plugin.dialogs.chore_window import EDGE, ChoreWindow
from plugin.dialogs.observable import Topic
from plugin.dialogs.palette import Tones
from plugin.dialogs.settings_sections import Computing, Faces, Mending, Places, Running
from plugin.dialogs.settings_session import SettingsSession
from plugin.dialogs.settings_state import SettingsState
from plugin.likeness.words import _

SCROLL_BAR = 12
BUNDLE = "likeness-diagnostics.zip"


class SettingsWindow(ChoreWindow):
    """Shows a `SettingsState`, reports to a `SettingsSession`. There is no *Apply*: what is chosen counts."""

    title = _("Settings")
    size_at_first = (720, 820)

    def __init__(
        self, state: SettingsState, session: SettingsSession, tones: Tones, settings: QSettings
    ) -> None:
        super().__init__(state, session, tones, settings)
        self.state, self.session = state, session
        self.computing = Computing(state, session, tones)
        self.running = Running(state, session)
        self.faces = Faces(state, session)
        self.places = Places(state, session)
        self.mending = Mending(state, session, self.choose_file)
        self.sections = (self.computing, self.running, self.faces, self.places, self.mending)
        self._lay_out()
        state.observe(self.told)
        self.told(Topic.STAGE)

    def _lay_out(self) -> None:
        column = QWidget()
        column.setObjectName("panel")
        inside = QVBoxLayout(column)
        inside.setContentsMargins(0, 0, 8, 0)
        inside.setSpacing(EDGE)
        for section in self.sections:
            inside.addWidget(section)
        inside.addStretch(1)
        self.scrolled = QScrollArea()
        self.scrolled.setObjectName("panel")
        self.scrolled.setWidgetResizable(True)
        self.scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scrolled.setWidget(column)
        self.scrolled.setMinimumWidth(column.minimumSizeHint().width() + SCROLL_BAR)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(EDGE, EDGE, EDGE, EDGE)
        outer.setSpacing(EDGE)
        outer.addWidget(self.problem)
        outer.addWidget(self.scrolled, 1)
        outer.addLayout(self.bottom)

    def told(self, topic: Topic) -> None:
        if topic is not Topic.STAGE:
            return
        problem = self.state.problem
        self.problem.setVisible(problem is not None)
        if problem is not None:
            self.problem.show_problem(problem, _("Look again"))
        for section in self.sections:
            section.refresh()

    def choose_file(self) -> str:
        """Where the diagnostics are to be written; empty: nowhere."""
        first = str(Path.home() / BUNDLE)
        return QFileDialog.getSaveFileName(self, _("Write the diagnostics to"), first, "ZIP (*.zip)")[0]
