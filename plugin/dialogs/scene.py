"""What a dialog shows of a photograph and its faces: the views, and the overlay of the mask.

The blend that GIMP will show is Qt's own SourceOver: layer over photograph, gamma-encoded, weighted by the
layer mask. Red is what stays the photograph's, as in GIMP's Quick Mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from PyQt5.QtCore import QPointF, QRectF, QSize, Qt
from PyQt5.QtGui import QBrush, QColor, QImage, QPainter

from engine.messages import Rect
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.pyramid import PIXELATED_FROM, Pyramid, to_alpha, to_image
from plugin.dialogs.state import OF_THE_MODEL, View
from plugin.dialogs.viewport import Viewport

MASK_RED = QColor(225, 38, 38)
OVERLAY_OPACITY = 0.5
MASK_OPACITY = 0.62
SURROUNDINGS_OPACITY = 0.28
CHECK = 8


class Patch:
    """One face, made ready for drawing when it is drawn."""

    def __init__(self, layers: FaceLayers) -> None:
        self.layers = layers

    @cached_property
    def result(self) -> QImage:
        return to_image(self.layers.result)

    @cached_property
    def shows(self) -> QImage:
        return to_alpha(self.layers.shows)

    @cached_property
    def generated(self) -> QImage:
        return to_image(self.layers.generated)

    @cached_property
    def flow(self) -> QImage:
        return QImage() if self.layers.flow is None else to_image(self.layers.flow)

    def image(self, view: View) -> QImage:
        if view is View.FLOW:
            return self.flow
        return self.generated if view is View.GENERATED else self.result


class Scene:
    """Draws on a painter that works in device pixels."""

    def __init__(self) -> None:
        self.photograph: Pyramid | None = None
        self.patches: tuple[Patch, ...] = ()

    def show_faces(self, faces: Sequence[FaceLayers]) -> None:
        """Those that are shown already stay as they are made."""
        made = {id(patch.layers): patch for patch in self.patches}
        self.patches = tuple(made.get(id(face)) or Patch(face) for face in faces)

    def draw(self, painter: QPainter, view: View, overlay: bool, viewport: Viewport) -> None:
        if self.photograph is None:
            return
        target = self._target(viewport, (0, 0, self.photograph.width, self.photograph.height))
        if self.photograph.translucent:
            painter.setBrushOrigin(QPointF(target.topLeft()))
            painter.fillRect(target, _checks())
        if view in OF_THE_MODEL and self.patches:
            painter.setOpacity(SURROUNDINGS_OPACITY)
        self.photograph.draw(painter, target)
        painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, viewport.zoom < PIXELATED_FROM)
        if view in (View.RESULT, *OF_THE_MODEL) or (view is View.MASK and overlay):
            for patch in self.patches:
                painter.drawImage(self._target(viewport, patch.layers.rect), patch.image(view))
        if view is View.MASK and not overlay:
            self._draw_mask(painter, viewport, target, MASK_OPACITY, grey=True)
        elif overlay and view not in OF_THE_MODEL:
            self._draw_mask(painter, viewport, target, OVERLAY_OPACITY, grey=False)

    def _draw_mask(
        self, painter: QPainter, viewport: Viewport, target: QRectF, opacity: float, *, grey: bool
    ) -> None:
        """Red over the picture, less wherever a layer shows; cut out face by face, so that they may overlap."""
        if not self.patches:
            return
        size = QSize(int(viewport.widget[0]), int(viewport.widget[1]))
        if grey:
            painter.drawImage(0, 0, self._grey(size, target))
        red = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        red.fill(Qt.GlobalColor.transparent)
        cutter = QPainter(red)
        cutter.fillRect(target, MASK_RED)
        cutter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationOut)
        cutter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, viewport.zoom < PIXELATED_FROM)
        for patch in self.patches:
            cutter.drawImage(self._target(viewport, patch.layers.rect), patch.shows)
        cutter.end()
        painter.setOpacity(opacity)
        painter.drawImage(0, 0, red)
        painter.setOpacity(1.0)

    def _grey(self, size: QSize, target: QRectF) -> QImage:
        """The photograph without its colours, where it lies in the widget."""
        image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        if self.photograph is not None:
            self.photograph.draw(painter, target)
        painter.end()
        grey = image.convertToFormat(QImage.Format.Format_Grayscale8)
        grey = grey.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        painter = QPainter(grey)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, image)
        painter.end()
        return grey

    @staticmethod
    def _target(viewport: Viewport, rect: Rect) -> QRectF:
        left, top = viewport.to_widget(rect[0], rect[1])
        return QRectF(left, top, rect[2] * viewport.zoom, rect[3] * viewport.zoom)


def _checks() -> QBrush:
    """The checks behind transparent pixels."""
    tile = QImage(2 * CHECK, 2 * CHECK, QImage.Format.Format_RGB32)
    tile.fill(QColor(153, 153, 153))
    painter = QPainter(tile)
    for x, y in ((0, 0), (CHECK, CHECK)):
        painter.fillRect(x, y, CHECK, CHECK, QColor(102, 102, 102))
    painter.end()
    return QBrush(tile)
