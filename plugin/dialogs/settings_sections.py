"""What stands in the settings' window, one card under the other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from PyQt5.QtGui import QFontDatabase
from PyQt5.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPlainTextEdit,
    QVBoxLayout,
)

from plugin.dialogs.amount import Amount, AmountRow
from plugin.dialogs.bars import Choices, add_row, button, words
from plugin.dialogs.confirm_button import ConfirmButton
from plugin.dialogs.figures import size_of
from plugin.dialogs.palette import Tones
from plugin.dialogs.settings_session import SettingsSession
from plugin.dialogs.settings_state import SettingsState
from plugin.dialogs.tick import Tick
from plugin.dialogs.upkeep import INVERSIONS, LOGS
from plugin.likeness.words import _

DEVICES = [
    ("auto", _("Automatic"), _("The best that is there for large models; small ones are quickest on the CPU")),
    ("cpu", "CPU", _("Always; slow with large models")),
    ("gpu", "GPU", _("Always; an edit says so where this machine has none")),
]
MOST_MEMORY, MOST_MINUTES = 1_000_000, 7 * 24 * 60
LOG_LINES = 12
LEARNT_AT_START = _(
    "The running engine still goes by the old settings. Stop it here, or wait until it ends by "
    "itself: the next one goes by the new ones."
)
LAYERS_REMEMBER = _(
    "Then an edit can be taken up again from a saved .xcf, on another machine too. What is kept is a "
    "face in numbers: whoever gets the file gets it as well."
)


class Section(QFrame):
    """A card with a title."""

    def __init__(self, title: str, state: SettingsState, session: SettingsSession) -> None:
        super().__init__()
        self.state, self.session = state, session
        self.setObjectName("card")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(14, 12, 14, 12)
        self.column.setSpacing(8)
        label = QLabel(title)
        label.setObjectName("title")
        self.column.addWidget(label)

    def refresh(self) -> None:
        """Show the state."""

    def add_text(self, name: str, text: str = "") -> QLabel:
        label = words(name)
        label.setText(text)
        self.column.addWidget(label)
        return label


class Computing(Section):
    """Device, memory, idle time."""

    def __init__(self, state: SettingsState, session: SettingsSession, tones: Tones) -> None:
        super().__init__(_("Computing"), state, session)
        self.device = Choices("segment", 0)
        self.device.offer([*DEVICES])
        self.memory = Amount(_("no limit"), "MB", MOST_MEMORY, 500)
        self.idle = Amount(_("never"), "min", MOST_MINUTES, 5)
        keeps = _("Mapped weights count. Previews get smaller before anything is refused.")
        self.memory.setToolTip(keeps if sys.platform == "linux" else _("Only Linux keeps such a limit."))
        memory, idle = AmountRow(self.memory, tones), AmountRow(self.idle, tones)
        memory.setEnabled(sys.platform == "linux")
        grid = QGridLayout()
        grid.setSpacing(8)
        grid.setColumnStretch(2, 1)
        for row, (text, widget) in enumerate(
            (
                (_("Computes on"), self.device),
                (_("Takes at most"), memory),
                (_("Ends when unused for"), idle),
            )
        ):
            widget.setAccessibleName(text)
            grid.addWidget(QLabel(text), row, 0)
            grid.addWidget(widget, row, 1)
        self.column.addLayout(grid)
        self.device.picked.connect(lambda choice: session.change(state.device_wish(str(choice))))
        self.memory.settled.connect(lambda value: session.change(state.memory_wish(value)))
        self.idle.settled.connect(lambda value: session.change(state.idle_wish(value)))

    def refresh(self) -> None:
        settings = self.state.settings
        self.setEnabled(settings is not None)
        if settings is not None:
            self.device.show_choice(self.state.device)
            self.memory.show_value(settings.memory_megabytes)
            self.idle.show_value(self.state.idle_minutes)


class Running(Section):
    """The engine, and its end."""

    def __init__(self, state: SettingsState, session: SettingsSession) -> None:
        super().__init__(_("Engine"), state, session)
        self.line = self.add_text("")
        self.outdated = self.add_text("warning", LEARNT_AT_START)
        tip = _("It ends with all its windows and jobs; GIMP starts it anew when it is needed")
        self.stop = ConfirmButton(_("Stop the engine"), _("Stop it and what it works on"), tip)
        add_row(self.column, self.stop)
        self.stop.confirmed.connect(session.stop_engine)

    def refresh(self) -> None:
        state = self.state
        self.line.setText(state.engine_line if state.settings else "")
        self.outdated.setVisible(state.is_outdated)
        self.stop.setEnabled(state.is_free and state.engine is not None)


class Faces(Section):
    """What is kept of people's faces."""

    def __init__(self, state: SettingsState, session: SettingsSession) -> None:
        super().__init__(_("What is kept of faces"), state, session)
        self.parasites = Tick(_("Layers remember their face"))
        self.column.addWidget(self.parasites)
        self.add_text("dim", LAYERS_REMEMBER)
        self.kept = self.add_text("")
        tip = _("Known faces must be searched for again; what GIMP's layers remember stays")
        self.forget = ConfirmButton(_("Forget all inversions"), _("Forget them for good"), tip)
        add_row(self.column, self.forget)
        self.note = self.add_text("dim")
        self.parasites.clicked.connect(lambda on: session.change({"keep_parasites": on}))
        self.forget.confirmed.connect(session.forget)

    def refresh(self) -> None:
        state = self.state
        self.parasites.setEnabled(state.settings is not None)
        self.parasites.setChecked(state.settings is None or state.settings.keep_parasites)
        inversions = state.place(INVERSIONS)
        count = inversions.files if inversions else 0
        size = f" ({size_of(inversions.size)})" if inversions and count else ""
        self.kept.setText(
            _("The engine keeps inversions, so that a face is searched for once: {count}{size}.").format(
                count=count, size=size
            )
        )
        self.forget.setEnabled(state.is_free)
        self.note.setText(state.notes.get("forget", ""))
        self.note.setVisible(bool(self.note.text()))


class Places(Section):
    """Where things are, with their sizes."""

    def __init__(self, state: SettingsState, session: SettingsSession) -> None:
        super().__init__(_("Where things are"), state, session)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(14)
        self.grid.setVerticalSpacing(4)
        self.grid.setColumnStretch(1, 1)
        self.column.addLayout(self.grid)
        self._labels: list[QLabel] = []

    def refresh(self) -> None:
        places = self.state.places
        while len(self._labels) < 3 * len(places):
            row, column = divmod(len(self._labels), 3)
            label = words("dim" if column else "")
            label.setWordWrap(column == 1)
            self.grid.addWidget(label, row, column)
            self._labels.append(label)
        texts = (text for place in places for text in (place.name, _breakable(place.path), size_of(place.size)))
        for label, text in zip(self._labels, texts, strict=False):
            label.setText(text)


class Mending(Section):
    """Logs and diagnostics."""

    def __init__(self, state: SettingsState, session: SettingsSession, choose_file: Callable[[], str]) -> None:
        super().__init__(_("When something is wrong"), state, session)
        self.logs = Choices("segment", 0)
        self.logs.offer([(name, _("Show {name}").format(name=name), _("Again: hide it")) for name in LOGS])
        self.collect = button(
            _("Collect diagnostics…"), "", _("One ZIP that helps to find a fault; no pictures in it")
        )
        add_row(self.column, self.collect)
        self.note = self.add_text("dim")
        add_row(self.column, self.logs)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setFixedHeight(LOG_LINES * self.text.fontMetrics().lineSpacing() + 16)
        self.column.addWidget(self.text)
        self.logs.picked.connect(lambda name: session.show_log(str(name)))
        self.collect.clicked.connect(lambda: self._collect(choose_file()))

    def _collect(self, path: str) -> None:
        if path:
            self.session.collect(path)

    def refresh(self) -> None:
        state = self.state
        self.logs.show_choice(*filter(None, [state.log]))
        self.text.setVisible(bool(state.log))
        if self.text.toPlainText() != state.log_text:
            self.text.setPlainText(state.log_text)
            bar = self.text.verticalScrollBar()
            if bar is not None:
                bar.setValue(bar.maximum())
        self.collect.setEnabled(state.is_free)
        self.note.setText(state.notes.get("collect", ""))
        self.note.setVisible(bool(self.note.text()))


def _breakable(path: Path) -> str:
    """A path that wraps after its separators."""
    return str(path).replace("/", "/\u200b").replace("\\", "\\\u200b")
