"""Is it still the same person? The engine's figure for the edited faces, and a brake that keeps it up."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtWidgets import QHBoxLayout, QLabel, QWidget

from plugin.dialogs.bars import button
from plugin.dialogs.layers import FaceLayers
from plugin.likeness.words import _

DOTS = 5
LEAST, STEP = 0.5, 0.1  # from where on a dot is full, and what the next one takes
HELD = 0.8  # the likeness that the brake keeps
TIP = _(
    "How alike our own small identity network finds the face before and after, 1 = the same. It "
    "compares what is edited; it cannot prove who somebody is."
)


class IdentityMeter(QWidget):
    """Nothing while nothing is edited. `hold` is down while the brake is on."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.text = QLabel()
        self.text.setToolTip(TIP)
        self.text.setMinimumWidth(1)  # rather cut off than a wider window
        self.hold = button(
            _("Hold ≥ {held:.2f}").format(held=HELD),
            "quiet",
            _("Let the sliders go only so far that this likeness is kept"),
        )
        self.hold.setCheckable(True)
        row.addWidget(self.text)
        row.addWidget(self.hold)
        self.show_faces(())

    def show_faces(self, faces: Sequence[FaceLayers]) -> None:
        """Of several, the one that is least like."""
        told = [face for face in faces if face.identity is not None]
        self.setVisible(bool(told))
        if told:
            face = min(told, key=lambda face: face.identity or 0.0)
            held = (
                _(" · held at {held_back:.0f} %").format(held_back=face.held_back * 100)
                if face.held_back < 1
                else ""
            )
            self.text.setText(
                _("Same person {dots} {identity:.2f}{held}").format(
                    dots=dots(face.identity or 0.0), identity=face.identity, held=held
                )
            )


def dots(identity: float) -> str:
    """0.91 → ●●●●○."""
    full = min(DOTS, max(0, round((identity - LEAST) / STEP)))
    return "●" * full + "○" * (DOTS - full)
