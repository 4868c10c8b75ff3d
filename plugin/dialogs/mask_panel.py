"""The tools of the mask: what the brush paints, its size and softness, threshold and feather."""

from __future__ import annotations

from dataclasses import replace

from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.messages import DirectionInfo
from plugin.dialogs.bars import Choices, button
from plugin.dialogs.figure_field import PERCENT
from plugin.dialogs.masks import Masks
from plugin.dialogs.painting import LEAST_RADIUS, MIDDLE, MOST_RADIUS, WIDEST_FEATHER, Brush
from plugin.dialogs.palette import Tones
from plugin.dialogs.slider import KEYS_SETTLE_MILLISECONDS, SliderRow
from plugin.likeness.words import _

PAINTS = [
    (True, _("Edit shows"), _("Paint the edit into the picture (X)")),
    (False, _("Photograph stays"), _("Paint it away again (X; Shift or the right button while painting)")),
]
TOOLS = (
    ("radius", _("Brush size"), LEAST_RADIUS, MOST_RADIUS, _("Smaller [   larger ]")),
    ("softness", _("Softness"), 0.0, 1.0, _("Of the brush's rim")),
    (
        "threshold",
        _("Threshold"),
        -0.45,
        0.45,
        _("Left: more stays the photograph's. Right: more of the edit shows."),
    ),
    ("feather", _("Feather"), 0.0, WIDEST_FEATHER, _("Softens the edge of the mask that was found")),
)
USUAL = {"radius": Brush().radius, "softness": Brush().softness, "threshold": 0.0, "feather": 0.0}


class MaskPanel(QWidget):
    """Shows `Masks` and tells them what the hand did."""

    def __init__(self, masks: Masks, tones: Tones) -> None:
        super().__init__()
        self._masks = masks
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        hint = QLabel(_("Red stays the photograph’s. Paint on the picture to change that."))
        hint.setObjectName("hint")
        hint.setWordWrap(True)
        column.addWidget(hint)
        self.paints = Choices("segment", 0)
        self.paints.offer(PAINTS)
        self.paints.picked.connect(self._paint)
        column.addWidget(self.paints)
        self._keys = QTimer(self)
        self._keys.setSingleShot(True)
        self._keys.setInterval(KEYS_SETTLE_MILLISECONDS)
        self._keys.timeout.connect(self._settle)
        self.rows: dict[str, SliderRow] = {}
        for name, label, low, high, hint_text in TOOLS:
            tool = DirectionInfo(name=name, label=label, group="", minimum=low, maximum=high, hint=hint_text)
            row = self.rows[name] = SliderRow(tool, tones, PERCENT)
            row.moved.connect(self._moved)
            row.settled.connect(self._settle)
            row.reset.connect(self._reset)
            column.addWidget(row)
        last = QHBoxLayout()
        self.reset = button(_("As it was found"), "quiet", _("Take all painting, threshold and feather back"))
        self.reset.clicked.connect(masks.reset)
        last.addStretch(1)
        last.addWidget(self.reset)
        column.addLayout(last)
        column.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """Show what is."""
        painting, brush = self._masks.first, self._masks.brush
        threshold, feather = (painting.threshold, painting.feather) if painting else (MIDDLE, 0.0)
        values = {
            "radius": brush.radius,
            "softness": brush.softness,
            "threshold": MIDDLE - threshold,
            "feather": feather,
        }
        for name, row in self.rows.items():
            row.show_value(values[name], (row.direction.minimum, row.direction.maximum))
        self.paints.show_choice(brush.shows)
        self.reset.setEnabled(self._masks.are_painted)

    def grow_brush(self, factor: float) -> None:
        self._masks.set_brush(self._masks.brush.grown(factor))

    def swap_brush(self) -> None:
        self._paint(not self._masks.brush.shows)

    def _paint(self, shows: bool) -> None:
        self._masks.set_brush(replace(self._masks.brush, shows=shows))

    def _moved(self, name: str, value: float) -> None:
        painting = self._masks.first
        if name in ("radius", "softness"):
            limits = (LEAST_RADIUS, MOST_RADIUS) if name == "radius" else (0.0, 1.0)
            value = min(limits[1], max(limits[0], value))
            self._masks.set_brush(replace(self._masks.brush, **{name: value}))
        elif painting is not None:
            threshold = MIDDLE - value if name == "threshold" else painting.threshold
            self._masks.adjust(threshold, value if name == "feather" else painting.feather)
            if not self.rows[name].slider.isSliderDown():
                self._keys.start()

    def _reset(self, name: str) -> None:
        self._masks.settle()
        self._moved(name, USUAL[name])
        self._masks.settle()

    def _settle(self) -> None:
        if not any(row.slider.isSliderDown() for row in self.rows.values()):
            self._masks.settle()
