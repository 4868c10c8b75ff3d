# ruff: noqa: N802 (Qt's names)
"""The picture: draws the scene, zooms with the wheel, pans with a drag, and tells what the hand does to faces,
split line and brush."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt5.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent, QWheelEvent
from PyQt5.QtWidgets import QSizePolicy, QWidget

from plugin.dialogs import split_handle
from plugin.dialogs.face_boxes import draw_box, draw_brush, draw_legend
from plugin.dialogs.faces import Face
from plugin.dialogs.palette import Tones
from plugin.dialogs.pyramid import Pyramid
from plugin.dialogs.scene import Scene
from plugin.dialogs.state import OF_THE_MODEL, View
from plugin.dialogs.viewport import Viewport
from plugin.likeness.words import _, capitalised

CLICK = 5  # pixels the hand may tremble
WHEEL_NOTCH = 120.0
SPLIT_VIEWS = (View.RESULT, *OF_THE_MODEL)
SEVERAL = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@dataclass(frozen=True)
class BrushTip:
    """The brush as the picture shows it. `radius` in pixels of the photograph."""

    radius: float
    softness: float
    shows: bool


class PictureView(QWidget):
    """Keyboard and state are the window's; this widget is told what to show.

    `face_clicked` carries the face and whether it is one more; `brush_pressed` the place in the photograph and
    whether the edit is painted (else the photograph).
    """

    face_clicked = pyqtSignal(int, bool)
    zoomed = pyqtSignal()
    split_moved = pyqtSignal(float)
    brush_pressed = pyqtSignal(float, float, bool)
    brush_moved = pyqtSignal(float, float)
    brush_lifted = pyqtSignal()

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
        self.split = 0.0
        self.brush: BrushTip | None = None
        self._drawn: QPixmap | None = None
        self._pressed: QPoint | None = None
        self._last = QPoint()
        self._dragged = self._splitting = self._painting = self._taking_away = False
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(280, 240)
        self.setAccessibleName(_("The photograph"))

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

    def refresh(self) -> None:
        """What is to be seen has changed."""
        self._drawn = None
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = QPainter(self)
        if self.scene.photograph is None:
            painter.fillRect(self.rect(), QColor(self._tones.canvas))
            painter.setPen(QColor(self._tones.dim))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _("Opening the photograph …"))
            return
        self._drawn = self._drawn or self._draw_scene()
        painter.drawPixmap(0, 0, self._drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.view is not View.ORIGINAL and (self.marked or (self.underMouse() and len(self.faces) > 1)):
            for face in self.faces:
                chosen, numbered = face.number in self.chosen, len(self.faces) > 1
                box = self._on_screen(face.box)
                draw_box(painter, box, face, self._tones, chosen=chosen, numbered=numbered)
        if self._is_splittable:
            split_handle.draw(painter, self.split, self.width(), self.height())
        if self.legend:
            left, bottom = self.viewport.to_widget(0, self.viewport.picture[1])
            left, bottom = max(0.0, left / self._ratio), min(float(self.height()), bottom / self._ratio)
            draw_legend(painter, self.legend, left, bottom)
        if self.brush is not None and (self.underMouse() or self._painting):
            radius = self.brush.radius * self.viewport.zoom / self._ratio
            shows = self.brush.shows and not self._taking_away
            draw_brush(painter, QPointF(self._last), radius, self.brush.softness, shows=shows)

    def _draw_scene(self) -> QPixmap:
        """The scene, kept until something in it changes: a brush that moves over it must not wait for it."""
        ratio = self._ratio
        drawn = QPixmap(self.size() * ratio)
        drawn.fill(QColor(self._tones.canvas))
        painter = QPainter(drawn)
        self.scene.draw(painter, self.view, self.overlay, self.viewport)
        if self._is_splittable and self.split > 0:
            line = split_handle.line_at(self.split, self.width()) if self.split < 1 else self.width()
            painter.setClipRect(QRectF(0, 0, line * ratio, self.height() * ratio))
            painter.fillRect(drawn.rect(), QColor(self._tones.canvas))
            self.scene.draw(painter, View.ORIGINAL, False, self.viewport)
        painter.end()
        drawn.setDevicePixelRatio(ratio)
        return drawn

    # --- the hand -----------------------------------------------------------------------------------------

    def wheelEvent(self, a0: QWheelEvent | None) -> None:
        if a0 is not None and a0.angleDelta().y():
            at = (a0.position().x() * self._ratio, a0.position().y() * self._ratio)
            self.viewport.step(a0.angleDelta().y() / WHEEL_NOTCH, at)
            self._changed()
            a0.accept()

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is None:
            return
        left, right = (a0.button() == b for b in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton))
        self._last = a0.pos()
        if left and self._takes_split(a0.pos()):
            self._splitting = True
        elif self.brush is not None and (left or right) and not self._painting:
            self._painting = True
            self._taking_away = right or bool(a0.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.brush_pressed.emit(*self._in_photograph(a0.pos()), self.brush.shows and not self._taking_away)
        elif left or a0.button() == Qt.MouseButton.MiddleButton:
            self._pressed = a0.pos()
            self._dragged = False

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is None:
            return
        if self._splitting:
            self.split_moved.emit(split_handle.part_of(a0.pos().x(), self.width()))
        elif self._pressed is not None:
            self._drag(a0.pos(), self._pressed)
        elif self._painting:
            self.brush_moved.emit(*self._in_photograph(a0.pos()))
        else:
            self._point(a0.pos(), a0.modifiers())
        self._last = a0.pos()

    def mouseReleaseEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is None:
            return
        pressed, self._pressed = self._pressed, None
        if self._painting:
            self._painting = False
            self.brush_lifted.emit()
        elif self._splitting:
            self._splitting = False
        elif pressed is not None and not self._dragged and a0.button() == Qt.MouseButton.LeftButton:
            face = self._face_at(a0.pos())
            if face is not None:
                self.face_clicked.emit(face.number, bool(a0.modifiers() & SEVERAL))
        self._point(a0.pos(), a0.modifiers())

    def mouseDoubleClickEvent(self, a0: QMouseEvent | None) -> None:
        if self.brush is not None:
            self.mousePressEvent(a0)
        elif a0 is not None and not self._takes_split(a0.pos()):
            self.toggle_zoom()

    def _drag(self, at: QPoint, pressed: QPoint) -> None:
        if (at - pressed).manhattanLength() > CLICK:
            self._dragged = True
        if self._dragged:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            moved = at - self._last
            self.viewport.pan(moved.x() * self._ratio, moved.y() * self._ratio)
            self._changed()

    def _point(self, at: QPoint, modifiers: Qt.KeyboardModifiers) -> None:
        """The pointer tells what a press would do."""
        self._taking_away = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        face = self._face_at(at) if len(self.faces) > 1 else None
        if self._takes_split(at):
            self.setCursor(Qt.CursorShape.SplitHCursor)
        elif self.brush is not None:
            self.setCursor(Qt.CursorShape.BlankCursor)
            self.update()
        else:
            self.setCursor(Qt.CursorShape.PointingHandCursor if face else Qt.CursorShape.ArrowCursor)
        self.setToolTip(capitalised(face.drawback) if face else "")

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
        self.refresh()
        self.zoomed.emit()

    @property
    def _is_splittable(self) -> bool:
        return self.view in SPLIT_VIEWS and bool(self.scene.patches)

    def _takes_split(self, at: QPoint) -> bool:
        size = (self.width(), self.height())
        return self._is_splittable and split_handle.takes(at.x(), at.y(), self.split, *size)

    def _in_photograph(self, at: QPoint) -> tuple[float, float]:
        return self.viewport.to_picture((at.x() + 0.5) * self._ratio, (at.y() + 0.5) * self._ratio)

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
