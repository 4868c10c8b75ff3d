"""Homes of their own for the tests, and a look afterwards that nothing was left running."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import engine
from engine.paths import Home
from plugin.likeness.client import Client, EngineProblem
from plugin.likeness.launch import ensure_engine
from tests.faults.rows import write_table

if TYPE_CHECKING:
    from tests.faces_inverted import Inverted, Studio

os.environ["LANGUAGE"] = "en"  # what tests read, whatever the desktop speaks
START = [sys.executable, str(Path(engine.__file__).parent), "serve"]
END_SECONDS = 15.0


@dataclass(frozen=True)
class LivingEngine:
    """An engine that runs for a test."""

    home: Home
    client: Client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes a module's tests stay together, and those in GIMP as well: they share its profile."""
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group("gimp" if folder == "gimp" else str(item.path)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield  # pytest's own summary first
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "/gimp/" in report.nodeid]
    if skipped:
        terminalreporter.section("GIMP", red=True, bold=True)
        terminalreporter.line(f"Tests in a real GIMP 3 did NOT run: {skipped[0].longrepr[2]}")
    write_table(terminalreporter)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A private LIKENESS_HOME with a short path (unix sockets have a limit), set in the environment.

    Afterwards its engine is stopped, and no process that belongs to it may be left.
    """
    made = new_home()
    monkeypatch.setenv("LIKENESS_HOME", str(made.root))
    yield made
    end_home(made)


@pytest.fixture(scope="session")
def real_engine() -> Iterator[LivingEngine]:
    """One engine with the real worker, for all tests that need what it computes."""
    made = new_home()
    yield LivingEngine(made, ensure_engine(made.root, START))
    end_home(made)


@pytest.fixture(scope="session")
def studio() -> Studio:
    """The embedded default and the networks that find faces, in this process."""
    from tests.faces_inverted import Studio

    return Studio.open()


@pytest.fixture(scope="session")
def inverted(studio: Studio) -> dict[str, Inverted]:
    """Both photographs, inverted once."""
    from tests.faces_inverted import NAMES

    return {name: studio.invert(name) for name in NAMES}


def new_home() -> Home:
    return Home(Path(tempfile.mkdtemp(prefix="lk-", dir="/tmp" if os.name == "posix" else None)))


def end_home(home: Home) -> None:
    """Stop the engine of a home, remove the home, and fail if a process of it is still there."""
    with contextlib.suppress(EngineProblem):
        Client.connect(home.root).stop()
    left = left_over(home)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(home.root, ignore_errors=True)
    assert not left, f"processes were left running: {left}"


def left_over(home: Home, seconds: float = END_SECONDS) -> dict[int, str]:
    """The processes of a home that are still there after waiting for them to end."""
    deadline = time.monotonic() + seconds
    while (found := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def processes_of(home: Home) -> dict[int, str]:
    """Living processes with this LIKENESS_HOME in their environment, and their command lines (Linux)."""
    mark = f"LIKENESS_HOME={home.root}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return {pid: command for pid, command in found.items() if command}
