# ruff: noqa: N802 (Qt's names)
"""A check box whose box is seen on light and dark: the style's own is black on black."""

from __future__ import annotations

from PyQt5.QtCore import QPointF, Qt
from PyQt5.QtGui import QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PyQt5.QtWidgets import QCheckBox, QStyle, QStyleOptionButton

STROKE = ((0.24, 0.52), (0.43, 0.7), (0.77, 0.32))  # in parts of the box


class Tick(QCheckBox):
    """The stylesheet paints the box, this the tick in it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        super().paintEvent(a0)
        style = self.style()
        if not self.isChecked() or style is None:
            return
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = style.subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        places = [QPointF(box.x() + x * box.width(), box.y() + y * box.height()) for x, y in STROKE]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.HighlightedText), 1.8))
        painter.drawPolyline(QPolygonF(places))
