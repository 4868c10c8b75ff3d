# ruff: noqa: N802 (Qt's names)
"""The line at the bottom: what is under way and how long it takes, or which model works here."""

from __future__ import annotations

from PyQt5.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QPainter, QPaintEvent
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QStyle, QWidget

from plugin.dialogs.bars import button
from plugin.dialogs.chores import ChoreState
from plugin.dialogs.observable import Topic
from plugin.dialogs.state import DialogState, Stage, Task
from plugin.likeness.words import _

SAY_AFTER = 0.3  # seconds: what is quicker needs no words
STOP_AFTER = 1.0  # and no button
TICK_MILLISECONDS = 250


class Shortened(QLabel):
    """One line of text that ends in “…” where there is no room for all of it."""

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        style = self.style()
        assert style
        room, painter = self.contentsRect(), QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        where = QStyle.visualAlignment(self.layoutDirection(), self.alignment())
        role = self.foregroundRole()
        style.drawItemText(painter, room, int(where), self.palette(), self.isEnabled(), text, role)


class StatusLine(QWidget):
    """`stop` is emitted when the person has enough of what is under way."""

    stop = pyqtSignal()

    def __init__(self, state: DialogState | ChoreState) -> None:
        super().__init__()
        self._state = state
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(140)
        self.text = Shortened()
        self.text.setObjectName("dim")
        self.text.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.text.setMinimumWidth(1)  # rather shortened than a wider window
        self.halt = button(_("Stop"), "quiet", _("Stop what is under way"))
        row.addWidget(self.bar)
        row.addWidget(self.text)
        row.addWidget(self.halt)
        row.addStretch(1)
        self.halt.clicked.connect(self.stop)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MILLISECONDS)
        self._tick.timeout.connect(self.refresh)
        state.observe(self._told)
        self.refresh()

    def sizeHint(self) -> QSize:
        """No wider than it must be: it takes what the others leave."""
        return QSize(1, max(self.halt.sizeHint().height(), self.text.sizeHint().height()))

    def refresh(self) -> None:
        task = self._state.task
        if task is None:
            self._tick.stop()
            self._show_rest()
            return
        if not self._tick.isActive():
            self._tick.start()
        lasted = self._state.clock() - task.started
        if lasted < SAY_AFTER:
            self.halt.setVisible(False)
            if not self.bar.isVisibleTo(self):
                self._show_rest()
            return
        self.bar.setVisible(True)
        self.halt.setVisible(lasted > STOP_AFTER)
        self.bar.setRange(0, 0 if task.fraction is None else 1000)
        if task.fraction is not None:
            self.bar.setValue(round(task.fraction * 1000))
        self._say(f"{task.message} …{_left(task)}")

    def _show_rest(self) -> None:
        self.bar.setVisible(False)
        self.halt.setVisible(False)
        words = self._state.where
        seconds = self._state.last_seconds
        if self._state.stage is Stage.READY and seconds is not None and seconds >= 0.05:
            words += _(" · made in {seconds}").format(seconds=_seconds(seconds))
        self._say(words)

    def _say(self, words: str) -> None:
        self.text.setText(words)
        self.text.setToolTip(words)

    def _told(self, topic: Topic) -> None:
        if topic in (Topic.TASK, Topic.STAGE, Topic.DIRECTIONS, Topic.LAYERS):
            self.refresh()


def _left(task: Task) -> str:
    if task.seconds_left is None or task.seconds_left < 1:
        return ""
    if task.seconds_left < 100:
        return _("  about {seconds_left:.0f} s left").format(seconds_left=task.seconds_left)
    return _("  about {seconds_left:.0f} min left").format(seconds_left=task.seconds_left / 60)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
