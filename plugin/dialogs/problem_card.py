"""An error where it happened: a sentence, what to do about it, and the button that mends it."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from plugin.dialogs.bars import button
from plugin.dialogs.state import Problem


class ProblemCard(QFrame):
    """Also says that something was stopped, which is no error."""

    mended = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        self.sentence, self.remedy = QLabel(), QLabel()
        for label in (self.sentence, self.remedy):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label)
        self.remedy.setObjectName("dim")
        self.mend = button("", "")
        column.addWidget(self.mend, 0, Qt.AlignmentFlag.AlignLeft)
        self.mend.clicked.connect(self.mended)

    def show_problem(self, problem: Problem, mend: str) -> None:
        """`mend` is the button's text; empty: there is nothing that this window could do."""
        self._show(problem.sentence, problem.remedy, mend, "warning")

    def show_note(self, sentence: str, mend: str) -> None:
        self._show(sentence, "", mend, "title")

    def _show(self, sentence: str, remedy: str, mend: str, name: str) -> None:
        self.sentence.setText(sentence)
        self.sentence.setObjectName(name)
        style = self.sentence.style()
        if style is not None:  # the name decides the colour
            style.unpolish(self.sentence)
            style.polish(self.sentence)
        self.remedy.setText(remedy)
        self.remedy.setVisible(bool(remedy))
        self.mend.setText(mend)
        self.mend.setVisible(bool(mend))
