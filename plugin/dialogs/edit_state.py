"""What the Edit dialog knows beyond the faces: what the hand did to each of them, and the way back. Without Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from engine.messages import DialogRequest, DirectionInfo, DirectionList, EditRequest, FaceEdit
from plugin.dialogs.faces import Box, Face, is_same_place
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.observable import Topic
from plugin.dialogs.painting import Painting
from plugin.dialogs.slider_groups import SliderGroup, closed_at_first, slider_groups
from plugin.dialogs.state import Stage
from plugin.dialogs.work_state import WorkState
from plugin.dialogs.works import Edits, FaceWork
from plugin.likeness.words import _, said

LIMIT = 10.0  # of a strength, in the protocol
STEP = 0.01


class EditState(WorkState):
    """Sliders and brush work on the faces that are picked; every face keeps its own.

    `edits` is what the sliders show: the first picked face's.
    """

    procedure = _("Edit Face")
    result_name = _("Edited")

    def __init__(self, request: DialogRequest, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(request, clock)
        self.directions: tuple[DirectionInfo, ...] = ()
        self.unknown: tuple[str, ...] = ()
        self.weakened: tuple[str, ...] = ()
        self.search = ""
        self.closed: set[str] = set()
        self.afresh = False
        self.keep_identity: float | None = None
        self._brought: Edits = {k: v for k, v in request.edits.items() if v}
        self.layer_mask: np.ndarray | None = None  # of the layer that is taken up again, [h,w] uint8
        self._former: tuple[tuple[Box, Edits], ...] = ()  # faces before `start_afresh`, and their sliders

    @property
    def can_apply(self) -> bool:
        return super().can_apply and self.is_described

    @property
    def is_paintable(self) -> bool:
        """A layer that is taken up again keeps its layer mask, unless that came along: it can be painted on then."""
        return not self.request.inversions or self.request.layer_mask is not None

    # --- faces --------------------------------------------------------------------------------------------

    @property
    def edits(self) -> Edits:
        return self.works[self.chosen[0]].edits if self.layers and self.chosen else self._brought

    def toggle_face(self, number: int) -> None:
        """Pick one face more, or one less."""
        others = tuple(n for n in self.chosen if n != number)
        self.pick(others if number in self.chosen else tuple(sorted((*self.chosen, number))))

    def arrived(self, layers: Sequence[FaceLayers], seconds: float) -> None:
        if not self.layers:
            self.works.begin(self._first_works(layers))
        super().arrived(layers, seconds)

    # --- sliders ------------------------------------------------------------------------------------------

    def directions_arrived(self, found: DirectionList, device: str = "") -> None:
        """The model's sliders. Edits that it does not know are left out and named in `unknown`, those that go
        further than it does are brought to its end and named in `weakened`, by their labels."""
        self.directions = tuple(_worded(direction) for direction in found.directions)
        self._brought = self._fitting(self.edits)
        if self.layers:
            self.works.begin({n: replace(self.works[n], edits=self._brought) for n in self.chosen})
        self.closed = closed_at_first(self.directions, self._brought)
        self.described(found.model, found.notice, device)

    def value(self, name: str) -> float:
        return self.edits.get(name, 0.0)

    def differs(self, name: str) -> bool:
        """The picked faces have it at different strengths."""
        return len({self.works[n].edits.get(name, 0.0) for n in self.chosen}) > 1

    def reach(self, direction: DirectionInfo) -> tuple[float, float]:
        """The slider's ends: the model's, which the engine goes by; 0 is always within."""
        return max(-LIMIT, min(direction.minimum, 0.0)), min(LIMIT, max(direction.maximum, 0.0))

    def groups(self) -> list[SliderGroup]:
        return slider_groups(self.directions, self.edits, self.search, self.closed)

    def seek(self, text: str) -> None:
        self.search = text
        self.tell(Topic.SLIDERS)

    def toggle_group(self, name: str) -> None:
        self.closed ^= {name}
        self.tell(Topic.SLIDERS)

    def move(self, name: str, value: float) -> None:
        """A slider is at `value`, for all picked faces."""
        direction = next((d for d in self.directions if d.name == name), None)
        if direction is None:
            return
        value = round(self._within(direction, round(value / STEP) * STEP), 4)
        if abs(value - self.value(name)) < STEP / 2 and not self.differs(name):
            return
        self._edit(lambda edits: {k: v for k, v in {**edits, name: value}.items() if v}, f"slider {name}")

    def reset(self, name: str) -> None:
        self.settle()
        self.move(name, 0.0)
        self.settle()

    def reset_all(self) -> None:
        self._edit(lambda _: {})

    @property
    def can_reset(self) -> bool:
        return any(self.works[n].edits for n in self.chosen)

    def take(self, edits: Edits) -> None:
        """All sliders of the picked faces as in a preset, as far as this model has them."""
        within = self._fitting(edits)
        self._edit(lambda _: within)

    def hold_identity(self, least: float | None) -> None:
        """The person must stay at least so alike, whatever the sliders say; None: they decide."""
        self.keep_identity = least
        self.tell(Topic.EDITS)

    # --- requests -----------------------------------------------------------------------------------------

    @property
    def stale(self) -> tuple[int, ...]:
        """The faces that are shown as they are no longer wanted."""
        return tuple(f.number for f in self.shown if f.asked_for != self._wanted(f.number))

    def preview_request(self, side: int | None) -> EditRequest | None:
        """The picture of the sliders as they stand, its longer side at most `side`; None: not yet."""
        return self._request(side, self.stale or self.chosen) if self.can_apply else None

    def accepted(self) -> EditRequest:
        return self._request(None, self.worked_on)

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
        self.faces = tuple(Face(item.number, item.box) for item in layers)
        self.chosen = tuple(item.number for item in layers)
        self.arrived(layers, seconds)
        self.tell(Topic.FACES)
        self._enter(Stage.READY)

    def start_afresh(self) -> None:
        """Leave the layer's own inversions aside and look for faces, which keep the sliders that they had."""
        self.afresh = True
        if self.layers:
            self._former = tuple((face.box, self.works[face.number].edits) for face in self.faces)
        self.layers = {}
        self.works.begin({})
        self._enter(Stage.LOOKING)

    # --- inside -------------------------------------------------------------------------------------------

    def _first_edits(self) -> dict[int, Edits]:
        """What the faces begin with: the layer's edits or, after a fresh start, each its own."""
        if not self._former:
            return dict.fromkeys(self.chosen, self._brought)
        pairs = (
            (f.number, edits) for f in self.faces for box, edits in self._former if is_same_place(f.box, box)
        )
        return dict(pairs)

    def _first_works(self, layers: Sequence[FaceLayers]) -> dict[int, FaceWork]:
        """The same, and the layer's own mask, where it still fits."""
        works = {number: FaceWork(edits) for number, edits in self._first_edits().items()}
        mask = self.layer_mask
        if mask is None:
            return works
        for item in layers:
            if item.number in self.chosen and not (self.afresh and item.rect[2:] != mask.shape[::-1]):
                painting = Painting.brought(item.shows, mask, self.request.layer_mask or "")
                work = works.get(item.number, FaceWork())
                works[item.number] = replace(work, painting=None if painting.is_untouched else painting)
        return works

    def _edit(self, change: Callable[[Edits], Edits], move: str | None = None) -> None:
        self.works.edit(self.chosen, change, move)
        self.tell(Topic.EDITS)

    def _wanted(self, number: int) -> tuple[FaceEdit, float | None]:
        work = self.works[number]
        return work.face_edit(number), self.keep_identity if work.edits else None

    def _request(self, side: int | None, numbers: Sequence[int]) -> EditRequest:
        return EditRequest(
            picture=self.request.picture,
            face=numbers[0] if len(numbers) == 1 else 0,
            refine_steps=self.request.refine_steps,
            model=self.request.model,
            edits=dict(self.edits),
            inversions=[self.layers[n].inversion for n in numbers],
            face_edits={self.layers[n].inversion: self.works[n].face_edit(n) for n in numbers},
            preview=None if side is None else max(16, min(8192, side)),
            keep_identity=self.keep_identity,
        )

    def _fitting(self, edits: Edits) -> dict[str, float]:
        """What of these edits the model can do; says what it leaves out and what it weakens."""
        if not self.directions:
            return dict(edits)
        names = {d.name for d in self.directions}
        self.unknown = tuple(name for name in edits if name not in names)
        brought = {d: edits[d.name] for d in self.directions if d.name in edits}
        self.weakened = tuple(d.label for d, value in brought.items() if self._within(d, value) != value)
        within = {d.name: self._within(d, value) for d, value in brought.items()}
        return {name: value for name, value in within.items() if value}

    def _within(self, direction: DirectionInfo, value: float) -> float:
        least, most = self.reach(direction)
        return max(least, min(most, value))


def _worded(direction: DirectionInfo) -> DirectionInfo:
    """With the words of the person's language, where they are known."""
    words = {name: said(getattr(direction, name)) for name in ("label", "group", "hint")}
    return direction.model_copy(update=words)
