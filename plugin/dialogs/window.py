# ruff: noqa: N802 (Qt's names)
"""What both dialogs are: the picture, the bars round it, the keys. Subclasses make the panel on the right."""

from __future__ import annotations

from PyQt5.QtCore import QSettings, QSize, QTimer, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QResizeEvent, QShowEvent
from PyQt5.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from plugin.dialogs.bars import Choices, FaceChips, ZoomBar, add_shortcuts, button, small_print, view_choices
from plugin.dialogs.faces import with_hair
from plugin.dialogs.observable import Topic
from plugin.dialogs.palette import Tones
from plugin.dialogs.peek_key import PeekKey
from plugin.dialogs.picture_view import PictureView
from plugin.dialogs.problem_card import ProblemCard
from plugin.dialogs.result_menu import ResultMenu
from plugin.dialogs.session import GOODBYE_SECONDS, Session
from plugin.dialogs.split_handle import HALF
from plugin.dialogs.state import OF_THE_MODEL, DialogState, Stage, View
from plugin.dialogs.status_line import StatusLine
from plugin.likeness.words import _

PANEL_LETTERS = 48  # width of the panel in average letters
PANEL_PART = 0.42  # of the window, at most
PANEL_LEAST = 250
SIZE = (1240, 800)
PART_OF_SCREEN = 0.9  # and no more than this
ROOMY = 1000  # from this width on nothing is abbreviated
EDGE = 12


class DialogWindow(QWidget):
    """Shows a state, reports to a session. `closed` when the answer is given or the person has gone."""

    closed = pyqtSignal()
    needs_sliders = False  # without the model's directions there is nothing to do here

    def __init__(self, state: DialogState, session: Session, tones: Tones, settings: QSettings) -> None:
        super().__init__()
        self.state, self.session, self.tones, self.settings = state, session, tones, settings
        self._leaving = False
        self._peek = PeekKey(self, state.peek)
        self.setObjectName("window")
        self.setWindowTitle(state.heading)
        self.picture = PictureView(tones)
        self.chips = FaceChips()
        self.views = Choices("segment", 0)
        self.views.offer(view_choices(state.views, state.result_name))
        self.zoom = ZoomBar(self.picture, tones)
        self.status = StatusLine(state)
        self.problem = ProblemCard()
        self.notice = small_print()
        self.result = ResultMenu(state, settings)
        self.cancel = button(_("Cancel"), "", _("Close without a change (Esc)"))
        self.apply = button(_("Apply"), "primary", _("Make the layer in GIMP (Ctrl+Enter)"))
        self.panel = QWidget()
        self.panel.setObjectName("panel")
        self.panel_column = QVBoxLayout(self.panel)
        self._lay_out()
        self._connect()
        self._add_keys()
        state.observe(self.told)
        self._restore()

    # --- what subclasses say ------------------------------------------------------------------------------

    def mend(self) -> None:
        """The button of the problem card was pressed."""
        self.session.retry()

    def mend_text(self) -> str:
        """What that button says; empty when there is nothing to press."""
        problem = self.state.problem
        return "" if problem is not None and problem.code == "no_face" else _("Try again")

    def stopped_text(self) -> str:
        return _("The inversion was stopped.")

    # --- building -----------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(EDGE, EDGE, EDGE, EDGE)
        outer.setSpacing(EDGE)
        top = QHBoxLayout()
        top.setSpacing(EDGE)
        top.addWidget(self.chips)
        top.addStretch(1)
        top.addWidget(self.views)
        top.addStretch(1)
        top.addWidget(self.zoom)
        middle = QHBoxLayout()
        middle.setSpacing(EDGE)
        middle.addWidget(self.picture, 1)
        middle.addWidget(self.panel)
        outer.addLayout(top)
        outer.addLayout(middle, 1)
        outer.addLayout(self._make_bottom())
        self.panel_column.setContentsMargins(0, 0, 0, 0)
        self.panel_column.setSpacing(10)
        self.panel_column.addWidget(self.problem)
        self.problem.hide()
        body = QWidget()  # keeps its place, whatever of it is seen
        self.body = QVBoxLayout(body)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(10)
        self.panel_column.addWidget(body, 1)
        self.notice.hide()

    def _make_bottom(self) -> QHBoxLayout:
        self.bottom = QHBoxLayout()
        self.bottom.setSpacing(8)
        self.bottom.addWidget(self.status, 1)
        self.bottom.addWidget(self.result)
        self.bottom.addWidget(self.cancel)
        self.bottom.addWidget(self.apply)
        return self.bottom

    def finish_panel(self) -> None:
        """Called by subclasses when the panel's own widgets are in: the model's notice stands at its foot."""
        rule = QFrame()
        rule.setObjectName("rule")
        rule.setFixedHeight(1)
        self.panel_column.addWidget(rule)
        self.panel_column.addWidget(self.notice)
        self._rule = rule
        rule.hide()
        for topic in (Topic.FACES, Topic.VIEW, Topic.DIRECTIONS, Topic.STAGE):
            self.told(topic)

    def _connect(self) -> None:
        self.session.photograph.connect(self.picture.set_photograph)
        self.session.answered.connect(self._go)
        self.chips.picked.connect(self._pick)
        self.chips.picked_too.connect(self.pick_too)
        self.picture.face_clicked.connect(self._click)
        self.picture.split_moved.connect(self.state.split_at)
        self.views.picked.connect(self.state.look_at)
        self.status.stop.connect(self.session.stop)
        self.problem.mended.connect(self.mend)
        self.cancel.clicked.connect(self.leave)
        self.apply.clicked.connect(self.accept)

    def _add_keys(self) -> None:
        shortcuts = {
            "Ctrl+Return": self.accept,
            "Ctrl+Enter": self.accept,
            "Esc": self.escape,
            "M": self.state.toggle_overlay,
            "S": self._toggle_split,
            "Z": self.picture.toggle_zoom,
            "Ctrl+0": self.picture.fit,
            "Ctrl+1": self.picture.full_size,
            "+": lambda: self.picture.step_zoom(1),
            "=": lambda: self.picture.step_zoom(1),
            "-": lambda: self.picture.step_zoom(-1),
        }
        add_shortcuts(self, shortcuts, repeated="+=-")

    # --- showing ------------------------------------------------------------------------------------------

    def told(self, topic: Topic) -> None:
        state = self.state
        if topic is Topic.FACES:
            self.chips.show_faces(state.faces, state.chosen)
            self.picture.faces, self.picture.chosen = state.faces, state.chosen
            self._look_at_choice()
        if topic in (Topic.FACES, Topic.LAYERS, Topic.MASK):
            self.picture.scene.show_faces(state.shown)
        if topic is Topic.VIEW:
            self._show_view()
        if topic is Topic.DIRECTIONS:
            self.notice.setText(state.notice)
            self.notice.setVisible(bool(state.notice))
            self._rule.setVisible(bool(state.notice))
        if topic in (Topic.STAGE, Topic.DIRECTIONS, Topic.LAYERS):
            self.apply.setEnabled(state.can_apply and not (self._leaving or self.session.answering))
        if topic in (Topic.STAGE, Topic.DIRECTIONS):
            self._show_stage()
        if topic in (Topic.FACES, Topic.LAYERS, Topic.MASK, Topic.VIEW, Topic.STAGE):
            self.picture.refresh()

    def _show_view(self) -> None:
        state = self.state
        self.picture.view, self.picture.overlay = state.shown_view, state.overlay
        self.picture.split = state.split
        self.views.show_choice(state.shown_view)
        self.picture.legend = self._legend()

    def _legend(self) -> str:
        view, made = self.state.shown_view, bool(self.state.shown)
        if made and (view is View.MASK or (self.state.overlay and view not in OF_THE_MODEL)):
            return _("red stays the photograph’s")
        if made and view is View.FLOW:
            return _("white stays in place, hues are directions")
        return _("original") if self.state.peeking else ""

    def _show_stage(self) -> None:
        state = self.state
        self.picture.marked = state.stage is not Stage.READY
        if state.problem is not None:
            self.problem.show_problem(state.problem, self.mend_text())
        elif state.stage is Stage.STOPPED:
            self.problem.show_note(self.stopped_text(), _("Start again"))
        elif self.needs_sliders and state.model_problem is not None:
            self.problem.show_problem(state.model_problem, _("Try again"))
        self.problem.setVisible(
            state.problem is not None
            or state.stage is Stage.STOPPED
            or (self.needs_sliders and state.model_problem is not None)
        )
        for choice, shown in self.views.buttons.items():
            shown.setEnabled(choice is View.ORIGINAL or bool(state.shown))
        self._show_view()

    def _look_at_choice(self) -> None:
        faces = [f for f in self.state.faces if f.number in self.state.chosen]
        if len(faces) == 1 and len(self.state.faces) == 1:
            self.picture.approach(with_hair(faces[0].box))

    # --- the hand -----------------------------------------------------------------------------------------

    def _pick(self, number: int) -> None:
        """A chip: work on this face, and look at it."""
        self.session.choose(number)
        boxes = [f.box for f in self.state.faces if f.number == number]
        if boxes:
            self.picture.go_to(with_hair(boxes[0]))
        else:
            self.picture.fit()

    def _click(self, number: int, more: bool) -> None:
        """A face in the picture: work on it; the picture stays where it is."""
        if len(self.state.faces) > 1 and more:
            self.pick_too(number)
        elif len(self.state.faces) > 1:
            self.session.choose(number)

    def pick_too(self, number: int) -> None:
        """This face as well, where a dialog works on several; else only this one."""
        self.session.choose(number)

    def _toggle_split(self) -> None:
        """S: the line in the middle, or no line."""
        self.state.split_at(0.0 if self.state.split else HALF)

    def accept(self) -> None:
        if self.state.can_apply and not (self._leaving or self.session.answering):
            self.apply.setEnabled(False)
            self.session.accept()

    def leave(self) -> None:
        self.close()

    def escape(self) -> None:
        self.leave()

    # --- coming and going ---------------------------------------------------------------------------------

    def showEvent(self, a0: QShowEvent | None) -> None:
        self._peek.watch()
        self.picture.setFocus()
        super().showEvent(a0)

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """The picture keeps the larger part of a small window."""
        wanted = PANEL_LETTERS * self.fontMetrics().averageCharWidth()
        self.panel.setFixedWidth(min(wanted, max(PANEL_LEAST, round(self.width() * PANEL_PART))))
        self.result.be_brief(self.width() < ROOMY)
        super().resizeEvent(a0)

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """The window goes at once; the engine is told in the background, for as long as that takes a moment."""
        self._peek.look_away()
        if not self.isMaximized():
            self.settings.setValue("size", self.size())
        if not self._leaving:
            self._leaving = True
            QTimer.singleShot(int(GOODBYE_SECONDS * 1000), self.closed)
            self.session.dismiss()
        super().closeEvent(a0)

    def abandon(self) -> bool:
        """Close without an answer, for whoever has given it already; says whether all threads have ended."""
        self._leaving = True
        self.close()
        return self.session.end()

    def _go(self) -> None:
        """The engine has the answer."""
        self._leaving = True
        self.close()
        self.closed.emit()

    def _restore(self) -> None:
        """The size of the last time, where the screen has room for it; the place is the desktop's to choose."""
        screen = QApplication.primaryScreen()
        room = screen.availableSize() * PART_OF_SCREEN if screen else QSize(*SIZE)
        last = self.settings.value("size")
        self.resize((last if isinstance(last, QSize) else QSize(*SIZE)).boundedTo(room))
