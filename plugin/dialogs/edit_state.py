"""What the Edit dialog knows beyond the faces: the sliders, their values, and the way back. Without Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.messages import DialogRequest, DirectionInfo, DirectionList, EditRequest
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.state import ALL_FACES, DialogState, Face, Stage, Topic

LIMIT = 10.0  # of a strength, in the protocol
ALL_OPEN = 12  # up to so many sliders, no group starts closed
STEP = 0.01


@dataclass(frozen=True)
class SliderGroup:
    """A header and what stands under it; `sliders` is empty while it is closed."""

    name: str
    open: bool
    sliders: tuple[DirectionInfo, ...]
    moved: int


class EditState(DialogState):
    """One set of edits, for the face that was picked or for all.

    A *move* is one gesture: everything between the first `move` of a slider and `settle` is undone at once.
    """

    procedure = "Edit Face"
    result_name = "Edited"

    def __init__(self, request: DialogRequest, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(request, clock)
        self.directions: tuple[DirectionInfo, ...] = ()
        self.edits: dict[str, float] = {k: v for k, v in request.edits.items() if v}
        self.unknown: tuple[str, ...] = ()
        self.weakened: tuple[str, ...] = ()
        self.search = ""
        self.closed: set[str] = set()
        self.afresh = False
        self._moving: str | None = None
        self._undo: list[dict[str, float]] = []
        self._redo: list[dict[str, float]] = []

    @property
    def can_apply(self) -> bool:
        return super().can_apply and self.is_described

    # --- sliders ------------------------------------------------------------------------------------------

    def directions_arrived(self, found: DirectionList, device: str = "") -> None:
        """The model's sliders. Edits that it does not know are left out and named in `unknown`, those that go
        further than it does are brought to its end and named in `weakened`, by their labels."""
        self.directions = tuple(found.directions)
        names = {d.name for d in self.directions}
        self.unknown = tuple(name for name in self.edits if name not in names)
        brought = {d: self.edits[d.name] for d in self.directions if d.name in self.edits}
        self.weakened = tuple(d.label for d, value in brought.items() if self._within(d, value) != value)
        within = {d.name: self._within(d, value) for d, value in brought.items()}
        self.edits = {name: value for name, value in within.items() if value}
        groups = list(dict.fromkeys(d.group for d in self.directions))
        if len(self.directions) > ALL_OPEN:
            busy = {d.group for d in self.directions if d.name in self.edits}
            self.closed = set(groups[2:]) - busy
        self.described(found.model, found.notice, device)

    def value(self, name: str) -> float:
        return self.edits.get(name, 0.0)

    def reach(self, direction: DirectionInfo) -> tuple[float, float]:
        """The slider's ends: the model's, which the engine goes by; 0 is always within."""
        return max(-LIMIT, min(direction.minimum, 0.0)), min(LIMIT, max(direction.maximum, 0.0))

    def groups(self) -> list[SliderGroup]:
        """What the panel shows: while something is sought, only what fits, and nothing closed."""
        words = self.search.casefold().split()
        found: dict[str, list[DirectionInfo]] = {}
        for direction in self._sought(words):
            found.setdefault(direction.group, []).append(direction)
        return [
            SliderGroup(
                name=name,
                open=bool(words) or name not in self.closed,
                sliders=tuple(members) if words or name not in self.closed else (),
                moved=sum(d.name in self.edits for d in members),
            )
            for name, members in found.items()
        ]

    def seek(self, text: str) -> None:
        self.search = text
        self.tell(Topic.SLIDERS)

    def toggle_group(self, name: str) -> None:
        self.closed ^= {name}
        self.tell(Topic.SLIDERS)

    # --- moves, and back ----------------------------------------------------------------------------------

    def move(self, name: str, value: float) -> None:
        """A slider is at `value`."""
        direction = next((d for d in self.directions if d.name == name), None)
        if direction is None:
            return
        value = self._within(direction, round(value / STEP) * STEP)
        if abs(value - self.value(name)) < STEP / 2:
            return
        if self._moving != name:
            self._remember()
            self._moving = name
        others = {k: v for k, v in self.edits.items() if k != name}
        self._set(others | {name: round(value, 4)} if value else others)

    def settle(self) -> None:
        """The hand let go: what comes next is another move."""
        self._moving = None

    def reset(self, name: str) -> None:
        self.settle()
        self.move(name, 0.0)
        self.settle()

    def reset_all(self) -> None:
        if self.edits:
            self._remember()
            self._set({})

    def undo(self) -> None:
        if self._undo:
            self._redo.append(dict(self.edits))
            self._moving = None
            self._set(self._undo.pop())

    def redo(self) -> None:
        if self._redo:
            self._undo.append(dict(self.edits))
            self._moving = None
            self._set(self._redo.pop())

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    @property
    def stale(self) -> bool:
        """What is shown was made with other edits."""
        return any({k: v for k, v in item.edits.items() if v} != self.edits for item in self.shown)

    # --- requests -----------------------------------------------------------------------------------------

    def preview_request(self, side: int | None) -> EditRequest | None:
        """The picture of the sliders as they stand, its longer side at most `side`; None: not yet."""
        return self._request(side) if self.can_apply else None

    def accepted(self) -> EditRequest:
        return self._request(None)

    def reopening_request(self) -> EditRequest | None:
        if self.afresh or not self.request.inversions:
            return None
        return EditRequest(
            picture=self.request.picture,
            face=self.request.face,
            refine_steps=self.request.refine_steps,
            model=self.request.model,
            inversions=self.request.inversions,
        )

    def reopened(self, layers: Sequence[FaceLayers], seconds: float) -> None:
        """The faces that the layer's own inversions hold; their edits come when the sliders are known."""
        self.layers = {item.number: item for item in layers}
        self.faces = tuple(Face(item.number, item.box) for item in layers)
        self.choice = layers[0].number if len(layers) == 1 else ALL_FACES
        self.last_seconds = seconds
        self.tell(Topic.FACES)
        self.tell(Topic.LAYERS)
        self._enter(Stage.READY)

    def start_afresh(self) -> None:
        """Leave the layer's own inversions aside and look for faces."""
        self.afresh = True
        self.layers = {}
        self._enter(Stage.LOOKING)

    # --- inside -------------------------------------------------------------------------------------------

    def _within(self, direction: DirectionInfo, value: float) -> float:
        least, most = self.reach(direction)
        return max(least, min(most, value))

    def _sought(self, words: list[str]) -> list[DirectionInfo]:
        """Sliders with all words in their own name or hint; if there are none, those of a group called so."""
        texts = [f"{d.label} {d.name} {d.hint}".casefold() for d in self.directions]
        own = [d for d, text in zip(self.directions, texts, strict=True) if all(w in text for w in words)]
        return own or [d for d in self.directions if all(w in d.group.casefold() for w in words)]

    def _request(self, side: int | None) -> EditRequest:
        return EditRequest(
            picture=self.request.picture,
            face=self.choice,
            refine_steps=self.request.refine_steps,
            model=self.request.model,
            edits=self.edits,
            inversions=[item.inversion for item in self.shown],
            preview=None if side is None else max(16, min(8192, side)),
        )

    def _remember(self) -> None:
        self._undo.append(dict(self.edits))
        self._redo.clear()

    def _set(self, edits: dict[str, float]) -> None:
        self.edits = edits
        self.tell(Topic.EDITS)
