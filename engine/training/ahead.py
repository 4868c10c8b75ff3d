"""What the next step learns from, made while the step before it still runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Ahead(Generic[Batch]):
    """Makes batches 0 … `end` - 1, each one step before it is asked for, in a thread of its own.

    What makes them must depend on the number alone: weights change meanwhile, and so may global random numbers.
    """

    def __init__(self, end: int) -> None:
        self._end = end
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._next: tuple[int, Future[Batch]] | None = None

    def __call__(self, make: Callable[[int], Batch], k: int) -> Batch:
        """`make(k)`. Raises what that raises."""
        number, batch = self._next or (k, self._thread.submit(make, k))
        if number != k:
            batch = self._thread.submit(make, k)
        self._next = (k + 1, self._thread.submit(make, k + 1)) if k + 1 < self._end else None
        return batch.result()
