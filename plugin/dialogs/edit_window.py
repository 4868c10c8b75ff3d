"""The Edit dialog: one slider for each of the model's directions, and the picture that follows them."""

from __future__ import annotations

from PyQt5.QtCore import QSettings, QSize, Qt, QTimer
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import QLabel, QShortcut

from plugin.dialogs.bars import button
from plugin.dialogs.edit_state import EditState
from plugin.dialogs.icons import icon
from plugin.dialogs.palette import Tones
from plugin.dialogs.session import Session
from plugin.dialogs.sliders import SliderPanel
from plugin.dialogs.state import Stage, Topic
from plugin.dialogs.window import DialogWindow

REST_MILLISECONDS = 200
QUICK_SIDE = 512
FULL_SIDE = 2048
STEPS_OF_SIDE = 64  # sizes are rounded up, so that a little zoom does not make other pictures

BEGINNING_MENDS = ("inversion_missing", "inversion_damaged")


class EditWindow(DialogWindow):
    """Moving a slider: a quick picture at once; when the hand rests, one in the size that is seen."""

    needs_sliders = True

    def __init__(self, state: EditState, session: Session, tones: Tones, settings: QSettings) -> None:
        super().__init__(state, session, tones, settings)
        self.edits = state
        self.sliders = SliderPanel(state, tones)
        self.waiting = QLabel("The sliders come alive when the face is inverted.")
        self.waiting.setObjectName("dim")
        self.waiting.setWordWrap(True)
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.unknown = QLabel()
        self.unknown.setObjectName("warning")
        self.unknown.setWordWrap(True)
        for widget in (self.waiting, self.unknown):
            self.body.addWidget(widget)
        self.body.addWidget(self.sliders, 1)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MILLISECONDS)
        self._rest.timeout.connect(self._render_full)
        self.undo = button("", "quiet", "Undo (Ctrl+Z)")
        self.redo = button("", "quiet", "Redo (Ctrl+Shift+Z)")
        for place, (made, name, does) in enumerate(
            ((self.undo, "undo", state.undo), (self.redo, "redo", state.redo)), start=2
        ):
            made.setIcon(icon(name, tones))
            made.setIconSize(QSize(18, 18))
            made.setAccessibleName(name.title())
            made.clicked.connect(does)
            self.bottom.insertWidget(place, made)
        self._add_edit_keys()
        self.finish_panel()

    def _add_edit_keys(self) -> None:
        for keys, does in {
            "Ctrl+Z": self.edits.undo,
            "Ctrl+Shift+Z": self.edits.redo,
            "Ctrl+Y": self.edits.redo,
            "Ctrl+F": self._find,
        }.items():
            QShortcut(QKeySequence(keys), self).activated.connect(does)

    # --- showing ------------------------------------------------------------------------------------------

    def told(self, topic: Topic) -> None:
        super().told(topic)
        if topic is Topic.EDITS:
            self._show_undo()
            self._render_quick()
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
        self.sliders.setVisible(state.is_described and state.stage is not Stage.BROKEN)
        self.sliders.setEnabled(state.can_apply)
        self.waiting.setVisible(not broken and not state.can_apply)
        self.unknown.setText(" ".join(filter(None, (_left_out(state.unknown), _weakened(state.weakened)))))
        self.unknown.setVisible(bool(self.unknown.text()) and state.is_described)
        self._show_undo()

    def _show_undo(self) -> None:
        self.undo.setEnabled(self.edits.can_undo and self.edits.can_apply)
        self.redo.setEnabled(self.edits.can_redo and self.edits.can_apply)

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
            return "Begin again with the photograph"
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

    def _find(self) -> None:
        self.sliders.search.setFocus()
        self.sliders.search.selectAll()

    def escape(self) -> None:
        """In the search field, Esc first takes back the search."""
        if self.sliders.search.hasFocus() and self.sliders.search.text():
            self.sliders.search.clear()
        else:
            super().escape()


def _left_out(unknown: tuple[str, ...]) -> str:
    names = ", ".join(f"“{name}”" for name in unknown)
    return f"Left out: {names}. This model has no slider of that name." if unknown else ""


def _weakened(labels: tuple[str, ...]) -> str:
    names = ", ".join(f"“{label}”" for label in labels)
    return f"As far as this model goes, and less than asked for: {names}." if labels else ""
