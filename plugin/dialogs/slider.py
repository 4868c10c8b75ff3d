# ruff: noqa: N802 (Qt's names)
"""One slider: from the left end through a marked zero to the right end, and its row with name and figure."""

from __future__ import annotations

from PyQt5.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PyQt5.QtWidgets import QAbstractSlider, QHBoxLayout, QLabel, QSizePolicy, QWidget

from engine.messages import DirectionInfo
from plugin.dialogs.figure_field import STRENGTH, FigureField, Notation
from plugin.dialogs.palette import Tones
from plugin.likeness.words import _

PER_UNIT = 100  # positions of the slider in a strength of 1.0
HANDLE = 7.0
GROOVE = 3.0
SNAP = 4.0  # pixels round zero that are zero
KEYS_SETTLE_MILLISECONDS = 700  # key presses closer than this are one move
NAME_LETTERS = 16  # average letters of a name that are seen; the rest is in the tip


class StrengthSlider(QAbstractSlider):
    """Arrow keys step by 0.1, Page keys by 0.5, where the range is short by an eighth and a quarter of it. Delete
    and a double click ask for the way back, a figure or Enter begins to type. The wheel is left to the list."""

    back = pyqtSignal()
    typed = pyqtSignal(str)

    def __init__(self, tones: Tones) -> None:
        super().__init__()
        self._tones = tones
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def set_reach(self, low: float, high: float) -> None:
        """Its ends, and steps that suit them."""
        self.setRange(round(low * PER_UNIT), round(high * PER_UNIT))
        span = self.maximum() - self.minimum()
        self.setSingleStep(max(1, min(PER_UNIT // 10, span // 8)))
        self.setPageStep(max(1, min(PER_UNIT // 2, span // 4)))

    def sizeHint(self) -> QSize:
        return QSize(140, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(70, 24)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tones, middle = self._tones, self.height() / 2
        lit = self.isEnabled()
        at, zero = self._place(self.value()), self._place(0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tones.faint if lit else tones.line))
        painter.drawRoundedRect(
            QRectF(HANDLE, middle - GROOVE / 2, self.width() - 2 * HANDLE, GROOVE), GROOVE / 2, GROOVE / 2
        )
        painter.drawRoundedRect(QRectF(zero - 0.75, middle - 5, 1.5, 10), 0.75, 0.75)
        if lit and self.value():
            painter.setBrush(QColor(tones.accent))
            painter.drawRoundedRect(
                QRectF(min(at, zero), middle - GROOVE / 2, abs(at - zero), GROOVE), GROOVE / 2, GROOVE / 2
            )
        if not lit:
            painter.setBrush(QColor(tones.window))
            painter.setPen(QPen(QColor(tones.line), 1.5))
        else:
            at_rest = tones.text if tones.dark else tones.field
            painter.setBrush(QColor(tones.accent if self.value() else at_rest))
            edge = tones.accent if self.hasFocus() or self.value() else tones.dim
            painter.setPen(QPen(QColor(edge), 1.5))
        painter.drawEllipse(QPointF(at, middle), HANDLE - 1, HANDLE - 1)
        if self.hasFocus():
            halo = QColor(tones.accent)
            halo.setAlpha(110)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(halo, 2.5))
            painter.drawEllipse(QPointF(at, middle), HANDLE + 1.2, HANDLE + 1.2)

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is not None and a0.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(a0.pos().x())

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is not None and self.isSliderDown():
            self._follow(a0.pos().x())

    def mouseReleaseEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is not None and a0.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)

    def mouseDoubleClickEvent(self, a0: QMouseEvent | None) -> None:
        self.setSliderDown(False)
        self.back.emit()

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        if e is not None:
            e.ignore()

    def keyPressEvent(self, ev: QKeyEvent | None) -> None:
        if ev is not None and ev.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.back.emit()
        elif ev is not None and ev.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and int(ev.modifiers()) == 0:
            self.typed.emit("")
        elif ev is not None and ev.text() and ev.text() in "0123456789.,":
            self.typed.emit(ev.text())
        else:
            super().keyPressEvent(ev)

    def _place(self, value: int) -> float:
        """The x of a value."""
        span = max(1, self.maximum() - self.minimum())
        return HANDLE + (value - self.minimum()) / span * (self.width() - 2 * HANDLE)

    def _follow(self, x: int) -> None:
        if abs(x - self._place(0)) <= SNAP:
            self.setSliderPosition(0)
            return
        part = (x - HANDLE) / max(1.0, self.width() - 2 * HANDLE)
        value = self.minimum() + part * (self.maximum() - self.minimum())
        self.setSliderPosition(round(max(self.minimum(), min(self.maximum(), value))))


class _Name(QLabel):
    double_clicked = pyqtSignal()

    def mouseDoubleClickEvent(self, a0: QMouseEvent | None) -> None:
        self.double_clicked.emit()


class SliderRow(QWidget):
    """`moved(name, strength)` for every step, `settled` when the hand lets go.

    `notation` writes and reads the figure.
    """

    moved = pyqtSignal(str, float)
    settled = pyqtSignal()
    reset = pyqtSignal(str)

    def __init__(self, direction: DirectionInfo, tones: Tones, notation: Notation = STRENGTH) -> None:
        super().__init__()
        self.direction = direction
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 2, 0)
        row.setSpacing(6)
        self.name = _Name(direction.label)
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        name_width = NAME_LETTERS * self.fontMetrics().averageCharWidth()
        self.name.setFixedWidth(name_width)
        self.slider = StrengthSlider(tones)
        self.slider.setAccessibleName(direction.label)
        self.slider.setAccessibleDescription(direction.hint)
        self.figure = FigureField(notation)
        self.figure.setAccessibleName(_("{label}, as a figure").format(label=direction.label))
        row.addWidget(self.name)
        row.addWidget(self.slider, 1)
        row.addWidget(self.figure)
        text = self.fontMetrics().elidedText(direction.label, Qt.TextElideMode.ElideRight, name_width)
        self.name.setText(text)
        self.setToolTip(_tip(direction, elided=text != direction.label))
        for back in (self.name.double_clicked, self.slider.back):
            back.connect(lambda: self.reset.emit(direction.name))
        self.slider.typed.connect(self.figure.begin)
        self.figure.left.connect(lambda: self.slider.setFocus(Qt.FocusReason.OtherFocusReason))
        self.figure.typed.connect(self._take_figure)
        self.slider.valueChanged.connect(lambda value: self.moved.emit(direction.name, value / PER_UNIT))
        self.slider.sliderReleased.connect(self.settled)

    def show_value(self, strength: float, reach: tuple[float, float], *, differs: bool = False) -> None:
        """Set from the state; emits nothing. `differs`: the picked faces have more than this one value."""
        self.slider.blockSignals(True)
        self.slider.set_reach(*reach)
        if not self.slider.isSliderDown():
            self.slider.setValue(round(strength * PER_UNIT))
        self.slider.blockSignals(False)
        self.slider.update()
        self.figure.show_value(None if differs else strength)

    def _take_figure(self, strength: float) -> None:
        self.settled.emit()
        self.moved.emit(self.direction.name, strength)
        self.settled.emit()


def _tip(direction: DirectionInfo, *, elided: bool) -> str:
    words = [direction.label] if elided else []
    words += [direction.hint] if direction.hint else []
    return "\n".join([*words, _("Double click: back. Enter or a figure: type it.")])
