"""The line at the bottom, where there is little room."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QLabel

from plugin.dialogs.status_line import Shortened

WORDS = "default · CPU · stays on this machine"


def painted(label: QLabel, width: int, height: int) -> bytes:
    label.resize(width, height)
    image = label.grab().toImage()
    bits = image.constBits()
    assert bits
    return bytes(bits.asarray(image.byteCount()))


def test_text_is_whole_where_it_fits_and_ends_in_dots_where_not(app: QApplication) -> None:
    shortened, plain = Shortened(), QLabel()
    shortened.setText(WORDS)
    plain.setText(WORDS)
    size = plain.sizeHint()
    assert shortened.sizeHint() == size
    whole = painted(shortened, size.width(), size.height())
    assert whole == painted(plain, size.width(), size.height())
    half = size.width() // 2
    cut = shortened.fontMetrics().elidedText(WORDS, Qt.TextElideMode.ElideRight, half)
    assert cut.endswith("…")
    plain.setText(cut)
    assert painted(shortened, half, size.height()) == painted(plain, half, size.height())
