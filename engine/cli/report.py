"""What a command says: its outcome on stdout, and meanwhile how far it is on stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

Json = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """`data` is what --json prints, `text` what people read."""

    data: Json
    text: str
    exit_code: int = 0
    is_said: bool = False  # it was printed when it was known


class Silence:
    """Says nothing on the way (--json)."""

    def say(self, sentence: str) -> None: ...
    def event(self, event: Json) -> None: ...
    def close(self) -> None: ...


class Sentences(Silence):
    """A line for each new message: for logs and pipes."""

    def __init__(self) -> None:
        self._last = ""

    def say(self, sentence: str) -> None:
        if sentence != self._last:
            self._last = sentence
            print(f"{sentence}…", file=sys.stderr, flush=True)

    def event(self, event: Json) -> None:
        if event["event"] == "progress":
            self.say(event["message"])


class Events(Silence):
    """Each event as a line of JSON, for a program that started this one."""

    def say(self, sentence: str) -> None:
        self.event({"event": "progress", "fraction": 0.0, "message": sentence})

    def event(self, event: Json) -> None:
        print(json.dumps(event), file=sys.stderr, flush=True)


class Bar(Silence):
    """A progress bar on a terminal."""

    def __init__(self) -> None:
        self._bar = tqdm(
            total=100, leave=False, file=sys.stderr, bar_format="{desc} |{bar}| {percentage:3.0f} %{postfix}"
        )

    def say(self, sentence: str) -> None:
        self._bar.set_description_str(sentence)

    def event(self, event: Json) -> None:
        if event["event"] != "progress":
            return
        left = event.get("seconds_left")
        self._bar.n = round(event["fraction"] * 100)
        self._bar.set_postfix_str("" if left is None else f"{left:.0f} s left", refresh=False)
        self.say(event["message"])

    def close(self) -> None:
        self._bar.close()


def reporter(as_json: bool) -> Silence:
    if as_json:
        return Silence()
    return Bar() if sys.stderr.isatty() else Sentences()
