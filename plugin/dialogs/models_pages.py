"""The right side of the models' window: a model, an offer of the catalogue, or files that are to be imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

from PyQt5.QtWidgets import (
    QFrame,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from plugin.dialogs.bars import add_row, button, words
from plugin.dialogs.confirm_button import ConfirmButton
from plugin.dialogs.direction_rows import DirectionRows
from plugin.dialogs.models_session import ModelsSession
from plugin.dialogs.models_state import Model, ModelsState, Offer
from plugin.dialogs.tick import Tick
from plugin.likeness.words import _

NO_MODEL = _(
    "An encoder, SAMM or directions can come with their generator: choose all files that belong together."
)


class _Page(QWidget):
    """A title, text, and buttons; subclasses fill it."""

    def __init__(self, state: ModelsState, session: ModelsSession) -> None:
        super().__init__()
        self.state, self.session = state, session
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 8, 0)
        self.column.setSpacing(10)
        self.title = words("title")
        self.text = words()
        self.column.addWidget(self.title)
        self.column.addWidget(self.text)


class ModelPage(_Page):
    """What an installed model is, and what can be done with it."""

    def __init__(self, state: ModelsState, session: ModelsSession) -> None:
        super().__init__(state, session)
        self.use = button(_("Use this model"), "primary", _("For new faces, where no other model is named"))
        self.remove = ConfirmButton(_("Remove"), _("Remove it for good"), _("Delete its files"))
        self.notes = words("dim")
        self.directions_title = words("title")
        self.directions_title.setText(_("Directions"))
        self.show_strips = button(_("Show them"), "", _("Paint what each direction does to the average face"))
        self.discover = button(
            _("Discover"), "", _("Look for directions (SeFa and PCA), and name what is recognised")
        )
        self.rows = DirectionRows(state, session)
        add_row(self.column, self.use, self.remove)
        self.column.addWidget(self.notes)
        self.column.addWidget(self.directions_title)
        add_row(self.column, self.show_strips, self.discover)
        self.column.addWidget(self.rows)
        self.column.addStretch(1)
        self._name = ""
        self.use.clicked.connect(lambda: session.use(self._name))
        self.remove.confirmed.connect(lambda: session.remove(self._name))
        self.show_strips.clicked.connect(lambda: session.show_directions(self._name))
        self.discover.clicked.connect(lambda: session.discover(self._name))

    def show_model(self, model: Model) -> None:
        state = self.state
        if model.name != self._name or not state.is_free:
            self._name = model.name
            self.remove.disarm()
        self.title.setText(model.name)
        self.text.setText(model.problem or "\n".join(model.lines))
        notes = state.notes.get(model.name, ())
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))
        whole = not model.problem
        self.use.setText(_("In use") if model.name == state.used else _("Use this model"))
        self.use.setEnabled(state.is_free and whole and model.name != state.used)
        self.remove.setVisible(not model.embedded)
        for shown in (self.remove, self.show_strips, self.discover):
            shown.setEnabled(state.is_free)
        for shown in (self.directions_title, self.show_strips, self.discover, self.rows):
            shown.setVisible(whole)
        self.rows.show_directions(model)


class OfferPage(_Page):
    """Something that can be downloaded: its terms come first."""

    def __init__(self, state: ModelsState, session: ModelsSession) -> None:
        super().__init__(state, session)
        self.terms = words("dim")
        card = QFrame()
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(14, 12, 14, 12)
        inside.addWidget(self.terms)
        self.accepted = Tick(_("I have read these terms and accept them"))
        self.download = button(_("Download"), "primary")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(180)
        self.far = words("dim")
        self.column.addWidget(card)
        self.column.addWidget(self.accepted)
        add_row(self.column, self.download)
        add_row(self.column, self.bar)
        self.column.addWidget(self.far)
        self.column.addStretch(1)
        self._offer: Offer | None = None
        self.accepted.clicked.connect(self._accept)
        self.download.clicked.connect(self._download)

    def show_offer(self, offer: Offer) -> None:
        state = self.state
        self._offer = offer
        self.title.setText(offer.name)
        fetched = (
            ""
            if offer.fetched
            else _("Its address and checksum are its publisher's; we have never fetched it.")
        )
        self.text.setText(f"{offer.description}.\n{fetched}".strip())
        self.terms.setText(
            "\n\n".join(f"{name}\n\n{text}\n\n{address}" for name, text, address in offer.licences)
        )
        self.accepted.setChecked(offer.name in state.accepted)
        found = state.downloads.get(offer.name)
        running = found is not None and found.is_running
        begun = found is not None or offer.have > 0
        is_there = state.name_for(offer.name) != offer.name
        self.accepted.setEnabled(not running)
        self.download.setText(
            _("Installed") if is_there else _("Pause") if running else _("Resume") if begun else _("Download")
        )
        self.download.setEnabled(running or state.may_download(offer))
        part = found.fraction if found else offer.have / offer.size if offer.size else 0.0
        self.bar.setVisible(begun and not is_there)
        self.bar.setValue(round(part * 1000))
        self.far.setVisible(begun and not is_there)
        message = found.message if found else ""
        self.far.setText(
            f"{message} {part:.0%}".strip() if running else _("paused at {part:.0%}").format(part=part)
        )

    def _accept(self, checked: bool) -> None:
        if self._offer is not None:
            self.state.accept(self._offer, checked)

    def _download(self) -> None:
        if self._offer is not None:
            found = self.state.downloads.get(self._offer.name)
            if found is not None and found.is_running:
                self.session.pause()
            else:
                self.session.download(self._offer)


class FilesPage(_Page):
    """Files that make one model, before they are read."""

    def __init__(self, state: ModelsState, session: ModelsSession, choose: Callable[[], None]) -> None:
        super().__init__(state, session)
        self.title.setText(_("New model"))
        self.name = QLineEdit()
        self.name.setMaxLength(100)
        self.name.setFixedWidth(30 * self.fontMetrics().averageCharWidth())
        self.more = button(_("Add files…"), "", NO_MODEL)
        self.bring = button(_("Import"), "primary", _("Read them; nothing in them is run"))
        self.forget = button(_("Leave it"), "", _("Import nothing"))
        hint = words("hint")
        hint.setText(NO_MODEL)
        label = words()
        label.setText(_("Name"))
        self.column.addWidget(hint)
        add_row(self.column, label, self.name)
        self.why = words("dim")
        self.column.addWidget(self.why)
        add_row(self.column, self.bring, self.more, self.forget)
        self.column.addStretch(1)
        self._files: Sequence[str] = ()
        self.more.clicked.connect(choose)
        self.bring.clicked.connect(lambda: session.import_files(self.name.text().strip()))
        self.forget.clicked.connect(state.forget_files)
        self.name.textChanged.connect(lambda _: self._enable())

    def show_files(self) -> None:
        files = self.state.files
        if files != self._files:
            self.name.setText(self.state.suggested_name if not self._files else self.name.text())
            self._files = files
        self.text.setText("\n".join(PurePath(file).name for file in files))
        self._enable()

    def _enable(self) -> None:
        free = self.state.is_free
        name = self.name.text().strip()
        self.why.setText(self._obstacle(name))
        self.why.setVisible(bool(self.why.text()))
        self.bring.setEnabled(free and bool(self._files) and not self.why.text())
        for one in (self.name, self.more, self.forget):
            one.setEnabled(free)

    def _obstacle(self, name: str) -> str:
        """Why a model cannot have this name, and one that it can have."""
        usable = self.state.name_for(name)
        if usable == name:
            return ""
        if any(model.name == name for model in self.state.models):
            return _("There is a model “{name}” already. Free is “{usable}”.").format(name=name, usable=usable)
        return _("A name is 1 to 60 letters, figures, “-” and “_”. Free is “{usable}”.").format(usable=usable)
