"""`forget`: remove what the engine keeps of people's faces."""

from __future__ import annotations

import argparse
import time

import filelock

from engine.cli.report import Outcome
from engine.errors import EngineUnavailable
from engine.forgetting import Forgotten
from engine.forgetting import forget as forget_files
from engine.messages import InversionInfo
from engine.paths import Home
from engine.service.inversions import list_inversions
from plugin.likeness.client import Client, EngineProblem

DAY = 86_400


def forget(options: argparse.Namespace) -> Outcome:
    """One inversion or all; without a name, list what is there. A running engine is asked, none is started."""
    home = Home.from_environment()
    home.create()
    if not options.all and options.id is None:
        found = list_inversions(home)
        lines = [_line(info) for info in found]
        return Outcome(
            {"inversions": [info.model_dump() for info in found]}, "\n".join(lines) or "Nothing is kept."
        )
    forgotten = _forgotten(home, options.id)
    text = (
        f"Removed: inversions {forgotten.inversions}, pictures {forgotten.pictures}; "
        f"{forgotten.bytes:,} bytes are free again."
    )
    return Outcome(forgotten.model_dump(), text)


def _forgotten(home: Home, identity: str | None) -> Forgotten:
    try:
        return Forgotten.model_validate(Client.connect(home.root).forget(identity))
    except EngineProblem as problem:
        if problem.code != "engine_unavailable":
            raise
    try:
        with filelock.FileLock(
            home.lock, timeout=0, mode=0o600
        ):  # so none starts meanwhile and wants its pictures
            return forget_files(home, identity)
    except filelock.Timeout:
        raise EngineUnavailable("An engine is just starting or ending.", "Try again in a moment.") from None


def _line(info: InversionInfo) -> str:
    days = (time.time() - info.used) / DAY
    return f"{info.id}  {info.model}, {info.bytes / 1e6:.1f} MB, used {days:.0f} days ago"
