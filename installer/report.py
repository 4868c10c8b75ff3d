"""What a person reads while the installer works: numbered steps, how long they took, how large things are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


def size_text(size: int) -> str:
    """`1.2 GB`, `34 MB`, `5 kB`."""
    for unit, bytes_each in (("GB", 1e9), ("MB", 1e6)):
        if size >= bytes_each:
            number = size / bytes_each
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{size / 1e3:.0f} kB"


class Report:
    """Prints to standard output, a line at a time."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._number = 0

    def say(self, sentence: str) -> None:
        print(sentence, flush=True)

    def detail(self, text: str) -> None:
        self.say(f"        {text}")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One numbered step; its time is told when it has gone well."""
        self._number += 1
        self.say(f"[{self._number}/{self._steps}]  {title} …")
        begun = time.monotonic()
        yield
        self.detail(f"done, {time.monotonic() - begun:.1f} s")
