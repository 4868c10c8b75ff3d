"""What the hand did to each face: sliders and a painted mask, and the way back. Without Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.messages import FaceEdit
from plugin.dialogs.history import History
from plugin.dialogs.painting import Painting

Edits = Mapping[str, float]


@dataclass(frozen=True)
class FaceWork:
    """One face's. `painting` is None while its mask is the one that was found."""

    edits: Edits = field(default_factory=dict)
    painting: Painting | None = None

    @property
    def is_nothing(self) -> bool:
        return not self.edits and self.painting is None

    def face_edit(self, number: int) -> FaceEdit:
        """As the engine is told."""
        mask = self.painting.picture if self.painting else None
        return FaceEdit(number=number, edits=dict(self.edits), layer_mask=mask)


ByFace = Mapping[int, FaceWork]


class Works:
    """All faces', by their numbers. A *move* is one gesture: what has one name, until `settle`, is undone at once."""

    def __init__(self) -> None:
        self._by_face: ByFace = {}
        self._history = _history()

    def __getitem__(self, number: int) -> FaceWork:
        return self._by_face.get(number, FaceWork())

    @property
    def paintings(self) -> list[Painting]:
        return [work.painting for work in self._by_face.values() if work.painting]

    def begin(self, works: ByFace) -> None:
        """What faces come with; there is no way back behind it."""
        self._by_face = works
        self._history = _history()

    def edit(self, numbers: Iterable[int], change: Callable[[Edits], Edits], move: str | None = None) -> None:
        """New sliders from the old ones."""
        changed = {number: replace(self[number], edits=change(self[number].edits)) for number in numbers}
        self._change(changed, move)

    def paint(self, paintings: Mapping[int, Painting], move: str | None = None) -> None:
        """New masks; one that is as it was found again is none."""
        tidy = {number: None if p.is_untouched else p for number, p in paintings.items()}
        self._change({number: replace(self[number], painting=p) for number, p in tidy.items()}, move)

    def settle(self) -> None:
        """The hand let go: what comes next is another move."""
        self._history.settle()

    def undo(self) -> None:
        self._show(self._history.undo(self._by_face))

    def redo(self) -> None:
        self._show(self._history.redo(self._by_face))

    @property
    def can_undo(self) -> bool:
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        return self._history.can_redo

    def _change(self, changed: Mapping[int, FaceWork], move: str | None) -> None:
        if any(self[number] != work for number, work in changed.items()):
            self._history.remember(self._by_face, move)
            self._show({**self._by_face, **changed})

    def _show(self, by_face: ByFace) -> None:
        """Paintings that are no longer seen keep only what cannot be made again."""
        before = self.paintings
        self._by_face = by_face
        for painting in set(before) - set(self.paintings):
            painting.forget()


def _history() -> History[ByFace]:
    return History(_bytes_of)


def _bytes_of(states: Sequence[ByFace]) -> int:
    """What the strokes in these states take, a plane that several of them share once."""
    works = (work for state in states for work in state.values())
    planes = {id(p): p.nbytes for work in works if work.painting for p in work.painting.strokes}
    return sum(planes.values())
