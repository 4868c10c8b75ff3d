# ruff: noqa: N802 (Qt's names)
"""A button for what cannot be taken back."""

from __future__ import annotations

import time

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QHideEvent
from PyQt5.QtWidgets import QApplication, QPushButton


class ConfirmButton(QPushButton):
    """The first press asks, which is the text `sure`, the second is `confirmed`; a double click is one press."""

    confirmed = pyqtSignal()

    def __init__(self, text: str, sure: str, tip: str) -> None:
        super().__init__(text)
        self._texts = (text, sure)
        self._asked: float | None = None
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(self._press)

    def disarm(self) -> None:
        """Ask again."""
        self._asked = None
        self.setText(self._texts[0])

    def _press(self) -> None:
        now, asked = time.monotonic(), self._asked
        if asked is not None and now - asked > QApplication.doubleClickInterval() / 1000:
            self.disarm()
            self.confirmed.emit()
        else:
            self._asked = now
            self.setText(self._texts[1])

    def hideEvent(self, a0: QHideEvent | None) -> None:
        """Whoever has looked elsewhere is asked again."""
        self.disarm()
        super().hideEvent(a0)
