"""What both dialogs have for the mask: the brush in the picture, its tools in the panel, and the way back."""

from __future__ import annotations

from PyQt5.QtCore import QSettings, QSize
from PyQt5.QtWidgets import QHBoxLayout

from plugin.dialogs.bars import add_shortcuts, button
from plugin.dialogs.icons import icon
from plugin.dialogs.mask_panel import MaskPanel
from plugin.dialogs.observable import Topic
from plugin.dialogs.palette import Tones
from plugin.dialogs.picture_view import BrushTip
from plugin.dialogs.session import Session
from plugin.dialogs.state import View
from plugin.dialogs.window import DialogWindow
from plugin.dialogs.work_state import WorkState
from plugin.likeness.words import _

BRUSH_STEP = 1.2


class PaintWindow(DialogWindow):
    """In *Mask* the brush is in the hand. Subclasses place `mask_tools` and `history_row` in the panel."""

    def __init__(self, state: WorkState, session: Session, tones: Tones, settings: QSettings) -> None:
        super().__init__(state, session, tones, settings)
        self.work = state
        self.mask_tools = MaskPanel(state.masks, tones)
        self.undo = button("", "quiet", _("Undo (Ctrl+Z)"))
        self.redo = button("", "quiet", _("Redo (Ctrl+Shift+Z)"))
        self.history_row = QHBoxLayout()
        self.history_row.addStretch(1)
        for made, name, said, does in (
            (self.undo, "undo", _("Undo"), state.undo),
            (self.redo, "redo", _("Redo"), state.redo),
        ):
            made.setIcon(icon(name, tones))
            made.setIconSize(QSize(18, 18))
            made.setAccessibleName(said)
            made.clicked.connect(does)
            self.history_row.addWidget(made)
        self.picture.brush_pressed.connect(lambda x, y, shows: state.masks.press((x, y), shows))
        self.picture.brush_moved.connect(lambda x, y: state.masks.draw((x, y)))
        self.picture.brush_lifted.connect(state.masks.lift)
        shortcuts = {
            "Ctrl+Z": state.undo,
            "Ctrl+Shift+Z": state.redo,
            "Ctrl+Y": state.redo,
            "[": lambda: self.mask_tools.grow_brush(1 / BRUSH_STEP),
            "]": lambda: self.mask_tools.grow_brush(BRUSH_STEP),
            "X": self.mask_tools.swap_brush,
        }
        add_shortcuts(self, shortcuts, repeated="[]")

    @property
    def is_painting(self) -> bool:
        """The tools of the mask are in the panel; peeking does not move them."""
        return self.work.view is View.MASK and self.work.can_apply and self.work.is_paintable

    def told(self, topic: Topic) -> None:
        super().told(topic)
        if topic in (Topic.MASK, Topic.EDITS, Topic.STAGE, Topic.DIRECTIONS):
            self.undo.setEnabled(self.work.works.can_undo and self.work.can_apply)
            self.redo.setEnabled(self.work.works.can_redo and self.work.can_apply)
        if topic not in (Topic.TASK, Topic.SLIDERS):
            self._show_brush()

    def make_room(self) -> None:
        """The tools of the mask are about to be shown: what stands in their place goes, or the window would grow."""

    def _show_brush(self) -> None:
        masks, layers = self.work.masks, self.work.layers
        if self.is_painting:
            self.make_room()
        self.mask_tools.setVisible(self.is_painting)
        self.mask_tools.refresh()
        sides = [max(layers[n].rect[2:]) for n in self.work.chosen if n in layers]
        tip = BrushTip(masks.brush.radius * max(sides, default=0), masks.brush.softness, masks.brush.shows)
        self.picture.brush = tip if self.is_painting and not self.work.peeking else None
