"""A folder of photographs, edited alike by the engine's command `batch`. No gi here: it runs in a thread.

The command is a process of its own, apart from the running engine. Our end of its standard input is its leash: where
GIMP's Cancel kills the plug-in it stops at once, and the results that are there stay.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import launch
from .client import EngineProblem, problem_of
from .job import Report, tell
from .words import _, said

AS_IN_THE_SETTINGS = "settings"
PRESETS = {  # the others are the engine's
    AS_IN_THE_SETTINGS: _("Settings"),
    "fast": _("Fast"),
    "balanced": _("Balanced"),
    "best": _("Best"),
}


@dataclass(frozen=True)
class Outcome:
    """How many photographs were edited, how many were done before, and a sentence for each that could not be."""

    edited: int
    passed_over: int
    failed: list[str]


class BatchWork:
    """Edit the photographs of a folder into another one. `folder` is the installed plug-in's (`Work`)."""

    def __init__(
        self, folder: Path, photographs: str, output: str, edits: dict[str, float], preset: str, model: str
    ) -> None:
        self._folder = folder
        self._arguments = ["batch", photographs, "--output", output, "--attended", "--json"]
        self._arguments += [f"--set={name}={strength}" for name, strength in edits.items()]
        self._arguments += [] if preset == AS_IN_THE_SETTINGS else [f"--preset={preset}"]
        self._arguments += [f"--model={model}"] if model else []

    def run(self, report: Report) -> Outcome:
        """As `Work.run`. Raises `EngineProblem` when nothing could be done."""
        home, command = launch.read_location(self._folder)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            with launch.start_command(home, command, self._arguments, said) as process:
                assert process.stderr
                last = _listen(process.stderr, report)
            said.seek(0)
            return _outcome(said.read(), last)


def _listen(lines: Iterable[str], report: Report) -> str:
    """Report the events that come, to their end. Returns what else was said last."""
    last = ""
    for line in lines:
        try:
            tell(json.loads(line), report)
        except (ValueError, TypeError, KeyError):  # no event
            last = line.strip() or last
    return last


def _outcome(output: str, last: str) -> Outcome:
    try:
        data: dict[str, Any] = json.loads(output)
        if "error" in data:
            raise problem_of(data["error"])
        failed = [
            " ".join(filter(None, (f"{one['name']}:", said(one["sentence"]), said(one["remedy"]))))
            for one in data["failed"]
        ]
        return Outcome(len(data["edited"]), data["passed_over"], failed)
    except (ValueError, TypeError, KeyError):
        raise EngineProblem(
            "internal",
            _("The batch ended without an outcome. {last}").format(last=last[:300]).strip(),
            _("Run it again: it goes on."),
        ) from None
