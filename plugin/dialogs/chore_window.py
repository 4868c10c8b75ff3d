# ruff: noqa: N802 (Qt's names)
"""What the windows without a photograph are: a problem on top, the status and *Close* at the bottom."""

from __future__ import annotations

from PyQt5.QtCore import QSettings, QSize, QTimer, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QKeySequence
from PyQt5.QtWidgets import QApplication, QHBoxLayout, QShortcut, QWidget

from plugin.dialogs.bars import button
from plugin.dialogs.chore_session import ChoreSession
from plugin.dialogs.chores import ChoreState
from plugin.dialogs.palette import Tones
from plugin.dialogs.problem_card import ProblemCard
from plugin.dialogs.status_line import StatusLine
from plugin.likeness.words import _

PART_OF_SCREEN = 0.9
EDGE = 12


class ChoreWindow(QWidget):
    """Shows a state, reports to a session. `closed` when the person has gone."""

    closed = pyqtSignal()
    title = ""
    size_at_first = (1040, 720)

    def __init__(self, state: ChoreState, session: ChoreSession, tones: Tones, settings: QSettings) -> None:
        super().__init__()
        self.session, self.tones, self.settings = session, tones, settings
        self.setObjectName("window")
        self.setWindowTitle(self.title)
        self.problem = ProblemCard()
        self.problem.hide()
        self.status = StatusLine(state)
        self.leave = button(_("Close"), "", "Esc")
        self.bottom = QHBoxLayout()
        self.bottom.addWidget(self.status, 1)
        self.bottom.addWidget(self.leave)
        self.problem.mended.connect(lambda: session.refresh(asked=True))
        self.status.stop.connect(session.stop)
        self.leave.clicked.connect(self.go)
        QShortcut(QKeySequence("Esc"), self).activated.connect(self.go)
        self._restore()

    def go(self) -> None:
        self.close()

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """The window goes at once; what is under way is hung up on."""
        if not self.isMaximized():
            self.settings.setValue("size", self.size())
        QTimer.singleShot(0, self.closed)
        super().closeEvent(a0)

    def abandon(self) -> bool:
        """Close; says whether all threads have ended."""
        self.close()
        return self.session.end()

    def _restore(self) -> None:
        screen = QApplication.primaryScreen()
        first = QSize(*self.size_at_first)
        room = screen.availableSize() * PART_OF_SCREEN if screen else first
        last = self.settings.value("size")
        self.resize((last if isinstance(last, QSize) else first).boundedTo(room))
