"""What the next step learns from, made while the step before it still runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Ahead(Generic[Batch]):
    """Calls `make(k)`, which hangs on k alone, one number ahead in a thread of its own."""

    def __init__(self, make: Callable[[int], Batch]) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._next: tuple[int, Future[Batch]] | None = None

    def __call__(self, k: int) -> Batch:
        """`make(k)`. Raises what that raises."""
        number, batch = self._next or (k, self._thread.submit(self._make, k))
        if number != k:
            batch = self._thread.submit(self._make, k)
        self._next = k + 1, self._thread.submit(self._make, k + 1)
        return batch.result()
