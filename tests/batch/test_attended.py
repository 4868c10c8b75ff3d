"""`engine batch --attended`: what a program that starts it sees, and how it ends with that program."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from engine.cli import INTERRUPTED, main
from engine.errors import WorkerLost
from engine.paths import Home

EDIT = ("--set", "smile=1.0", "--attended", "--json")


class StandIn:
    """A worker that hands photographs back as they are; `slow` ones take until they are closed."""

    slow = False
    made: list[StandIn]

    def __init__(self, home: Home) -> None:
        self.closed = threading.Event()
        self.made.append(self)

    def ask(self, header: dict[str, Any], data: bytes = b"") -> tuple[dict[str, Any], bytes]:
        if "check" in header:
            return {"model": "default", "digest": "0"}, b""
        if self.slow:
            self.closed.wait()
            raise WorkerLost("It was closed.")
        return {"faces": 1, "identity_similarity": [1.0], "notes": []}, data

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(StandIn, "made", [], raising=False)
    monkeypatch.setattr("engine.cli.batch.LocalWorker", StandIn)
    made = tmp_path / "photographs"
    made.mkdir()
    for name in ("one.png", "two.png"):
        Image.fromarray(np.full((9, 12, 3), 128, np.uint8)).save(made / name)
    return made


@pytest.fixture
def leash(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end of the command's standard input that a program holds. It is not closed: a thread still reads.

    Ctrl+C is ignored, as it is for a shell's background commands.
    """
    theirs, ours = os.pipe()
    monkeypatch.setattr("sys.stdin", Mock(fileno=lambda: theirs))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield ours
    signal.signal(signal.SIGINT, before)


def test_progress_is_lines_of_json(
    home: Home, folder: Path, tmp_path: Path, leash: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", str(folder), "-o", str(tmp_path / "out"), *EDIT]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["edited"]) == 2
    events = [json.loads(line) for line in said.err.splitlines()]
    assert {event["event"] for event in events} == {"progress"}
    assert [event["fraction"] for event in events] == [0.0, 0.5, 1.0]
    assert events[1]["message"] == "1 of 2: one.png"
    assert events[-1]["seconds_left"] == 0


def test_it_stops_when_its_input_is_closed(
    home: Home, folder: Path, tmp_path: Path, leash: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandIn, "slow", True)
    threading.Timer(1.0, os.close, [leash]).start()
    assert main(["batch", str(folder), "-o", str(tmp_path / "out"), *EDIT]) == INTERRUPTED
    assert all(worker.closed.is_set() for worker in StandIn.made)
    assert not list((tmp_path / "out").glob("*.png"))
