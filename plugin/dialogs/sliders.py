"""The panel of sliders: search, groups that open and close, reset."""

from __future__ import annotations

from itertools import pairwise

from PyQt5.QtCore import QSize, Qt, QTimer
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from plugin.dialogs.bars import button
from plugin.dialogs.edit_state import EditState, SliderGroup
from plugin.dialogs.icons import icon
from plugin.dialogs.observable import Topic
from plugin.dialogs.palette import Tones
from plugin.dialogs.slider import KEYS_SETTLE_MILLISECONDS, SliderRow
from plugin.likeness.words import _


class SliderPanel(QWidget):
    """Shows an `EditState` and tells it what the hand did."""

    def __init__(self, state: EditState, tones: Tones) -> None:
        super().__init__()
        self._state, self._tones = state, tones
        self.rows: dict[str, SliderRow] = {}
        self.headers: dict[str, QPushButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._make_top())
        self._list = QWidget()
        self._list.setObjectName("sliderList")
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(0, 0, 8, 0)
        self._rows.setSpacing(2)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(self._list)
        column.addWidget(self.area, 1)
        self.nothing = QLabel()
        self.nothing.setObjectName("dim")
        self.nothing.setWordWrap(True)
        self.nothing.hide()
        self._keys = QTimer(self)
        self._keys.setSingleShot(True)
        self._keys.setInterval(KEYS_SETTLE_MILLISECONDS)
        self._keys.timeout.connect(self._settle)
        state.observe(self._told)
        self._build()

    def _make_top(self) -> QHBoxLayout:
        top = QHBoxLayout()
        top.setSpacing(6)
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("find a slider"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(_("Find a slider"))
        self.search.textChanged.connect(self._state.seek)
        self.search.returnPressed.connect(self._enter_list)
        self.reset_all = button(_("Reset all"), "quiet", _("All sliders back to 0"))
        self.reset_all.clicked.connect(self._state.reset_all)
        top.addWidget(self.search, 1)
        top.addWidget(self.reset_all)
        return top

    # --- building and showing -----------------------------------------------------------------------------

    def _build(self) -> None:
        """One header a group and one row a direction, made once; what is seen is decided by `_show_groups`."""
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None and widget is not self.nothing:
                widget.hide()
                widget.deleteLater()
        self.rows, self.headers = {}, {}
        for direction in self._state.directions:
            if direction.group not in self.headers:
                self._add_header(direction.group)
            row = SliderRow(direction, self._tones)
            row.moved.connect(self._moved)
            row.settled.connect(self._settle)
            row.reset.connect(self._state.reset)
            self.rows[direction.name] = row
        for group, header in self.headers.items():
            self._rows.addWidget(header)
            for row in self.rows.values():
                if row.direction.group == group:
                    self._rows.addWidget(row)
        self._rows.addWidget(self.nothing)
        self._rows.addStretch(1)
        self._chain()
        self._show_groups()
        self._show_values()

    def _chain(self) -> None:
        """Tab goes from the search down the list, whenever its rows were made."""
        stops: list[QWidget] = [self.search, self.reset_all]
        for group, header in self.headers.items():
            stops += [header, *(r.slider for r in self.rows.values() if r.direction.group == group)]
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _add_header(self, group: str) -> None:
        header = button(group, "header")
        header.setIconSize(QSize(14, 14))
        header.clicked.connect(lambda: self._state.toggle_group(group))
        self.headers[group] = header

    def _show_groups(self) -> None:
        groups: dict[str, SliderGroup] = {g.name: g for g in self._state.groups()}
        seen = {d.name for g in groups.values() for d in g.sliders}
        for name, header in self.headers.items():
            group = groups.get(name)
            header.setVisible(group is not None)
            if group is not None:
                header.setIcon(icon("open" if group.open else "closed", self._tones))
        for name, row in self.rows.items():
            row.setVisible(name in seen)
        sought = self._state.search.strip()
        self.nothing.setVisible(bool(sought) and not groups)
        self.nothing.setText(_("No slider is called “{sought}”.").format(sought=sought))
        self._show_moved(groups)

    def _show_moved(self, groups: dict[str, SliderGroup]) -> None:
        """A closed group says how many of its sliders are not at 0."""
        for name, header in self.headers.items():
            group = groups.get(name)
            moved = (
                _("  · {moved} moved").format(moved=group.moved)
                if group and group.moved and not group.open
                else ""
            )
            header.setText(f"{name}{moved}")

    def _show_values(self) -> None:
        state = self._state
        for name, row in self.rows.items():
            row.show_value(state.value(name), state.reach(row.direction), differs=state.differs(name))
        self.reset_all.setEnabled(state.can_reset)
        self._show_moved({g.name: g for g in self._state.groups()})

    def _told(self, topic: Topic) -> None:
        if topic is Topic.DIRECTIONS:
            self._build()
        elif topic is Topic.SLIDERS:
            self._show_groups()
            self._show_values()
        elif topic is Topic.EDITS:
            self._show_values()

    def _enter_list(self) -> None:
        """Enter in the search field: on to the first slider that was found."""
        seen = [row for row in self.rows.values() if row.isVisible()]
        if seen:
            seen[0].slider.setFocus(Qt.FocusReason.TabFocusReason)

    # --- the hand -----------------------------------------------------------------------------------------

    def _moved(self, name: str, strength: float) -> None:
        self._state.move(name, strength)
        if not self.rows[name].slider.isSliderDown():
            self._keys.start()

    def _settle(self) -> None:
        if not any(row.slider.isSliderDown() for row in self.rows.values()):
            self._state.settle()
