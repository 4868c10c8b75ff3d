# ruff: noqa: N802 (Qt's names)
"""The figure beside a slider, which takes a typed value as well."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from PyQt5.QtCore import QEvent, Qt, pyqtSignal
from PyQt5.QtGui import QFocusEvent, QKeyEvent
from PyQt5.QtWidgets import QLineEdit

DIFFERENT = "…"  # several faces, several values


def strength_text(strength: float) -> str:
    """+1.2, −0.35, 0."""
    if abs(strength) < 0.005:
        return "0"
    text = f"{abs(strength):.2f}"
    return ("+" if strength > 0 else "−") + (text[:-1] if text.endswith("0") else text)


def percent_text(part: float) -> str:
    """12 %."""
    return f"{part * 100:.0f} %"


def typed_number(text: str) -> float | None:
    """What somebody typed: point or comma, any kind of minus; None when it is no number."""
    try:
        number = float(text.strip().replace("−", "-").replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def typed_percent(text: str) -> float | None:
    """Of “12 %” and of “12”, 0.12."""
    number = typed_number(text.strip().removesuffix("%"))
    return None if number is None else number / 100


class Notation(NamedTuple):
    """How a value is written, and read when it is typed."""

    text_of: Callable[[float], str]
    number_of: Callable[[str], float | None]


STRENGTH = Notation(strength_text, typed_number)
PERCENT = Notation(percent_text, typed_percent)


class FigureField(QLineEdit):
    """`typed` carries a value when Enter is pressed or the field is left; Esc and `left` go back to the slider."""

    typed = pyqtSignal(float)
    left = pyqtSignal()

    def __init__(self, notation: Notation) -> None:
        super().__init__(notation.text_of(0.0))
        self._notation = notation
        self._value: float | None = 0.0
        self.setObjectName("figure")
        self.setAlignment(Qt.Alignment(Qt.AlignmentFlag.AlignRight) | Qt.AlignmentFlag.AlignVCenter)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFixedWidth(self.fontMetrics().horizontalAdvance("−0.00 ") + 12)
        self.returnPressed.connect(self._enter)
        self.editingFinished.connect(self._take)
        self.textEdited.connect(lambda text: self._mark("wrong", notation.number_of(text) is None))

    def show_value(self, value: float | None) -> None:
        """Set from the state, unless somebody is typing; None: there is more than one."""
        self._value = value
        if not (self.hasFocus() and self.isModified()):
            self.setText(DIFFERENT if value is None else self._notation.text_of(value))
            self._mark("resting", value == 0)
            self._mark("wrong", False)

    def begin(self, text: str = "") -> None:
        """Type into it; the slider's first key comes along."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.selectAll()
        if text:
            self.insert(text)
            self.setModified(True)

    def focusInEvent(self, a0: QFocusEvent | None) -> None:
        super().focusInEvent(a0)
        self.selectAll()

    def mousePressEvent(self, a0: object) -> None:
        focused = self.hasFocus()
        super().mousePressEvent(a0)  # type: ignore[arg-type]
        if not focused:
            self.selectAll()

    def event(self, a0: QEvent | None) -> bool:
        """Esc is ours while somebody types, not the window's."""
        if not isinstance(a0, QKeyEvent) or a0.type() != QEvent.Type.ShortcutOverride:
            return super().event(a0)
        if a0.key() != Qt.Key.Key_Escape:
            return super().event(a0)
        a0.accept()
        return True

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        if a0 is not None and a0.key() == Qt.Key.Key_Escape:
            self.setModified(False)
            self.show_value(self._value)
            self.left.emit()
        else:
            super().keyPressEvent(a0)

    def _enter(self) -> None:
        if self._notation.number_of(self.text()) is not None:
            self.left.emit()

    def _take(self) -> None:
        """Enter, or the focus has gone: what is no number is forgotten then."""
        number = self._notation.number_of(self.text())
        if self.isModified() and number is not None:
            self.setModified(False)
            self.typed.emit(number)
        elif not self.hasFocus():
            self.setModified(False)
        self.show_value(self._value)

    def _mark(self, name: str, value: bool) -> None:
        """The stylesheet looks at this; styling anew takes its time, so only where something changes."""
        if self.property(name) == value:
            return
        self.setProperty(name, value)
        style = self.style()
        if style is not None:
            style.unpolish(self)
            style.polish(self)
