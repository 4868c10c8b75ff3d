# ruff: noqa: N802 (Qt's names)
"""Space, held anywhere in a window, shows the original: a key that is down, which Qt's shortcuts don't know."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import QEvent, QObject, Qt
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget


class PeekKey(QObject):
    """Tells `peek` whether Space is down, unless the widget with the focus has a use for it."""

    def __init__(self, window: QWidget, peek: Callable[[bool], None]) -> None:
        super().__init__(window)
        self._window = window
        self._peek = peek
        self._down = False

    def watch(self) -> None:
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self)

    def look_away(self) -> None:
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        if self._down and a1 is not None and a1.type() == QEvent.Type.WindowDeactivate:
            self._set(False)  # the key will come up in another window
        if not (
            isinstance(a1, QKeyEvent)
            and a1.key() == Qt.Key.Key_Space
            and a1.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
            and isinstance(a0, QWidget)
            and a0.window() is self._window
        ):
            return False
        pressed = a1.type() == QEvent.Type.KeyPress
        if pressed and _uses_space(QApplication.focusWidget()):
            return False
        if not pressed and not self._down:
            return False
        if not a1.isAutoRepeat():
            self._set(pressed)
        return True

    def _set(self, down: bool) -> None:
        self._down = down
        self._peek(down)


def _uses_space(widget: QWidget | None) -> bool:
    """Text fields and buttons do; not one of several that is down and stays so."""
    if isinstance(widget, QAbstractButton):
        return not (widget.isChecked() and widget.group() is not None)
    return isinstance(widget, QLineEdit)
