"""What stands above the picture: face chips, the views, the zoom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import (
    QApplication,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

from plugin.dialogs.faces import Face
from plugin.dialogs.icons import icon
from plugin.dialogs.palette import Tones
from plugin.dialogs.picture_view import SEVERAL, PictureView
from plugin.dialogs.state import ALL_FACES, View
from plugin.likeness.words import _, capitalised

SMALLER = 0.9  # of the font's size
MOST_CHIPS = 4
MOST_WORDS = 2  # with more faces the chips are numbers only


VIEW_NAMES = {
    View.ORIGINAL: _("Original"),
    View.MASK: _("Mask"),
    View.GENERATED: _("Generated"),
    View.FLOW: _("Flow"),
}
VIEW_TIPS = {
    View.RESULT: _("The photograph with the face's layer over it"),
    View.ORIGINAL: _("The photograph as it was (hold Space)"),
    View.MASK: _("What stays the photograph's is red; paint to change it (M: over the other views, too)"),
    View.GENERATED: _("What the model makes of the face, before it is blended"),
    View.FLOW: _("How far the generated face is moved into the photograph's place, and in which direction"),
}


def view_choices(views: Sequence[View], result_name: str) -> list[tuple[object, str, str]]:
    """What `Choices.offer` takes; the result is called after what the dialog makes."""
    return [(view, VIEW_NAMES.get(view, result_name), VIEW_TIPS[view]) for view in views]


def button(text: str, name: str = "", tip: str = "") -> QPushButton:
    """A button that Tab reaches but a click does not focus: Space stays free for peeking."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setToolTip(tip)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def small_print() -> QLabel:
    """A paragraph in small, dim letters."""
    label = QLabel()
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * SMALLER)
    label.setFont(font)
    label.setObjectName("dim")
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def words(name: str = "") -> QLabel:
    """Text that wraps and can be selected; nothing in it is markup."""
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def add_shortcuts(window: QWidget, shortcuts: Mapping[str, Callable[[], None]], repeated: str) -> None:
    """Keys of a window and what they do; those in `repeated` do it as long as they are held."""
    for keys, does in shortcuts.items():
        shortcut = QShortcut(QKeySequence(keys), window)
        shortcut.setAutoRepeat(len(keys) == 1 and keys in repeated)
        shortcut.activated.connect(does)


class Choices(QWidget):
    """Buttons of which one is down (of face chips, perhaps several). `picked` carries the key of the pressed one."""

    picked = pyqtSignal(object)

    def __init__(self, name: str, spacing: int) -> None:
        super().__init__()
        self._name = name
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(spacing)
        self._group = QButtonGroup(self)
        self.buttons: dict[object, QPushButton] = {}
        self._down: tuple[object, ...] = ()

    def offer(self, choices: Sequence[tuple[object, str, str]]) -> None:
        """Replace what is offered by (key, text, tip), unless it is the same."""
        if list(self.buttons) == [key for key, _, _ in choices]:
            return
        for old in self.buttons.values():
            self._group.removeButton(old)
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.buttons = {}
        for place, (key, text, tip) in enumerate(choices):
            made = button(text, self._name, tip)
            made.setCheckable(True)
            made.setProperty("place", {0: "first", len(choices) - 1: "last"}.get(place, "middle"))
            made.clicked.connect(lambda _=False, key=key: self._press(key))
            self._group.addButton(made)
            self._row.addWidget(made)
            self.buttons[key] = made

    def show_choice(self, *keys: object) -> None:
        self._down = keys
        self._group.setExclusive(False)
        for other, found in self.buttons.items():
            found.setChecked(other in keys)
        self._group.setExclusive(len(keys) == 1)

    def _press(self, key: object) -> None:
        """Which buttons are down is for whoever is told to say; until then, those that were."""
        self.tell(key)
        self.show_choice(*self._down)

    def tell(self, key: object) -> None:
        self.picked.emit(key)


class FaceChips(Choices):
    """(face 1)(face 2) … (all faces); nothing while there is nothing to choose.

    A crowd has chips for its largest faces and those that were picked; the others are picked in the picture.
    Broken lines: a face with a drawback, which the tip names. `picked_too`: pressed with Ctrl or Shift.
    """

    picked_too = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__("chip", 6)

    def tell(self, key: object) -> None:
        several = bool(QApplication.keyboardModifiers() & SEVERAL)
        (self.picked_too if several else self.picked).emit(key)

    def show_faces(self, faces: Sequence[Face], chosen: Sequence[int]) -> None:
        if len(faces) < 2:
            self.offer([])
            return
        seen = [f for place, f in enumerate(faces) if place < MOST_CHIPS or f.number in chosen]
        few = len(faces) <= MOST_WORDS
        chips: list[tuple[object, str, str]] = [
            (f.number, _("face {number}").format(number=f.number) if few else str(f.number), _chip_tip(f))
            for f in seen
        ]
        chips.append((ALL_FACES, _("all faces") if few else _("all"), _("Work on all faces at once")))
        self.offer(chips)
        for face in seen:
            self.buttons[face.number].setProperty("doubtful", bool(face.drawback))
        self.show_choice(*((ALL_FACES,) if len(chosen) == len(faces) else chosen))


def _chip_tip(face: Face) -> str:
    told = _("Work on face {number}, and with Ctrl on this one too").format(number=face.number)
    return f"{told}\n{capitalised(face.drawback)}" if face.drawback else told


def add_row(column: QVBoxLayout, *widgets: QWidget) -> None:
    """Widgets side by side, as wide as they want to be, below what stands in the column."""
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    column.addLayout(row)


class ZoomBar(QWidget):
    """− 83 % +: the figure toggles between fit and 100 %."""

    def __init__(self, view: PictureView, tones: Tones) -> None:
        super().__init__()
        self._view = view
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.smaller = button("", "quiet", _("Smaller (−)"))
        self.smaller.setIcon(icon("minus", tones))
        self.larger = button("", "quiet", _("Larger (+)"))
        self.larger.setIcon(icon("plus", tones))
        self.figure = button("", "quiet", _("Fit, or 100 % (Z)"))
        self.figure.setMinimumWidth(self.figure.fontMetrics().horizontalAdvance("1600 %") + 18)
        for made in (self.smaller, self.figure, self.larger):
            made.setIconSize(QSize(16, 16))
            row.addWidget(made)
        self.smaller.setAccessibleName(_("Smaller"))
        self.larger.setAccessibleName(_("Larger"))
        self.smaller.clicked.connect(lambda: view.step_zoom(-1))
        self.larger.clicked.connect(lambda: view.step_zoom(1))
        self.figure.clicked.connect(view.toggle_zoom)
        view.zoomed.connect(self._show)
        self._show()

    def _show(self) -> None:
        known = self._view.scene.photograph is not None
        self.setEnabled(known)
        self.figure.setText(f"{self._view.viewport.zoom * 100:.0f} %" if known else "–")
