"""A dialog's process and its job. One engine for all but the last."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from engine.paths import Home
from plugin.likeness.client import Client, EngineProblem, JobCancelled
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import Run, kill, lives, opened_dialog, picture, raw_request, start, wait_until

QUICK = {"engine.service.dialogs.TERM_SECONDS": 0.3}


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    home = new_home()
    yield LivingEngine(home, start(home, deadlines=QUICK))
    end_home(home)


@pytest.fixture
def client(engine: LivingEngine) -> Client:
    (engine.home.root / "dialog.json").unlink(missing_ok=True)
    return engine.client


def dialog(client: Client, title: str, **more: object) -> dict:
    return {"kind": "dialog", "window": "edit", "title": title, "picture": picture(client)} | more


def test_accepted_runs_within_the_job(client: Client) -> None:
    run = Run(client, dialog(client, "accept"))
    result = run.wait()
    assert isinstance(result, dict)
    assert result["kind"] == "edit"
    assert result["faces"][0]["edits"] == {"seconds": 0.1}
    assert result["result"] == "group", "what was chosen there"
    assert "The dialog is open" in [event.get("message") for event in run.events]


@pytest.mark.parametrize("title", ["nothing", "close"])
def test_not_accepted_is_a_cancel(client: Client, title: str) -> None:
    assert isinstance(Run(client, dialog(client, title)).wait(), JobCancelled)


def test_cannot_open(client: Client) -> None:
    problem = Run(client, dialog(client, "fail")).wait()
    assert isinstance(problem, EngineProblem)
    assert problem.code == "dialog_lost"
    assert problem.sentence == "There is no display."


def test_a_killed_dialog_is_a_cancel(engine: LivingEngine, client: Client) -> None:
    run = Run(client, dialog(client, "wait"))
    kill(opened_dialog(engine.home)["pid"])
    assert isinstance(run.wait(), JobCancelled)


@pytest.mark.parametrize("title", ["wait", "deaf"])
def test_f10_hanging_up_closes_it(engine: LivingEngine, client: Client, title: str) -> None:
    run = Run(client, dialog(client, title))
    pid = opened_dialog(engine.home)["pid"]
    assert lives(pid)
    client.hang_up()
    assert isinstance(run.wait(), JobCancelled)
    wait_until(lambda: not lives(pid))


def test_does_not_hold_up_the_worker(engine: LivingEngine, client: Client) -> None:
    run = Run(client, dialog(client, "wait"))
    opened_dialog(engine.home)
    client.run({"kind": "detect", "picture": picture(client)}, lambda event: None)
    client.cancel(run.job)
    assert isinstance(run.wait(), JobCancelled)


def test_environment_is_the_desktops_only(engine: LivingEngine, client: Client) -> None:
    asked = {
        "DISPLAY": ":7",
        "LC_ALL": "C.UTF-8",
        "QT_SCALE_FACTOR": "2",
        "QT_PLUGIN_PATH": "/tmp/evil",
        "LD_PRELOAD": "/tmp/evil.so",
        "PYTHONPATH": "/tmp/evil",
        "PATH": "/tmp/evil",
        "XAUTHORITY": "with\0zero",
    }
    run = Run(client, dialog(client, "nothing", environment=asked))
    found = opened_dialog(engine.home)["environment"]
    run.wait()
    assert found["DISPLAY"] == ":7"
    assert found["LC_ALL"] == "C.UTF-8"
    assert found["QT_SCALE_FACTOR"] == "2"
    assert found["LIKENESS_HOME"] == str(engine.home.root)
    assert "evil" not in json.dumps(found)
    assert "XAUTHORITY" not in found


def test_answers_that_nobody_waits_for(engine: LivingEngine, client: Client) -> None:
    run = Run(client, {"kind": "detect", "picture": picture(client)})
    run.wait()
    body = b'{"accepted": null}'
    assert raw_request(engine.home, "POST", f"/v1/jobs/{run.job}/answer", body=body)[0] == 409
    assert raw_request(engine.home, "GET", f"/v1/jobs/{run.job}/request")[0] == 404


def test_f02_dies_with_a_killed_service(home: Home) -> None:
    client = start(home, deadlines=QUICK)
    run = Run(client, dialog(client, "deaf"))
    pid = opened_dialog(home)["pid"]
    kill(client.status()["pid"])
    assert isinstance(run.wait(), EngineProblem)
    wait_until(lambda: not lives(pid))


def test_closes_when_the_engine_stops(home: Home) -> None:
    client = start(home, deadlines=QUICK)
    run = Run(client, dialog(client, "deaf"))
    pid = opened_dialog(home)["pid"]
    client.stop()
    assert isinstance(run.wait(), JobCancelled)
    wait_until(lambda: not lives(pid))


def test_program_is_missing(home: Home) -> None:
    client = start(home, dialog=[sys.executable + ".not"])
    problem = Run(client, dialog(client, "wait")).wait()
    assert isinstance(problem, EngineProblem)
    assert problem.code == "dialog_lost"


def test_an_open_dialog_keeps_its_picture(home: Home) -> None:
    """However large the pictures of others are."""
    client = start(home, deadlines=QUICK | {"engine.service.jobs.SPOOL_BYTES": 0})
    request = dialog(client, "wait")
    run = Run(client, request)
    opened_dialog(home)
    other = client.send_picture(2, 2, "RGBA u8", bytes(16))["id"]
    client.run({"kind": "detect", "picture": other}, lambda event: None)
    wait_until(lambda: not (home.spool / f"{other}.raw").exists())
    assert client.fetch_picture(request["picture"])[0]["id"] == request["picture"]
    client.cancel(run.job)
    run.wait()


def test_each_call_has_a_window_of_its_own(engine: LivingEngine, client: Client) -> None:
    """Also for the same picture under the same title: two images of GIMP may be alike."""
    request = dialog(client, "wait")
    first, second = Run(client, request), Run(client, request)
    assert first.job != second.job
    client.cancel(first.job)
    assert isinstance(first.wait(), JobCancelled)
    assert second.outcome is None
    client.cancel(second.job)
    assert isinstance(second.wait(), JobCancelled)
