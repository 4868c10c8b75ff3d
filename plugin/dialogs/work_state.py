"""What both dialogs know of the hand: what it did to each face, and the way back. Without Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.messages import DialogRequest
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.masks import Masks
from plugin.dialogs.observable import Topic
from plugin.dialogs.state import DialogState
from plugin.dialogs.works import Works


class WorkState(DialogState):
    """The masks of the picked faces can be painted; every face keeps what was done to it."""

    def __init__(self, request: DialogRequest, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(request, clock)
        self.works = Works()
        self.masks = Masks(self.works, self._picked, lambda: self.tell(Topic.MASK))

    @property
    def is_paintable(self) -> bool:
        return True

    @property
    def worked_on(self) -> tuple[int, ...]:
        """The inverted faces that something was done to; if there are none, those that were picked."""
        touched = tuple(n for n in sorted(self.layers) if not self.works[n].is_nothing)
        return touched or tuple(n for n in self.chosen if n in self.layers)

    @property
    def shown(self) -> tuple[FaceLayers, ...]:
        """The faces that were picked or worked on, each with its mask as it is painted now."""
        numbers = sorted({*self.worked_on, *self.chosen})
        return tuple(self.masks.painted(self.layers[n]) for n in numbers if n in self.layers)

    def pick(self, numbers: tuple[int, ...]) -> None:
        super().pick(numbers)
        self.works.settle()
        self.tell(Topic.SLIDERS)

    def arrived(self, layers: Sequence[FaceLayers], seconds: float) -> None:
        for item in layers:
            self.masks.found(item)
        super().arrived(layers, seconds)

    def settle(self) -> None:
        """The hand let go: what comes next is another move."""
        self.works.settle()

    def undo(self) -> None:
        self.works.undo()
        self._went_back()

    def redo(self) -> None:
        self.works.redo()
        self._went_back()

    def _went_back(self) -> None:
        self.tell(Topic.MASK)
        self.tell(Topic.EDITS)

    def _picked(self) -> list[FaceLayers]:
        return [self.layers[n] for n in self.chosen if n in self.layers]
