"""The Invert dialog: how closely to search for the face, and what was found."""

from __future__ import annotations

from PyQt5.QtCore import QSettings
from PyQt5.QtWidgets import QFrame, QLabel, QVBoxLayout

from engine.messages import Detector
from plugin.dialogs.bars import Choices, button
from plugin.dialogs.invert_state import PRESETS, InvertState, Preset
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.observable import Topic
from plugin.dialogs.paint_window import PaintWindow
from plugin.dialogs.palette import Tones
from plugin.dialogs.session import Session
from plugin.dialogs.state import Stage
from plugin.likeness.words import _

FOUND: dict[Detector, str] = {
    "landmarks": _("mask and flow found by landmarks and differences"),
    "decomposer": _("mask and flow found by the decomposer"),
    "samm": _("mask and flow found by SAMM"),
}


class InvertWindow(PaintWindow):
    """The same window without sliders."""

    def __init__(self, state: InvertState, session: Session, tones: Tones, settings: QSettings) -> None:
        super().__init__(state, session, tones, settings)
        self.inverting = state
        title = QLabel(_("Refine"))
        title.setObjectName("title")
        self.presets = Choices("segment", 0)
        self.presets.offer([(preset, preset.name, preset.hint) for preset in PRESETS])
        self.presets.picked.connect(self._choose_preset)
        self.hint = QLabel()
        self.hint.setObjectName("hint")
        self.hint.setWordWrap(True)
        self.again = button(_("Invert again"), "", _("Search for the face with this preset"))
        self.again.clicked.connect(self._invert_again)
        self.report = QVBoxLayout()
        self.report.setSpacing(8)
        for widget in (title, self.presets, self.hint, self.again):
            self.body.addWidget(widget)
        self.body.addSpacing(6)
        self.body.addWidget(self.mask_tools)
        self.body.addLayout(self.report)
        self.body.addStretch(1)
        self.body.addLayout(self.history_row)
        self.finish_panel()
        self.told(Topic.PRESET)

    def told(self, topic: Topic) -> None:
        super().told(topic)
        if topic in (Topic.PRESET, Topic.STAGE, Topic.LAYERS):
            self._show_preset()
        if topic in (Topic.LAYERS, Topic.FACES, Topic.STAGE, Topic.VIEW):
            self._show_report()

    def _show_preset(self) -> None:
        preset = self.inverting.preset
        self.presets.show_choice(preset)
        self.hint.setText(preset.hint)
        self.again.setVisible(self.inverting.outdated and self.inverting.stage is Stage.READY)

    def make_room(self) -> None:
        while self.report.count():
            item = self.report.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _show_report(self) -> None:
        """What was found, a card for each face; the tools of the mask take their place."""
        self.make_room()
        alone = len(self.state.faces) == 1
        for layers in () if self.is_painting else self.state.shown:
            self.report.addWidget(_card(layers, alone))

    def _choose_preset(self, preset: Preset) -> None:
        self.inverting.choose_preset(preset)

    def _invert_again(self) -> None:
        self.inverting.invert_again()
        self.session.proceed()


def _card(layers: FaceLayers, alone: bool) -> QFrame:
    card = QFrame()
    card.setObjectName("card")
    column = QVBoxLayout(card)
    column.setContentsMargins(14, 10, 14, 10)
    column.setSpacing(3)
    title = QLabel(_("The face") if alone else _("Face {number}").format(number=layers.number))
    title.setObjectName("title")
    column.addWidget(title)
    for line in findings(layers):
        label = QLabel(line)
        label.setObjectName("dim")
        label.setWordWrap(True)
        column.addWidget(label)
    return card


def findings(layers: FaceLayers) -> list[str]:
    """What a person wants to know of an inversion, in words."""
    stays = _("{invertibility_mask_area:.0f} % stays the photograph’s").format(
        invertibility_mask_area=layers.invertibility_mask_area * 100
    )
    fits = _("features fit to within {landmark_error:.1f} %").format(landmark_error=layers.landmark_error * 100)
    known = [_("known from before")] if layers.from_cache else []
    return [stays, fits, FOUND[layers.detector], *known]
