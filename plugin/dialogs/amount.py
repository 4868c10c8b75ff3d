# ruff: noqa: N802 (Qt's names)
"""A whole number with its unit, such as megabytes; 0 is a word."""

from __future__ import annotations

from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QHideEvent, QWheelEvent
from PyQt5.QtWidgets import QHBoxLayout, QSpinBox, QWidget

from plugin.dialogs.bars import button
from plugin.dialogs.icons import icon
from plugin.dialogs.palette import Tones
from plugin.likeness.words import _

SETTLE_MILLISECONDS = 500
FIGURES = 16  # letters that the field has room for


class Amount(QSpinBox):
    """`settled` when the hand rests, Enter was pressed, or the field was left. The wheel scrolls the page instead."""

    settled = pyqtSignal(int)

    def __init__(self, nothing: str, unit: str, most: int, step: int) -> None:
        super().__init__()
        self.setRange(0, most)
        self.setSingleStep(step)
        self.setSuffix(f" {unit}")
        self.setSpecialValueText(nothing)
        self.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(SETTLE_MILLISECONDS)
        self._rest.timeout.connect(lambda: self.settled.emit(self.value()))
        self.valueChanged.connect(lambda _: self._rest.start())
        self.editingFinished.connect(self._settle)

    def show_value(self, value: int) -> None:
        """Set from the state, unless the hand is at it."""
        if not self._rest.isActive():
            self.blockSignals(True)
            self.setValue(value)
            self.blockSignals(False)

    def _settle(self) -> None:
        if self._rest.isActive():
            self._rest.stop()
            self.settled.emit(self.value())

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        if e is not None:
            e.ignore()

    def hideEvent(self, e: QHideEvent | None) -> None:
        """The window closes: what was chosen a moment ago counts."""
        self._settle()
        super().hideEvent(e)


class AmountRow(QWidget):
    """An amount, and buttons that step it."""

    def __init__(self, amount: Amount, tones: Tones) -> None:
        super().__init__()
        self._amount = amount
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        amount.setFixedWidth(FIGURES * amount.fontMetrics().averageCharWidth())
        row.addWidget(amount)
        for name, said, steps in (("minus", _("Less"), -1), ("plus", _("More"), 1)):
            made = button("", "quiet", said)
            made.setIcon(icon(name, tones))
            made.setAccessibleName(said)
            made.setAutoRepeat(True)
            made.clicked.connect(lambda _=False, steps=steps: amount.stepBy(steps))
            row.addWidget(made)
        row.addStretch(1)

    def setAccessibleName(self, name: str | None) -> None:
        """Of the field, which is what gets the focus."""
        self._amount.setAccessibleName(name)
