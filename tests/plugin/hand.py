"""What a hand does to widgets, and what an eye sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from PyQt5 import QtTest
from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import QImage, QMouseEvent
from PyQt5.QtWidgets import QApplication, QWidget

QTest: Any = QtTest.QTest  # PyQt5's stubs forget that its functions are static
KEY = Qt.Key
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


def drag(
    widget: QWidget,
    *places: QPoint,
    button: Qt.MouseButton = LEFT,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Press at the first place, move over the others, let go at the last (QTest moves without a button)."""
    QTest.mousePress(widget, button, modifiers, places[0])
    for place in places[1:]:
        move = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(place),
            button,
            Qt.MouseButtons(button),
            Qt.KeyboardModifiers(modifiers),
        )
        QApplication.sendEvent(widget, move)
    QTest.mouseRelease(widget, button, modifiers, places[-1])


def pixels_of(image: QImage) -> np.ndarray:
    """(h, w, 3) uint8."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()
    assert bits is not None
    rows = np.frombuffer(bits.asstring(image.byteCount()), np.uint8).reshape(image.height(), -1, 4)
    return rows[:, : image.width(), 2::-1]


def pixels(widget: QWidget) -> np.ndarray:
    """(h, w, 3) int of what a widget looks like."""
    return pixels_of(widget.grab().toImage()).astype(int)
