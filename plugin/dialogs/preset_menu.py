"""Presets ▾: sliders by name, those of the last Apply, and the row in which a new name is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QWidget

from engine.errors import BadRequest
from plugin.dialogs.bars import button
from plugin.dialogs.presets import LONGEST_NAME, Presets, load_presets, save_presets
from plugin.likeness.words import _


class PresetMenu(QWidget):
    """The button with its menu. `taken` carries sliders to be shown, `said` a problem (or nothing)."""

    taken = pyqtSignal(object)
    naming = pyqtSignal()
    said = pyqtSignal(str)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.button = button(_("Presets ▾"), "quiet", _("Sliders that you saved, and those of the last Apply"))
        self.menu = QMenu(self.button)
        self.button.setMenu(self.menu)
        self.menu.aboutToShow.connect(self.fill)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)

    def fill(self) -> None:
        """What is saved now: another window may have saved as well."""
        self.menu.clear()
        presets = self._load() or Presets({})
        self._offer(_("Last applied"), presets.last)
        self.menu.addSeparator()
        for name, edits in presets.named.items():
            self._offer(name.replace("&", "&&"), edits)
        if presets.named:
            self.menu.addSeparator()
        self.menu.addAction(_("Save these sliders …"), self.naming.emit)
        if presets.named:
            delete = self.menu.addMenu(_("Delete"))
            assert delete is not None
            for name in presets.named:
                delete.addAction(name.replace("&", "&&"), lambda name=name: self.delete(name))

    def save(self, name: str, edits: dict[str, float]) -> bool:
        """Says whether it is saved; if not, `said` has told why."""
        presets = self._load()
        return presets is not None and self._store(lambda: presets.with_preset(name, edits))

    def delete(self, name: str) -> None:
        presets = self._load()
        if presets is not None:
            self._store(lambda: presets.without(name))

    def keep_last(self, edits: dict[str, float]) -> None:
        """Those of this Apply."""
        presets = self._load()
        if presets is not None:
            self._store(lambda: presets.with_last(edits))

    def _offer(self, text: str, edits: object) -> None:
        action = self.menu.addAction(text, lambda: self.taken.emit(edits))
        assert action is not None
        action.setEnabled(edits is not None)

    def _load(self) -> Presets | None:
        try:
            return load_presets(self._path)
        except BadRequest as problem:
            self.said.emit(str(problem))
            return None

    def _store(self, change: Callable[[], Presets]) -> bool:
        try:
            save_presets(self._path, change())
        except BadRequest as problem:
            self.said.emit(str(problem))
            return False
        self.said.emit("")
        return True


class NameRow(QWidget):
    """A field for a new preset's name: Enter saves, Esc and × leave it."""

    named = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.field = QLineEdit()
        self.field.setPlaceholderText(_("name of the preset"))
        self.field.setAccessibleName(_("Name of the preset"))
        self.field.setMaxLength(LONGEST_NAME)
        self.save = button(_("Save"))
        self.cancel = button("×", "quiet", _("Do not save (Esc)"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.field, 1)
        row.addWidget(self.save)
        row.addWidget(self.cancel)
        self.field.returnPressed.connect(self._name)
        self.save.clicked.connect(self._name)
        self.cancel.clicked.connect(self.hide)
        self.hide()

    def ask(self) -> None:
        self.show()
        self.field.clear()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _name(self) -> None:
        if self.field.text().strip():
            self.named.emit(self.field.text())
