"""The worker's loop in a process of its own: what it answers where its pipeline cannot be made, or finds no memory."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.paths import Home
from engine.settings import Settings
from engine.worker import __main__ as worker
from engine.worker.link import Link, _explained, is_out_of_memory

ROOT = Path(__file__).resolve().parents[2]

# Each time a pipeline is made, what the next word says.
PROGRAM = """
import socket, sys
from pathlib import Path
from engine.errors import BadRequest
from engine.messages import DirectionList
from engine.spool import Spool
from engine.worker.link import Link, serve_worker

words = iter(sys.argv[2:])

class Pipeline:
    device = "fake"
    def __init__(self):
        self.word = next(words)
        if self.word == "refused": raise BadRequest("There is no such device.", "Choose another.")
        if self.word == "mistaken": raise KeyError("x")
        if self.word == "starved": raise MemoryError
    def directions(self, model):
        if self.word == "narrow": raise MemoryError
        return DirectionList(model="default", notice="", directions=[])

serve_worker(Link(socket.socket(fileno=int(sys.argv[1]))), Pipeline, Spool(Path("/nowhere")))
"""


@contextlib.contextmanager
def working(*words: str) -> Iterator[Link]:
    """The service's end of such a worker that is ready."""
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(theirs.fileno()), *words],
        pass_fds=[theirs.fileno()],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    theirs.close()
    link = Link(ours)
    try:
        yield link
    finally:
        link.close()
        process.wait(60)


def received(link: Link) -> dict[str, Any]:
    frame = link.receive()
    assert frame, "it has ended"
    return frame.header


def asked(link: Link) -> str:
    """How it answers: “done”, or the error's code."""
    link.send({"directions": "1", "model": None})
    answer = received(link)
    return "done" if "done" in answer else answer["error"]["code"]


@pytest.mark.parametrize(
    ("words", "device", "answers"),
    [
        (["refused", "refused", "mistaken", "good"], "none", ["bad_request", "internal", "done", "done"]),
        (["narrow", "starved", "starved", "good"], "fake", ["out_of_memory", "done", "done"]),
        (["starved", "starved", "good", "good"], "none", ["done", "done"]),
    ],
)
def test_a_pipeline_that_cannot_be_made(words: list[str], device: str, answers: list[str]) -> None:
    """Every request is answered, with the reason; the next one tries again to make it."""
    with working(*words) as link:
        assert received(link)["device"] == device
        assert [asked(link) for _ in answers] == answers


def test_the_reason_is_said() -> None:
    with working("refused", "refused") as link:
        received(link)
        link.send({"check_inversion": "1"})
        assert received(link)["error"] == {
            "code": "bad_request",
            "sentence": "There is no such device.",
            "remedy": "Choose another.",
        }


@pytest.mark.parametrize(
    "said",
    [
        "MPS backend out of memory (MPS allocated: 9.0 GB, other allocations: 1.0 GB, max allowed: 10.0 GB).",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call.",
    ],
)
def test_words_for_too_little_memory(said: str) -> None:
    error = type("AcceleratorError", (RuntimeError,), {})(said) if "CUDA" in said else RuntimeError(said)
    assert is_out_of_memory(error)
    assert _explained(error).code == "out_of_memory"
    assert not is_out_of_memory(RuntimeError("CUDA error: unspecified launch failure"))


def test_the_cpu_only_where_the_device_is_ours_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(Path("/nowhere"))
    monkeypatch.setattr(worker, "_pipeline", lambda _, settings: settings.device)
    assert worker._modest(home, Settings(device="cuda")) is None
    modest = worker._modest(home, Settings(device="auto"))
    assert modest
    assert modest() == "cpu"
