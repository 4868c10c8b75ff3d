"""What the settings' window looks at and has done: files in the home, a word with the engine, commands. Without Qt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine
from engine.paths import EMBEDDED_MODELS, Home
from engine.settings import Settings, change_settings, load_settings
from plugin.dialogs.lane import Engine
from plugin.likeness.client import EngineProblem, JobCancelled
from plugin.likeness.words import _

Json = dict[str, Any]
COMMAND = (sys.executable, str(Path(engine.__file__).parent))  # as `python -m engine`, from anywhere
LOGS = ("engine.log", "worker.log")
LOG_BYTES = 100_000  # its end is shown
INVERSIONS = _("Inversions")


@dataclass(frozen=True)
class Place:
    """Where something is, how many files it has and how many bytes they take."""

    name: str
    path: Path
    files: int
    size: int

    @classmethod
    def of(cls, name: str, path: Path) -> Place:
        sizes = list(_sizes(path))
        return cls(name, path, len(sizes), sum(sizes))


@dataclass(frozen=True)
class EngineFacts:
    """A running engine: its version, how long it runs, what it computes on, and how many jobs it has."""

    version: str
    uptime_seconds: float
    device: str
    jobs: int


@dataclass(frozen=True)
class Found:
    """All that is looked at. `engine` is None where none runs."""

    settings: Settings
    places: tuple[Place, ...]
    engine: EngineFacts | None


class Upkeep:
    """Of one home. `hang_up` breaks `run` off, from another thread."""

    def __init__(self, home: Home, connect: Callable[[], Engine], command: Sequence[str] = COMMAND) -> None:
        self._home = home
        self._connect = connect
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._hung_up = False

    def look(self) -> Found:
        """Raises `BadRequest` where the settings make no sense, and `EngineProblem`."""
        home = self._home
        places = (
            Place.of(INVERSIONS, home.inversions),
            Place.of(_("Imported models"), home.models),
            Place.of(_("Embedded model"), EMBEDDED_MODELS / "default"),
            Place.of(_("Pictures on their way"), home.spool),
            Place.of(_("Logs"), home.logs),
            Place.of(_("Settings"), home.settings_file),
        )
        return Found(load_settings(home), places, self._engine())

    def change(self, **changes: Any) -> Settings:
        """Write some settings; returns all of them. Raises as `change_settings`."""
        self._home.create()
        change_settings(self._home, **changes)
        return load_settings(self._home)

    def log(self, name: str) -> str:
        """The end of a log; empty where there is none."""
        try:
            with (self._home.logs / name).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - LOG_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def run(self, *arguments: str) -> Json:
        """What `python -m engine ARGUMENTS --json` answers. Raises `EngineProblem`, and `JobCancelled`."""
        self._hung_up = False
        with subprocess.Popen(
            [*self._command, *arguments, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"LIKENESS_HOME": str(self._home.root)},
            text=True,
        ) as process:
            self._process = process
            said, complaint = process.communicate()
        self._process = None
        if self._hung_up:
            raise JobCancelled
        try:
            answer: Json = json.loads(said)
        except ValueError:
            last = "".join(complaint.strip().splitlines()[-1:])[:300]
            raise EngineProblem(
                "internal",
                _("The command ended without an answer ({last}).").format(last=last),
                _("Try again."),
            ) from None
        if "error" in answer:
            error = answer["error"]
            raise EngineProblem(error["code"], error["sentence"], error["remedy"])
        return answer

    def hang_up(self) -> None:
        self._hung_up = True
        process = self._process
        if process is not None:
            process.terminate()

    def _engine(self) -> EngineFacts | None:
        try:
            facts = self._connect().status()
        except EngineProblem as problem:
            if problem.code != "engine_unavailable":
                raise
            return None
        device = facts["worker"]["device"] or ""
        return EngineFacts(facts["version"], facts["uptime_seconds"], device, len(facts["jobs"]))


def _sizes(path: Path) -> list[int]:
    """Of a file, or of all files in a folder; of what has gone meanwhile none."""
    sizes = []
    for one in path.rglob("*") if path.is_dir() else [path]:
        try:
            if one.is_file():
                sizes.append(one.stat().st_size)
        except OSError:
            continue
    return sizes
