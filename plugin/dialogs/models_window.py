# ruff: noqa: N802 (Qt's names)
"""The models' window: what is installed and what can be downloaded on the left, the one that is looked at on the right."""

from __future__ import annotations

from PyQt5.QtCore import QSettings, Qt
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from plugin.dialogs.bars import button
from plugin.dialogs.chore_window import EDGE, ChoreWindow
from plugin.dialogs.figures import size_of
from plugin.dialogs.models_pages import FilesPage, ModelPage, OfferPage
from plugin.dialogs.models_session import ModelsSession
from plugin.dialogs.models_state import NEW, Model, ModelsState, Offer
from plugin.dialogs.observable import Topic
from plugin.dialogs.palette import Tones
from plugin.likeness.words import _

LIST_LETTERS = 32
LIST_PART = 0.36  # of the window, at most
FILES = _("Checkpoints (*.pt *.pth *.pkl *.ckpt *.safetensors *.npy);;All files (*)")
_THING = Qt.ItemDataRole.UserRole


class ModelsWindow(ChoreWindow):
    """Shows a `ModelsState`, reports to a `ModelsSession`."""

    title = _("Models")

    def __init__(self, state: ModelsState, session: ModelsSession, tones: Tones, settings: QSettings) -> None:
        super().__init__(state, session, tones, settings)
        self.state, self.session = state, session
        self.list = QListWidget()
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.add = button(
            _("Add files…"), "", _("Make a model of checkpoints that you have; no code in them runs")
        )
        self.model_page = ModelPage(state, session)
        self.offer_page = OfferPage(state, session)
        self.files_page = FilesPage(state, session, self.choose_files)
        self.pages = (self.model_page, self.offer_page, self.files_page)
        self.leave.setToolTip(_("Downloads pause; they go on when you come back (Esc)"))
        self._lay_out()
        self.list.currentItemChanged.connect(self._picked)
        self.add.clicked.connect(self.choose_files)
        state.observe(self.told)
        self.told(Topic.STAGE)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(self.list, 1)
        left.addWidget(self.add)
        right = QVBoxLayout()
        right.setSpacing(EDGE)
        right.addWidget(self.problem)
        self.scrolled = QScrollArea()
        self.scrolled.setObjectName("panel")
        self.scrolled.setWidgetResizable(True)
        self.scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QWidget()
        column.setObjectName("panel")
        pages = QVBoxLayout(column)
        pages.setContentsMargins(0, 0, 0, 0)
        for page in self.pages:
            page.hide()
            pages.addWidget(page)
        self.scrolled.setWidget(column)
        right.addWidget(self.scrolled, 1)
        middle = QHBoxLayout()
        middle.setSpacing(EDGE)
        middle.addLayout(left)
        middle.addLayout(right, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(EDGE, EDGE, EDGE, EDGE)
        outer.setSpacing(EDGE)
        outer.addLayout(middle, 1)
        outer.addLayout(self.bottom)

    # --- showing ------------------------------------------------------------------------------------------

    def told(self, topic: Topic) -> None:
        state = self.state
        if topic is Topic.MODELS:
            self._fill_list()
        if topic in (Topic.STAGE, Topic.MODELS, Topic.DIRECTIONS):
            self.add.setEnabled(state.is_free)
            self.problem.setVisible(state.problem is not None)
            if state.problem is not None:
                self.problem.show_problem(state.problem, "" if state.models else _("Try again"))
            self._show_page()
            self.status.refresh()

    def _show_page(self) -> None:
        selected = self.state.selected
        for page, shown in zip(
            self.pages, (isinstance(selected, Model), isinstance(selected, Offer), selected == NEW), strict=True
        ):
            page.setVisible(shown)
        if isinstance(selected, Model):
            self.model_page.show_model(selected)
        elif isinstance(selected, Offer):
            self.offer_page.show_offer(selected)
        self.files_page.show_files()
        self._mark_row()

    def _mark_row(self) -> None:
        """The list's row is that of the page."""
        rows = (self.list.item(row) for row in range(self.list.count()))
        row = next((r for r in rows if r is not None and _is_same(r.data(_THING), self.state.selected)), None)
        self.list.blockSignals(True)
        self.list.setCurrentItem(row)
        self.list.blockSignals(False)

    def _fill_list(self) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        self._add_heading(_("Installed"))
        for model in self.state.models:
            self._add_item(model, model.name, _about(model, self.state.used))
        self._add_heading(_("To be downloaded"))
        for offer in self.state.offers:
            self._add_item(offer, offer.name, size_of(offer.size) if offer.size else _("size not published"))
        self.list.blockSignals(False)

    def _add_heading(self, text: str) -> None:
        item = QListWidgetItem(text)
        item.setFlags(Qt.ItemFlags())
        self.list.addItem(item)

    def _add_item(self, thing: Model | Offer, name: str, about: str) -> None:
        item = QListWidgetItem(f"{name}\n{about}")
        item.setData(_THING, thing)
        self.list.addItem(item)

    # --- the hand -----------------------------------------------------------------------------------------

    def _picked(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.state.select(item.data(_THING))

    def choose_files(self) -> None:
        files = QFileDialog.getOpenFileNames(self, _("Files that make one model"), "", FILES)[0]
        if files:
            self.state.add_files(files)

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        wanted = LIST_LETTERS * self.fontMetrics().averageCharWidth()
        self.list.setFixedWidth(min(wanted, round(self.width() * LIST_PART)))
        super().resizeEvent(a0)


def _is_same(thing: Model | Offer | None, selected: Model | Offer | str | None) -> bool:
    """One model, or one offer, whatever has become known of it since."""
    if thing is None or selected is None or isinstance(selected, str):
        return False
    return type(thing) is type(selected) and thing.name == selected.name


def _about(model: Model, used: str) -> str:
    if model.problem:
        return _("damaged")
    size = _("embedded") if model.embedded else size_of(model.size)
    return f"{model.resolution} px · {size}" + (_(" · in use") if model.name == used else "")
