"""The line between before and after: left of it the original, and a handle to draw it along. Without state."""

from __future__ import annotations

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPainter, QPen, QPolygonF

REACH = 9  # pixels round the line where the hand takes it
GRIP = (18.0, 34.0)
ARROW = 4.0
HALF = 0.5


def line_at(part: float, width: float) -> float:
    """The x of the line; at the very left or right the handle stays within reach."""
    return min(width - GRIP[0] / 2, max(GRIP[0] / 2, part * width))


def takes(x: float, y: float, part: float, width: float, height: float) -> bool:
    """Whether the hand takes the handle here: all along the line, at the edges only at the grip."""
    if abs(x - line_at(part, width)) > REACH:
        return False
    return 0 < part < 1 or abs(y - height / 2) <= GRIP[1] / 2


def part_of(x: float, width: float) -> float:
    """The part of the width that shows the original when the hand is at x; near the edges, none or all."""
    return 0.0 if x < REACH else 1.0 if x > width - REACH else x / width


def draw(painter: QPainter, part: float, width: float, height: float) -> None:
    """Light on dark, so that it is seen on any picture."""
    x = line_at(part, width)
    if 0 < part < 1:
        for colour, thickness in ((QColor(0, 0, 0, 140), 3.0), (QColor(255, 255, 255, 220), 1.0)):
            painter.setPen(QPen(colour, thickness))
            painter.drawLine(QPointF(x, 0), QPointF(x, height))
    grip = QRectF(x - GRIP[0] / 2, height / 2 - GRIP[1] / 2, *GRIP)
    painter.setPen(QPen(QColor(255, 255, 255, 200), 1.0))
    painter.setBrush(QColor(0, 0, 0, 165))
    painter.drawRoundedRect(grip, 5, 5)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(255, 255, 255, 230))
    for side in (-1, 1):
        tip = QPointF(x + side * (ARROW + 2), height / 2)
        foot = QPointF(-side * ARROW, ARROW)
        painter.drawPolygon(QPolygonF([tip, tip + foot, tip + QPointF(foot.x(), -ARROW)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
