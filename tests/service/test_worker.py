"""What happens when the worker dies, hangs, never starts, or takes what is not its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest

from engine.paths import Home
from plugin.likeness.client import Client, EngineProblem, JobCancelled
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import CLOSING, Run, edit, kill, lives, picture, start, wait_until, worker_pid

MEMORY_LIMIT = 120e6
SHORT = {
    "engine.service.bench.CANCEL_SECONDS": 0.3,
    "engine.service.bench.SILENCE_SECONDS": 6.0,
    "engine.service.bench.MEMORY_SECONDS": 0.1,
    "engine.service.worker_process.TERM_SECONDS": 0.3,
    "engine.service.memory.SHARE": MEMORY_LIMIT / (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    """Its worker dies and comes back."""
    home = new_home()
    yield LivingEngine(home, start(home, deadlines=SHORT))
    end_home(home)


@pytest.fixture
def client(engine: LivingEngine) -> Client:
    return engine.client


def test_f01_killed_in_the_middle(engine: LivingEngine, client: Client) -> None:
    run = Run(client, edit(client, seconds=10))
    run.wait_for_work()
    first = worker_pid(client)
    kill(first)
    began = time.monotonic()
    problem = run.wait()
    assert time.monotonic() - began < 1.0
    assert isinstance(problem, EngineProblem)
    assert problem.code == "worker_lost"
    assert str(engine.home.logs / "worker.log") in problem.remedy
    assert client.run(edit(client), lambda event: None)["kind"] == "edit"
    assert worker_pid(client) != first


def test_f01_killed_by_its_own_job(client: Client) -> None:
    with pytest.raises(EngineProblem, match="ended in the middle"):
        client.run(edit(client, seconds=0.1, die=1), lambda event: None)
    client.run(edit(client), lambda event: None)


def test_f01_killed_while_idle(client: Client) -> None:
    first = worker_pid(client)
    kill(first)
    wait_until(lambda: client.status()["worker"]["pid"] != first)
    client.run(edit(client), lambda event: None)


def test_f04_deaf_to_a_cancel(client: Client) -> None:
    deaf = worker_pid(client)
    run = Run(client, edit(client, deaf=3))
    wait_until(lambda: client.status()["worker"]["state"] == "busy")
    client.cancel(run.job)
    assert isinstance(run.wait(), JobCancelled)
    assert client.run(edit(client), lambda event: None)["kind"] == "edit"
    assert not lives(deaf)


@pytest.mark.parametrize("stubborn", [0, 1])
def test_f04_hangs(client: Client, stubborn: int) -> None:
    """Nobody cancels: it says nothing for too long, and perhaps ignores SIGTERM."""
    hanging = worker_pid(client)
    problem = Run(client, edit(client, deaf=6, stubborn=stubborn)).wait()
    assert isinstance(problem, EngineProblem)
    assert problem.code == "worker_lost"
    assert "did not get on" in problem.sentence
    assert client.run(edit(client), lambda event: None)["kind"] == "edit"
    assert not lives(hanging)


def test_f11_device_lost(client: Client) -> None:
    """Only a new process can have the device back: what waits runs there."""
    first = worker_pid(client)
    lost, next_one = Run(client, edit(client, seconds=0.3, lost=1)), Run(client, edit(client, age=1))
    problem = lost.wait()
    assert isinstance(problem, EngineProblem)
    assert (problem.code, problem.sentence) == ("worker_lost", "The device that computes was lost.")
    assert isinstance(next_one.wait(), dict)
    assert worker_pid(client) != first
    assert not lives(first)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process holds")
def test_f33_takes_the_memory(client: Client) -> None:
    """It is ended before the host must choose somebody to kill."""
    with pytest.raises(EngineProblem) as caught:
        client.run(edit(client, seconds=10, hold=MEMORY_LIMIT / 1e9), lambda event: None)
    assert caught.value.code == "out_of_memory", caught.value
    assert "0.1 GB" in caught.value.sentence
    assert client.run(edit(client), lambda event: None)["kind"] == "edit"


def test_f03_dies_at_every_start(home: Home) -> None:
    pauses = {"engine.service.bench._PAUSES": (0.0,)}
    client = start(home, worker=[sys.executable, "-c", "raise SystemExit('no such library')"], deadlines=pauses)
    for _ in range(2):  # giving up is no dead end: each further job is one more try
        with pytest.raises(EngineProblem) as caught:
            client.run(edit(client), lambda event: None)
        assert caught.value.code == "worker_lost"
        assert str(home.logs / "worker.log") in caught.value.remedy
    assert client.status()["worker"]["state"] == "stopped"
    assert "no such library" in (home.logs / "worker.log").read_text("utf-8")


def test_f03_cannot_be_started(home: Home) -> None:
    client = start(home, worker=["/no/such/program"], deadlines={"engine.service.bench._PAUSES": (0.0,)})
    with pytest.raises(EngineProblem, match="ends at every start"):
        client.run(edit(client), lambda event: None)


def test_f02_engine_killed_in_the_middle(home: Home) -> None:
    client = start(home)
    request = edit(client, deaf=3)
    run = Run(client, request)
    wait_until(lambda: client.status()["worker"]["state"] == "busy")
    worker, service = worker_pid(client), client.status()["pid"]
    began = time.monotonic()
    kill(service)
    problem = run.wait()
    assert time.monotonic() - began < 2.0
    assert isinstance(problem, EngineProblem)
    assert problem.code == "engine_unavailable"
    assert "Try again" in problem.remedy
    wait_until(lambda: not lives(worker))
    client = start(home)  # as the plug-in does for its next job
    again = Run(client, request | {"picture": picture(client), "edits": {"seconds": 0.3}})
    assert isinstance(again.wait(), dict)
    assert [event["event"] for event in again.events if event["event"] in CLOSING] == ["done"]
    assert client.status()["jobs"] == []
