"""A model's directions: a strip of pictures each, its name, and what can be done with it."""

from __future__ import annotations

import re

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage, QPixmap
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from plugin.dialogs.bars import button
from plugin.dialogs.models_session import ModelsSession, Pixels
from plugin.dialogs.models_state import Direction, Model, ModelsState
from plugin.likeness.words import _, said

STRIP_WIDTH = 440
LONGER = 1.25  # one press; one of the other way undoes it
NAME_LETTERS = 20


class DirectionRows(QWidget):
    """One row each; what has no vector is shown by name only."""

    def __init__(self, state: ModelsState, session: ModelsSession) -> None:
        super().__init__()
        self._state, self._session = state, session
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._shown: tuple[str, tuple[Direction, ...]] = ("", ())
        self.rows: list[DirectionRow] = []

    def show_directions(self, model: Model) -> None:
        directions = self._state.directions.get(model.name, ())
        if (model.name, directions) != self._shown:
            self._shown = (model.name, directions)
            self._build(model)
        for row in self.rows:
            row.setEnabled(self._state.is_free)

    def _build(self, model: Model) -> None:
        for row in self.rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        for direction in self._shown[1]:
            row = DirectionRow(model, direction, self._session)
            self._column.addWidget(row)
            self.rows.append(row)


class DirectionRow(QFrame):
    """The strip: the average face, moved by strengths −2 … 2."""

    def __init__(self, model: Model, direction: Direction, session: ModelsSession) -> None:
        super().__init__()
        self.setObjectName("card")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        pixels = session.pixels(direction.strip)
        if pixels is not None:
            strip = QLabel()
            strip.setPixmap(_pixmap(pixels))
            column.addWidget(strip)
        words = said(direction.label) if model.embedded else direction.label
        label = QLabel(_("{label} (not offered)").format(label=words) if direction.hidden else words)
        label.setObjectName("dim")
        label.setTextFormat(Qt.TextFormat.PlainText)  # it may come from a file that somebody made
        if model.embedded or not direction.vector:
            column.addWidget(label)
            return
        self.name = QLineEdit(direction.name)
        self.name.setMaxLength(60)
        self.name.setMaximumWidth(NAME_LETTERS * self.fontMetrics().averageCharWidth())
        self.flip = button(_("Flip"), "", _("Turn it round: + becomes −"))
        self.shorter = button("–", "", _("Shorter steps: strength 1 does less"))
        self.longer = button("+", "", _("Longer steps: strength 1 does more"))
        self.hide_it = button(
            _("Offer") if direction.hidden else _("Hide"), "", _("Whether Edit Face shows a slider for it")
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for one in (self.name, self.flip, self.shorter, self.longer, self.hide_it):
            buttons.addWidget(one)
        buttons.addStretch(1)
        column.addWidget(label)
        column.addLayout(buttons)

        def rename() -> None:
            name = slug(self.name.text())
            if (
                session.state.is_free and name and name != direction.name
            ):  # a row that is disabled loses its focus
                session.rename(model.name, direction, name)

        self.name.editingFinished.connect(rename)
        self.flip.clicked.connect(lambda: session.flip(model.name, direction))
        self.shorter.clicked.connect(lambda: session.scale(model.name, direction, 1 / LONGER))
        self.longer.clicked.connect(lambda: session.scale(model.name, direction, LONGER))
        self.hide_it.clicked.connect(lambda: session.hide(model.name, direction, not direction.hidden))


def slug(text: str) -> str:
    """A direction's name as the engine takes it: “Turn left” → turn-left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _pixmap(pixels: Pixels) -> QPixmap:
    width, height, data = pixels
    image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy()).scaledToWidth(STRIP_WIDTH)
