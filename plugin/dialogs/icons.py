"""Small drawings for buttons, so that they look the same with every font: strokes on a 16 × 16 field."""

from __future__ import annotations

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from plugin.dialogs.palette import Tones

FIELD = 16
SHARPNESS = 4  # drawn this much larger; Qt scales down for the display


def icon(name: str, tones: Tones) -> QIcon:
    """One of: open, closed, undo, redo, minus, plus."""
    found = QIcon()
    for mode, colour in ((QIcon.Mode.Normal, tones.text), (QIcon.Mode.Disabled, tones.faint)):
        found.addPixmap(_drawn(_PATHS[name](), colour), mode)
    return found


def _drawn(path: QPainterPath, colour: str) -> QPixmap:
    pixmap = QPixmap(FIELD * SHARPNESS, FIELD * SHARPNESS)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(SHARPNESS, SHARPNESS)
    pen = QPen(QColor(colour), 1.5)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.drawPath(path)
    painter.end()
    pixmap.setDevicePixelRatio(SHARPNESS)
    return pixmap


def _strokes(*lines: tuple[tuple[float, float], ...]) -> QPainterPath:
    path = QPainterPath()
    for line in lines:
        path.moveTo(QPointF(*line[0]))
        for point in line[1:]:
            path.lineTo(QPointF(*point))
    return path


def _undo() -> QPainterPath:
    path = _strokes(((6, 3), (3, 6), (6, 9)), ((3, 6), (9, 6)))
    path.arcTo(QRectF(5.5, 6, 7, 7), 90, -180)
    path.lineTo(7, 13)
    return path


def _redo() -> QPainterPath:
    path = _strokes(((10, 3), (13, 6), (10, 9)), ((13, 6), (7, 6)))
    path.arcTo(QRectF(3.5, 6, 7, 7), 90, 180)
    path.lineTo(9, 13)
    return path


_PATHS = {
    "open": lambda: _strokes(((4.5, 6.5), (8, 10), (11.5, 6.5))),
    "closed": lambda: _strokes(((6.5, 4.5), (10, 8), (6.5, 11.5))),
    "undo": _undo,
    "redo": _redo,
    "minus": lambda: _strokes(((4, 8), (12, 8))),
    "plus": lambda: _strokes(((4, 8), (12, 8)), ((8, 4), (8, 12))),
}
