"""Undo and redo, of anything that does not change once it is made. Without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

State = TypeVar("State")
MOST_STEPS = 200
MOST_BYTES = 256 << 20


class History(Generic[State]):
    """The states before the present one, and those that were undone.

    A *move* is one gesture: what comes under the same name until `settle` is undone at once. The oldest states go
    when there are more than `MOST_STEPS`, or when they take more than `MOST_BYTES` by `bytes_of`.
    """

    def __init__(self, bytes_of: Callable[[Sequence[State]], int]) -> None:
        self._bytes_of = bytes_of
        self._before: list[State] = []
        self._after: list[State] = []
        self._moving: str | None = None

    def remember(self, present: State, move: str | None = None) -> None:
        """Called before a change; `move` names the gesture that it belongs to, None: a change of its own."""
        if move is None or move != self._moving:
            self._before = [*self._before[-MOST_STEPS + 1 :], present]
            self._after.clear()
            while len(self._before) > 1 and self._bytes_of(self._before) > MOST_BYTES:
                del self._before[0]
        self._moving = move

    def settle(self) -> None:
        """The hand let go: what comes next is another move."""
        self._moving = None

    def undo(self, present: State) -> State:
        return self._step(self._before, self._after, present)

    def redo(self, present: State) -> State:
        return self._step(self._after, self._before, present)

    @property
    def can_undo(self) -> bool:
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        return bool(self._after)

    def _step(self, source: list[State], target: list[State], present: State) -> State:
        self._moving = None
        if not source:
            return present
        target.append(present)
        return source.pop()
