"""A job's life: progress, one closing event, cancels of every kind, the queue. One engine for all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from plugin.likeness.client import Client, EngineProblem, JobCancelled
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import CLOSING, Run, edit, picture, raw_request, start, wait_until


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    home = new_home()
    yield LivingEngine(home, start(home))
    end_home(home)


@pytest.fixture
def client(engine: LivingEngine) -> Iterator[Client]:
    yield engine.client
    engine.client.hang_up()
    wait_until(lambda: engine.client.status()["jobs"] == [])


def different(client: Client, count: int) -> list[dict]:
    """Requests that take a minute each."""
    request = edit(client)
    return [request | {"edits": {"minutes": 1, "seconds": number / 100}} for number in range(count)]


def test_events_of_a_job(client: Client) -> None:
    run = Run(client, edit(client, seconds=0.7))
    result = run.wait()
    assert isinstance(result, dict)
    assert result["faces"][0]["edits"] == {"seconds": 0.7}
    assert run.events[0]["event"] == "accepted"
    assert [event["event"] for event in run.events if event["event"] in CLOSING] == ["done"]
    progress = [event for event in run.events if event["event"] == "progress"]
    fractions = [event["fraction"] for event in progress]
    assert fractions == sorted(fractions)
    assert len(fractions) > 4
    left = [event["seconds_left"] for event in progress if event["seconds_left"] is not None]
    assert left
    assert 0 < left[0] < 0.4


def test_detect_and_invert(client: Client) -> None:
    request = {"picture": picture(client)}
    assert client.run(request | {"kind": "detect"}, lambda event: None)["faces"][0]["number"] == 1
    assert client.run(request | {"kind": "invert"}, lambda event: None)["kind"] == "invert"


def test_f20_cancel_while_running(client: Client) -> None:
    run = Run(client, edit(client, seconds=10))
    run.wait_for_work()
    client.cancel(run.job)
    assert isinstance(run.wait(), JobCancelled)
    assert [event["event"] for event in run.events if event["event"] in CLOSING] == ["cancelled"]
    client.run(edit(client), lambda event: None)


def test_f20_cancel_while_queued(client: Client) -> None:
    first = Run(client, edit(client, seconds=10))
    first.wait_for_work()
    second = Run(client, edit(client, seconds=9))
    client.cancel(second.job)
    assert isinstance(second.wait(), JobCancelled)
    assert [job["id"] for job in client.status()["jobs"]] == [first.job]


def test_f20_cancel_after_the_end(engine: LivingEngine, client: Client) -> None:
    run = Run(client, edit(client))
    run.wait()
    client.cancel(run.job)
    _, info = raw_request(engine.home, "GET", f"/v1/jobs/{run.job}")
    assert info["state"] == "ended"
    assert run.events[-1]["event"] == "done"


def test_hanging_up_cancels(engine: LivingEngine, client: Client) -> None:
    run = Run(client, edit(client, seconds=10))
    run.wait_for_work()
    client.hang_up()
    assert isinstance(run.wait(), JobCancelled)
    wait_until(lambda: client.status()["jobs"] == [])
    wait_until(lambda: client.status()["worker"]["state"] == "ready")


def test_hanging_up_cancels_what_waits(client: Client) -> None:
    first = Run(client, edit(client, seconds=10))
    first.wait_for_work()
    other = Client(client._address, client._token)
    second = Run(other, edit(client, seconds=9))
    assert second.job
    other.hang_up()
    assert isinstance(second.wait(), JobCancelled)
    wait_until(lambda: [job["id"] for job in client.status()["jobs"]] == [first.job])


def test_f10_a_killed_client_leaves_no_job(engine: LivingEngine, client: Client) -> None:
    program = (
        "import json, sys; from pathlib import Path; from plugin.likeness.client import Client\n"
        "Client.connect(Path(sys.argv[1])).run(json.loads(sys.argv[2]), print)"
    )
    arguments = [sys.executable, "-c", program, str(engine.home.root), json.dumps(edit(client, seconds=10))]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    wait_until(lambda: client.status()["worker"]["state"] == "busy")
    process.kill()
    process.wait()
    wait_until(lambda: client.status()["jobs"] == [] and client.status()["worker"]["state"] == "ready", 3)


def test_what_the_callback_raises_cancels(client: Client) -> None:
    def stop(event: dict) -> None:
        if event["event"] == "progress":
            raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        client.run(edit(client, seconds=10), stop)
    wait_until(lambda: client.status()["jobs"] == [])


def test_the_same_request_is_one_job(client: Client) -> None:
    request = edit(client, seconds=1, age=2)
    first = Run(client, request)
    first.wait_for_work()
    other = Client(client._address, client._token)
    second = Run(other, request | {"edits": {"age": 2, "seconds": 1}})
    assert second.job == first.job
    assert [job["id"] for job in client.status()["jobs"]] == [first.job]
    assert first.wait() == second.wait()
    assert isinstance(second.outcome, dict)
    assert Run(client, edit(client, seconds=1, age=1)).job != first.job


def test_a_job_goes_on_while_somebody_listens(client: Client) -> None:
    request = edit(client, seconds=2)
    leaving = Client(client._address, client._token)
    first, second = Run(leaving, request), Run(client, request)
    assert first.job == second.job
    leaving.hang_up()
    assert isinstance(first.wait(), JobCancelled)
    assert isinstance(second.wait(), dict)


def test_a_cancelled_request_sent_again_is_a_new_job(client: Client) -> None:
    request = edit(client, seconds=1)
    first = Run(client, request)
    first.wait_for_work()
    client.cancel(first.job)
    second = Run(client, request)
    assert isinstance(first.wait(), JobCancelled)
    assert isinstance(second.wait(), dict)


def test_previews_overtake_what_waits(client: Client) -> None:
    ended: list[str] = []

    def follow(name: str, request: dict) -> threading.Thread:
        def run() -> None:
            client.run(request, lambda event: None)
            ended.append(name)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    running = Run(client, edit(client, seconds=2))
    running.wait_for_work()
    long = follow("long", edit(client))
    wait_until(lambda: len(client.status()["jobs"]) == 2)
    preview = follow("preview", edit(client) | {"preview": 64})
    long.join()
    preview.join()
    assert ended == ["preview", "long"]


def test_twenty_clients_at_once(client: Client) -> None:
    requests = [edit(client, seconds=0.01, age=number / 100) for number in range(20)]
    runs = [Run(Client(client._address, client._token), request) for request in requests]
    for run, request in zip(runs, requests, strict=True):
        result = run.wait()
        assert isinstance(result, dict)
        assert result["faces"][0]["edits"] == request["edits"]


def test_f20_twenty_cancels_are_answered_at_once(client: Client) -> None:
    runs = [Run(client, request) for request in different(client, 20)]
    # whichever came first
    wait_until(lambda: any(event.get("message") == "Working" for run in runs for event in run.events))
    for run in runs:
        job, began = run.job, time.monotonic()
        client.cancel(job)
        assert isinstance(run.wait(), JobCancelled)
        assert time.monotonic() - began < 0.3
    began = time.monotonic()
    wait_until(lambda: client.status()["worker"]["state"] == "ready")
    assert time.monotonic() - began < 0.3  # within a step


def test_a_full_queue_is_busy(client: Client) -> None:
    runs = [Run(client, request) for request in different(client, 32)]
    assert len({run.job for run in runs}) == 32
    with pytest.raises(EngineProblem) as caught:
        client.run(edit(client), lambda event: None)
    assert caught.value.code == "busy"
    assert caught.value.remedy
    client.hang_up()
    assert all(isinstance(run.wait(), JobCancelled) for run in runs)
    wait_until(lambda: client.status()["jobs"] == [])
    client.run(edit(client), lambda event: None)
