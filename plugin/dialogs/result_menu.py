"""Result: new layer ▾ – what becomes of the edit in GIMP; the last choice is remembered."""

from __future__ import annotations

from functools import partial

from PyQt5.QtCore import QSettings
from PyQt5.QtWidgets import QAction, QActionGroup, QHBoxLayout, QMenu, QWidget

from engine.messages import Placement
from plugin.dialogs.bars import button
from plugin.dialogs.observable import Topic
from plugin.dialogs.state import DialogState
from plugin.likeness.words import _

KEY = "result"
NAMES: dict[Placement, tuple[str, str]] = {
    "layer": (_("new layer"), _("New layer with a layer mask")),
    "group": (_("layer group"), _("Layer group with a layer for each face")),
    "replace": (_("in place"), _("Replace in place, within the selection")),
    "image": (_("new image"), _("New image")),
}


class ResultMenu(QWidget):
    """The button with its menu; not there where nothing is to be chosen."""

    def __init__(self, state: DialogState, settings: QSettings) -> None:
        super().__init__()
        self._state, self._settings = state, settings
        self._is_brief = False
        self.button = button("", "quiet", _("What becomes of it in GIMP"))
        self.button.setAccessibleName(_("Result"))
        self.menu = QMenu(self.button)
        self.button.setMenu(self.menu)
        group = QActionGroup(self.menu)
        self.actions_by_result: dict[Placement, QAction] = {}
        for result in state.results:
            action = QAction(NAMES[result][1], group)
            action.setCheckable(True)
            action.triggered.connect(partial(self._choose, result))
            self.menu.addAction(action)
            self.actions_by_result[result] = action
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)
        self.setVisible(len(state.results) > 1)
        state.observe(self._told)
        state.choose_result(settings.value(KEY, state.result))
        self._show()

    def be_brief(self, brief: bool) -> None:
        """Without the word “Result”, where there is little room."""
        if brief != self._is_brief:
            self._is_brief = brief
            self._show()

    def _choose(self, result: Placement, _checked: bool = True) -> None:
        self._state.choose_result(result)
        self._settings.setValue(KEY, result)

    def _told(self, topic: Topic) -> None:
        if topic is Topic.RESULT:
            self._show()

    def _show(self) -> None:
        result = self._state.result
        name = NAMES[result][0]
        self.button.setText(f"{name} ▾" if self._is_brief else _("Result: {name} ▾").format(name=name))
        if result in self.actions_by_result:
            self.actions_by_result[result].setChecked(True)
