"""The Edit dialog: one slider for each of the model's directions, and the picture that follows them."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QSettings, Qt, QTimer
from PyQt5.QtWidgets import QLabel

from plugin.dialogs.bars import add_shortcuts
from plugin.dialogs.edit_state import EditState
from plugin.dialogs.identity_meter import HELD, IdentityMeter
from plugin.dialogs.observable import Topic
from plugin.dialogs.paint_window import PaintWindow
from plugin.dialogs.palette import Tones
from plugin.dialogs.preset_menu import NameRow, PresetMenu
from plugin.dialogs.session import Session
from plugin.dialogs.sliders import SliderPanel
from plugin.dialogs.state import ALL_FACES, Stage, View
from plugin.likeness.words import _

REST_MILLISECONDS = 200
QUICK_SIDE = 512
FULL_SIDE = 2048
STEPS_OF_SIDE = 64  # sizes are rounded up, so that a little zoom does not make other pictures

BEGINNING_MENDS = ("inversion_missing", "inversion_damaged")


class EditWindow(PaintWindow):
    """Moving a slider: a quick picture at once; when the hand rests, one in the size that is seen."""

    needs_sliders = True

    def __init__(
        self, state: EditState, session: Session, tones: Tones, settings: QSettings, presets: Path
    ) -> None:
        super().__init__(state, session, tones, settings)
        self.edits = state
        self.sliders = SliderPanel(state, tones)
        self.identity = IdentityMeter()
        self.presets = PresetMenu(presets)
        self.naming = NameRow()
        self.waiting = QLabel(_("The sliders come alive when the face is inverted."))
        self.waiting.setObjectName("dim")
        self.layers_own = QLabel(
            _("The layer keeps its layer mask, which may look different by now. Paint on it in GIMP.")
        )
        self.layers_own.setObjectName("hint")
        self.said = QLabel()
        self.said.setObjectName("warning")
        self._applied: dict[str, float] = {}
        self._presets_problem = ""
        for label in (self.waiting, self.layers_own, self.said):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            self.body.addWidget(label)
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignTop)
        for widget, stretch in ((self.naming, 0), (self.sliders, 1), (self.mask_tools, 1)):
            self.body.addWidget(widget, stretch)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MILLISECONDS)
        self._rest.timeout.connect(self._render_full)
        self.bottom.insertWidget(0, self.identity)
        self.history_row.insertWidget(0, self.presets)
        self.body.addStretch(0)  # takes the room only where there are no sliders to take it
        self.body.addLayout(self.history_row)
        self._connect_edits()
        add_shortcuts(self, {"Ctrl+F": self._find, "Ctrl+S": self.naming.ask}, repeated="")
        self.finish_panel()

    def _connect_edits(self) -> None:
        self.identity.hold.toggled.connect(lambda on: self.edits.hold_identity(HELD if on else None))
        self.presets.taken.connect(self.edits.take)
        self.presets.naming.connect(self.naming.ask)
        self.presets.said.connect(self._say_about_presets)
        self.naming.named.connect(self._save_preset)
        self.session.answered.connect(self._keep_applied)

    # --- showing ------------------------------------------------------------------------------------------

    def told(self, topic: Topic) -> None:
        super().told(topic)
        if topic is Topic.EDITS:
            self._show_said()
            self._render_quick()
        if topic is Topic.MASK and self.edits.stale:
            self._rest.start()
        if topic is Topic.VIEW:
            self._show_place()
        if topic in (Topic.LAYERS, Topic.FACES):
            self.identity.show_faces(self.edits.shown)
        if topic in (Topic.STAGE, Topic.DIRECTIONS):
            self._show_panel()
            if self.edits.can_apply and self.edits.stale and self.edits.problem is None:
                self._render_quick()
            elif self.edits.stage is not Stage.READY:
                self._rest.stop()

    def _show_panel(self) -> None:
        """Sliders are seen as soon as they are known, alive when there is something to edit."""
        state = self.edits
        model_problem = state.model_problem if state.problem is None else None
        broken = state.stage in (Stage.BROKEN, Stage.STOPPED) or model_problem is not None
        self.sliders.setEnabled(state.can_apply)
        self.presets.setEnabled(state.can_apply)
        self.waiting.setVisible(not broken and not state.can_apply)
        self._show_said()
        self._show_place()

    def _show_said(self) -> None:
        """What somebody should know who looks at the sliders."""
        state = self.edits
        words = [_left_out(state.unknown), _weakened(state.weakened)] if state.is_described else []
        self.said.setText("\n".join(filter(None, (*words, *state.warnings, self._presets_problem))))
        self.said.setVisible(bool(self.said.text()))

    def make_room(self) -> None:
        self.sliders.hide()

    def _show_place(self) -> None:
        """What is where the sliders are: in *Mask* its tools, or why there are none."""
        state = self.edits
        known = state.is_described and state.stage is not Stage.BROKEN
        self.sliders.setVisible(known and not self.is_painting)
        self.layers_own.setVisible(state.view is View.MASK and state.can_apply and not state.is_paintable)

    def mend(self) -> None:
        problem = self.edits.problem
        if problem is not None and problem.code in BEGINNING_MENDS:
            self.edits.start_afresh()
            self.session.proceed()
        else:
            super().mend()

    def mend_text(self) -> str:
        problem = self.edits.problem
        if problem is not None and problem.code in BEGINNING_MENDS:
            return _("Begin again with the photograph")
        return super().mend_text()

    # --- rendering ----------------------------------------------------------------------------------------

    def _render_quick(self) -> None:
        full = self._side()
        quick = min(QUICK_SIDE, full)
        self.session.preview(quick)
        if quick < full:
            self._rest.start()
        else:
            self._rest.stop()

    def _render_full(self) -> None:
        self.session.preview(self._side(), patience=0.0)

    def _side(self) -> int:
        """The longer side of the largest face on screen, and no more than the face has."""
        rects = [layers.rect for layers in self.edits.shown]
        seen = max((self.picture.seen_side(rect) for rect in rects), default=QUICK_SIDE)
        most = max((max(rect[2:]) for rect in rects), default=QUICK_SIDE)
        rounded = -(-seen // STEPS_OF_SIDE) * STEPS_OF_SIDE
        return min(rounded, most, FULL_SIDE)

    # --- the hand -----------------------------------------------------------------------------------------

    def pick_too(self, number: int) -> None:
        if number == ALL_FACES:
            self.session.choose(number)
        else:
            self.session.toggle_face(number)

    def accept(self) -> None:
        if not self.session.answering:
            self._applied = dict(self.edits.edits)
        super().accept()

    def _keep_applied(self) -> None:
        """The engine has an answer, which may also be that nothing is to be done."""
        if self.session.answering and self._applied:
            self.presets.keep_last(self._applied)

    def _save_preset(self, name: str) -> None:
        if self.presets.save(name, dict(self.edits.edits)):
            self.naming.hide()

    def _say_about_presets(self, problem: str) -> None:
        self._presets_problem = problem
        self._show_said()

    def _find(self) -> None:
        self.sliders.search.setFocus()
        self.sliders.search.selectAll()

    def escape(self) -> None:
        """Esc first takes back what is being typed: a preset's name, a search."""
        if self.naming.isVisible():
            self.naming.hide()
        elif self.sliders.search.hasFocus() and self.sliders.search.text():
            self.sliders.search.clear()
        else:
            super().escape()


def _left_out(unknown: tuple[str, ...]) -> str:
    names = ", ".join(_("“{name}”").format(name=name) for name in unknown)
    return _("Left out: {names}. This model has no slider of that name.").format(names=names) if unknown else ""


def _weakened(labels: tuple[str, ...]) -> str:
    names = ", ".join(_("“{label}”").format(label=label) for label in labels)
    return (
        _("As far as this model goes, and less than asked for: {names}.").format(names=names) if labels else ""
    )
