"""What happens when the worker dies, hangs or never starts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from engine.paths import Home
from plugin.likeness.client import Client, EngineProblem, JobCancelled
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import Run, edit, kill, lives, start, wait_until, worker_pid


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    """Its worker dies and comes back."""
    home = new_home()
    yield LivingEngine(home, start(home, deadlines={"engine.service.bench.CANCEL_SECONDS": 0.3}))
    end_home(home)


@pytest.fixture
def client(engine: LivingEngine) -> Client:
    return engine.client


def test_killed_in_the_middle(engine: LivingEngine, client: Client) -> None:
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


def test_killed_by_its_own_job(client: Client) -> None:
    with pytest.raises(EngineProblem, match="ended in the middle"):
        client.run(edit(client, seconds=0.1, die=1), lambda event: None)
    client.run(edit(client), lambda event: None)


def test_killed_while_idle(client: Client) -> None:
    first = worker_pid(client)
    kill(first)
    wait_until(lambda: client.status()["worker"]["pid"] != first)
    client.run(edit(client), lambda event: None)


def test_deaf_to_a_cancel(client: Client) -> None:
    deaf = worker_pid(client)
    run = Run(client, edit(client, deaf=3))
    wait_until(lambda: client.status()["worker"]["state"] == "busy")
    client.cancel(run.job)
    assert isinstance(run.wait(), JobCancelled)
    assert client.run(edit(client), lambda event: None)["kind"] == "edit"
    assert not lives(deaf)


def test_dies_at_every_start(home: Home) -> None:
    pauses = {"engine.service.bench._PAUSES": (0.0,)}
    client = start(home, worker=[sys.executable, "-c", "raise SystemExit('no such library')"], deadlines=pauses)
    for _ in range(2):  # giving up is no dead end: each further job is one more try
        with pytest.raises(EngineProblem) as caught:
            client.run(edit(client), lambda event: None)
        assert caught.value.code == "worker_lost"
        assert str(home.logs / "worker.log") in caught.value.remedy
    assert client.status()["worker"]["state"] == "stopped"
    assert "no such library" in (home.logs / "worker.log").read_text("utf-8")


def test_cannot_be_started(home: Home) -> None:
    client = start(home, worker=["/no/such/program"], deadlines={"engine.service.bench._PAUSES": (0.0,)})
    with pytest.raises(EngineProblem, match="ends at every start"):
        client.run(edit(client), lambda event: None)


def test_dies_with_the_service(home: Home) -> None:
    client = start(home)
    run = Run(client, edit(client, deaf=3))
    wait_until(lambda: client.status()["worker"]["state"] == "busy")
    worker, service = worker_pid(client), client.status()["pid"]
    began = time.monotonic()
    kill(service)
    problem = run.wait()
    assert time.monotonic() - began < 2.0
    assert isinstance(problem, EngineProblem)
    assert problem.code == "engine_unavailable"
    wait_until(lambda: not lives(worker))
