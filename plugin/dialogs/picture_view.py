# ruff: noqa: N802 (Qt's names)
"""The picture: draws the scene, zooms with the wheel, pans with a drag, and tells which face was clicked."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PyQt5.QtWidgets import QSizePolicy, QWidget

from plugin.dialogs.palette import Tones
from plugin.dialogs.pyramid import Pyramid
from plugin.dialogs.scene import Scene
from plugin.dialogs.state import Face, View
from plugin.dialogs.viewport import Viewport

CLICK = 5  # pixels the hand may tremble
WHEEL_NOTCH = 120.0
CORNER = 0.22  # of a box's side, drawn at its corners


class PictureView(QWidget):
    """Keyboard and state are the window's; this widget is told what to show."""

    face_clicked = pyqtSignal(int)
    zoomed = pyqtSignal()

    def __init__(self, tones: Tones, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = Scene()
        self.viewport = Viewport()
        self.view = View.RESULT
        self.overlay = False
        self.legend = ""
        self.faces: tuple[Face, ...] = ()
        self.chosen: tuple[int, ...] = ()
        self.marked = False  # boxes are drawn although the pointer is elsewhere
        self._tones = tones
        self._pressed: QPoint | None = None
        self._last = QPoint()
        self._dragged = False
        self._wanted: tuple[float, float, float, float] | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(280, 240)
        self.setAccessibleName("The photograph")

    # --- what the window tells ----------------------------------------------------------------------------

    def set_photograph(self, photograph: Pyramid) -> None:
        self.scene.photograph = photograph
        self.viewport.set_picture(photograph.width, photograph.height)
        self._changed()

    def approach(self, box: tuple[float, float, float, float]) -> None:
        """Bring a face close, unless the hand has already chosen what to look at."""
        if self.viewport.fitted:
            self.go_to(box)

    def go_to(self, box: tuple[float, float, float, float]) -> None:
        self.viewport.show(*box)
        self._changed()

    def fit(self) -> None:
        self.viewport.fit()
        self._changed()

    def full_size(self) -> None:
        self.viewport.zoom_to(1.0)
        self._changed()

    def toggle_zoom(self) -> None:
        self.viewport.toggle(self._pointer())
        self._changed()

    def step_zoom(self, steps: float) -> None:
        self.viewport.step(steps)
        self._changed()

    def seen_side(self, rect: tuple[int, int, int, int]) -> int:
        """How many device pixels the longer side of this part of the picture takes on screen."""
        return max(1, round(max(rect[2:]) * self.viewport.zoom))

    # --- painting -----------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(760, 640)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._tones.canvas))
        painter.save()
        painter.scale(1 / self._ratio, 1 / self._ratio)
        self.scene.draw(painter, self.view, self.overlay, self.viewport)
        painter.restore()
        if self.scene.photograph is None:
            painter.setPen(QColor(self._tones.dim))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Opening the photograph …")
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.view is not View.ORIGINAL and (self.marked or (self.underMouse() and len(self.faces) > 1)):
            for face in self.faces:
                self._draw_box(painter, face)
        if self.legend:
            self._draw_legend(painter)

    def _draw_box(self, painter: QPainter, face: Face) -> None:
        """Corners round a face, light on dark so that they are seen on any skin, and its number."""
        box = self._on_screen(face.box)
        chosen = face.number in self.chosen
        for colour, width in ((QColor(0, 0, 0, 150), 4.0), (self._box_colour(chosen), 2.0)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            arm = CORNER * min(box.width(), box.height())
            for corner, right, down in (
                (box.topLeft(), 1, 1),
                (box.topRight(), -1, 1),
                (box.bottomLeft(), 1, -1),
                (box.bottomRight(), -1, -1),
            ):
                painter.drawLine(corner, corner + QPointF(arm * right, 0))
                painter.drawLine(corner, corner + QPointF(0, arm * down))
        if len(self.faces) > 1:
            metrics = painter.fontMetrics()
            text = str(face.number)
            width = metrics.horizontalAdvance(text) + 12
            badge = QRectF(box.left() - 1, box.top() - metrics.height() - 9, width, metrics.height() + 3)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._tones.accent) if chosen else QColor(0, 0, 0, 165))
            painter.drawRoundedRect(badge, 4, 4)
            painter.setPen(QColor(self._tones.on_accent) if chosen else QColor(255, 255, 255))
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _box_colour(self, chosen: bool) -> QColor:
        return QColor(self._tones.accent) if chosen else QColor(255, 255, 255, 220)

    def _draw_legend(self, painter: QPainter) -> None:
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(self.legend) + 22, metrics.height() + 10
        left, bottom = self.viewport.to_widget(0, self.viewport.picture[1])
        left, bottom = max(0.0, left / self._ratio), min(float(self.height()), bottom / self._ratio)
        pill = QRectF(left + 12, bottom - height - 12, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 165))
        painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
        painter.setPen(QColor(255, 255, 255, 235))
        painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, self.legend)

    # --- the hand -----------------------------------------------------------------------------------------

    def wheelEvent(self, a0: QWheelEvent | None) -> None:
        if a0 is not None and a0.angleDelta().y():
            at = (a0.position().x() * self._ratio, a0.position().y() * self._ratio)
            self.viewport.step(a0.angleDelta().y() / WHEEL_NOTCH, at)
            self._changed()
            a0.accept()

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is not None and a0.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pressed = self._last = a0.pos()
            self._dragged = False

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is None:
            return
        if self._pressed is None:
            pickable = len(self.faces) > 1 and self._face_at(a0.pos()) is not None
            self.setCursor(Qt.CursorShape.PointingHandCursor if pickable else Qt.CursorShape.ArrowCursor)
            return
        if (a0.pos() - self._pressed).manhattanLength() > CLICK:
            self._dragged = True
        if self._dragged:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            moved = a0.pos() - self._last
            self.viewport.pan(moved.x() * self._ratio, moved.y() * self._ratio)
            self._last = a0.pos()
            self._changed()

    def mouseReleaseEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is None or self._pressed is None:
            return
        self._pressed = None
        self.setCursor(Qt.CursorShape.ArrowCursor)
        face = self._face_at(a0.pos())
        if not self._dragged and face is not None and a0.button() == Qt.MouseButton.LeftButton:
            self.face_clicked.emit(face.number)

    def mouseDoubleClickEvent(self, a0: QMouseEvent | None) -> None:
        self.toggle_zoom()

    def enterEvent(self, a0: QEvent | None) -> None:
        self.update()

    def leaveEvent(self, a0: QEvent | None) -> None:
        self.update()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        self.viewport.set_widget(self.width() * self._ratio, self.height() * self._ratio)
        self._changed()

    # --- inside -------------------------------------------------------------------------------------------

    @property
    def _ratio(self) -> float:
        return self.devicePixelRatioF()

    def _changed(self) -> None:
        self.update()
        self.zoomed.emit()

    def _pointer(self) -> tuple[float, float] | None:
        """Where the pointer is, in device pixels; None when it is elsewhere."""
        if not self.underMouse():
            return None
        at = self.mapFromGlobal(self.cursor().pos())
        return at.x() * self._ratio, at.y() * self._ratio

    def _on_screen(self, box: tuple[float, float, float, float]) -> QRectF:
        left, top = self.viewport.to_widget(box[0], box[1])
        scale = self.viewport.zoom / self._ratio
        return QRectF(left / self._ratio, top / self._ratio, box[2] * scale, box[3] * scale)

    def _face_at(self, at: QPoint) -> Face | None:
        """The face under a point; the smallest when boxes overlap."""
        hit = [face for face in self.faces if self._on_screen(face.box).contains(QPointF(at))]
        return min(hit, key=lambda face: face.box[2] * face.box[3], default=None)
