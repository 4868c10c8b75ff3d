"""A photograph ready for drawing at any zoom: the picture, and halves of it down to the size of a thumbnail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QRectF, Qt
from PyQt5.QtGui import QImage, QPainter
from PyQt5.sip import voidptr

SMALLEST_SIDE = 512
PIXELATED_FROM = 4.0  # zoom from which on pixels are shown as squares


def to_image(rgba: np.ndarray) -> QImage:
    """A QImage of its own (h, w, 4) uint8 pixels: RGB32 when opaque, else premultiplied ARGB32."""
    rgba = np.ascontiguousarray(rgba)
    height, width = rgba.shape[:2]
    image = QImage(_address(rgba), width, height, 4 * width, QImage.Format.Format_RGBA8888)
    opaque = bool((rgba[..., 3] == 255).all())
    return image.convertToFormat(
        QImage.Format.Format_RGB32 if opaque else QImage.Format.Format_ARGB32_Premultiplied
    )


def to_alpha(plane: np.ndarray) -> QImage:
    """A black QImage whose alpha is `plane` (h, w) uint8."""
    rgba = np.zeros((*plane.shape, 4), np.uint8)
    rgba[..., 3] = plane
    height, width = plane.shape
    image = QImage(_address(rgba), width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def _address(pixels: np.ndarray) -> voidptr:
    """What QImage reads from without a copy; the caller copies before the array goes."""
    return voidptr(pixels.ctypes.data, pixels.nbytes)


@dataclass(frozen=True)
class Pyramid:
    """`levels[k]` is the picture halved k times. Making one takes a moment: not in Qt's own thread."""

    levels: tuple[QImage, ...]

    @classmethod
    def of(cls, rgba: np.ndarray) -> Pyramid:
        levels = [to_image(rgba)]
        while max(levels[-1].width(), levels[-1].height()) > SMALLEST_SIDE:
            last = levels[-1]
            levels.append(
                last.scaled(
                    max(1, (last.width() + 1) // 2),
                    max(1, (last.height() + 1) // 2),
                    Qt.AspectRatioMode.IgnoreAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
            )
        return cls(tuple(levels))

    @property
    def width(self) -> int:
        return self.levels[0].width()

    @property
    def height(self) -> int:
        return self.levels[0].height()

    @property
    def translucent(self) -> bool:
        return self.levels[0].hasAlphaChannel()

    def draw(self, painter: QPainter, target: QRectF) -> None:
        """Draw the whole picture into `target`, from the smallest level that has all pixels needed."""
        zoom = target.width() / self.width
        level = 0
        while level + 1 < len(self.levels) and zoom * 2 ** (level + 1) <= 1.0:
            level += 1
        image = self.levels[level]
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, zoom < PIXELATED_FROM)
        painter.drawImage(target, image, QRectF(image.rect()))
