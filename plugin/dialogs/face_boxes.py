"""Draws what lies over the picture: boxes round the faces, the legend, the ring of the brush."""

from __future__ import annotations

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPainter, QPen

from plugin.dialogs.faces import Face
from plugin.dialogs.palette import Tones

CORNER = 0.22  # of a box's side, drawn at its corners
SHADE = QColor(0, 0, 0, 165)
LIGHT = QColor(255, 255, 255, 220)


def draw_box(painter: QPainter, box: QRectF, face: Face, tones: Tones, *, chosen: bool, numbered: bool) -> None:
    """Corners round a face, light on dark so that they are seen on any skin, its number, and what is against it.

    A face with a drawback has broken lines.
    """
    colour = QColor(tones.accent) if chosen else LIGHT
    style = Qt.PenStyle.DotLine if face.drawback else Qt.PenStyle.SolidLine
    for shade, width in ((QColor(0, 0, 0, 150), 4.0), (colour, 2.0)):
        painter.setPen(QPen(shade, width, style, Qt.PenCapStyle.RoundCap))
        arm = CORNER * min(box.width(), box.height())
        for corner, right, down in (
            (box.topLeft(), 1, 1),
            (box.topRight(), -1, 1),
            (box.bottomLeft(), 1, -1),
            (box.bottomRight(), -1, -1),
        ):
            painter.drawLine(corner, corner + QPointF(arm * right, 0))
            painter.drawLine(corner, corner + QPointF(0, arm * down))
    above = box.top() - painter.fontMetrics().height() - 9
    if numbered:
        ground, ink = (QColor(tones.accent), QColor(tones.on_accent)) if chosen else (SHADE, LIGHT)
        _draw_label(painter, QPointF(box.left() - 1, above), str(face.number), ground, ink)
    if face.drawback:
        _draw_label(painter, QPointF(box.left() - 1, box.bottom() + 6), face.drawback, SHADE, LIGHT)


def draw_legend(painter: QPainter, text: str, left: float, bottom: float) -> None:
    """A line of text at the lower left corner of the picture."""
    metrics = painter.fontMetrics()
    width, height = metrics.horizontalAdvance(text) + 22, metrics.height() + 10
    pill = QRectF(left + 12, bottom - height - 12, width, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(SHADE)
    painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
    painter.setPen(QColor(255, 255, 255, 235))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def draw_brush(painter: QPainter, at: QPointF, radius: float, softness: float, *, shows: bool) -> None:
    """The brush's rim and where it begins to fade; in its middle + for the edit, − for the photograph."""
    for colour, width in ((QColor(0, 0, 0, 150), 3.0), (LIGHT, 1.2)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(at, radius, radius)
        painter.drawLine(at - QPointF(4, 0), at + QPointF(4, 0))
        if shows:
            painter.drawLine(at - QPointF(0, 4), at + QPointF(0, 4))
    if 0.05 < softness < 0.95:
        painter.setPen(QPen(QColor(255, 255, 255, 110), 1.0, Qt.PenStyle.DotLine))
        painter.drawEllipse(at, radius * (1 - softness), radius * (1 - softness))


def _draw_label(painter: QPainter, at: QPointF, text: str, ground: QColor, ink: QColor) -> None:
    metrics = painter.fontMetrics()
    badge = QRectF(at.x(), at.y(), metrics.horizontalAdvance(text) + 12, metrics.height() + 3)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(badge, 4, 4)
    painter.setPen(ink)
    painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
    painter.setBrush(Qt.BrushStyle.NoBrush)
