"""`POST /v1/models` and its window: a process for each request, told apart by what it says, ended by hanging up."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.likeness.client import Client, EngineProblem, JobCancelled
from plugin.likeness.launch import ensure_engine
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import WORKER, lives, wait_until

# What `engine.weights` is here: `remove NAME` does what the name says.
WEIGHTS = """
import json, os, sys, time
from pathlib import Path
home = Path(os.environ["LIKENESS_HOME"])
said = lambda **answer: print(json.dumps(answer), flush=True)
what = sys.argv[2] if len(sys.argv) > 2 else ""
(home / f"pid-{what}").write_text(str(os.getpid()))
said(event="progress", fraction=0.5, message="Working")
if what == "slow": time.sleep(60)
if what == "dies": sys.exit("some noise")
if what == "refuses": said(error={"code": "unknown_model", "sentence": "No such model.", "remedy": "Import it."})
else: said(arguments=sys.argv[1:])
"""
WINDOW = """
import os, sys, time
from pathlib import Path
Path(os.environ["LIKENESS_HOME"], "window").write_text(f"{os.getpid()} {sys.argv[1]} {os.environ.get('LANG')}")
time.sleep(60)
"""
SERVE = """
import json, sys
from engine.paths import Home
from engine.service.core import Commands
from engine.service.server import serve
serve(Home.from_environment(), Commands(**json.loads(sys.argv[1])))
"""


def serving(folder: Path) -> list[str]:
    scripts = {"weights": WEIGHTS, "dialog": WINDOW}
    commands = {"worker": WORKER}
    for name, text in scripts.items():
        path = folder / f"{name}.py"
        path.write_text(text)
        commands[name] = [sys.executable, str(path)]
    return [sys.executable, "-c", SERVE, json.dumps(commands)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingEngine]:
    home = new_home()
    home.create()
    home.settings_file.write_text('{"idle_seconds": 2}')
    command = serving(tmp_path_factory.mktemp("scripts"))
    yield LivingEngine(home, ensure_engine(home.root, command, timeout=60))
    end_home(home)


@pytest.fixture
def client(engine: LivingEngine) -> Client:
    return engine.client


def ask(client: Client, **request: Any) -> dict[str, Any]:
    return client.models(request, lambda _: None)


def test_events_then_the_answer(client: Client) -> None:
    events: list[dict[str, Any]] = []
    files = ["/x/a b.pt", "/x/ü.npy"]
    result = client.models({"do": "import", "name": "mine", "files": files}, events.append)
    assert result == {"arguments": ["import", "mine", *files]}
    assert [event["event"] for event in events] == ["progress", "done"]
    assert events[0]["message"] == "Working"


def test_wishes_arrive_as_they_are(client: Client) -> None:
    result = ask(client, do="directions", name="mine", rename=[("a", "b")], scale=[("c", 0.5)], strips="all")
    name, wishes = result["arguments"][1:]
    assert name == "mine"
    for part in ('"rename":[["a","b"]]', '"scale":[["c",0.5]]', '"strips":"all"', '"discover":""'):
        assert part in wishes


def test_a_refusal_is_its_own(client: Client) -> None:
    with pytest.raises(EngineProblem, match="No such model") as caught:
        ask(client, do="remove", name="refuses")
    assert caught.value.code == "unknown_model"


def test_a_process_that_dies(client: Client) -> None:
    with pytest.raises(EngineProblem, match="ended without an answer"):
        ask(client, do="remove", name="dies")


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "grow"},
        {"do": "remove", "name": "../x"},
        {"do": "import", "name": "x", "files": []},
        {"do": "import", "name": "x", "files": ["relative.pt"]},
        {"do": "import", "name": "x", "files": ["/a\0b"]},
        {"do": "download", "entry": "ffhq-1024", "name": "x"},
        {"do": "download", "entry": "ffhq-1024", "name": "x", "accepted": False},
        {"do": "directions", "name": "x", "scale": [["a", "much"]]},
    ],
)
def test_what_makes_no_sense_is_refused(client: Client, request_: dict[str, Any]) -> None:
    """Also a download whose terms were not accepted."""
    with pytest.raises(EngineProblem) as caught:
        ask(client, **request_)
    assert caught.value.code == "bad_request"


def test_hanging_up_ends_the_process_and_the_engine_answers_meanwhile(
    engine: LivingEngine, client: Client
) -> None:
    """The engine is not idle either, however short its patience."""
    outcome: list[Exception] = []

    def run() -> None:
        try:
            ask(client, do="remove", name="slow")
        except JobCancelled as cancelled:
            outcome.append(cancelled)

    thread = threading.Thread(target=run)
    thread.start()
    note = engine.home.root / "pid-slow"
    wait_until(lambda: note.exists() and note.read_text() != "")
    time.sleep(4)
    assert client.status()["pid"]
    pid = int(note.read_text())
    assert lives(pid)
    client.hang_up()
    thread.join(10)
    assert outcome
    wait_until(lambda: not lives(pid))


@pytest.mark.parametrize("window", ["models", "settings"])
def test_the_window_is_closed_by_hanging_up(engine: LivingEngine, client: Client, window: str) -> None:
    note = engine.home.root / "window"
    note.unlink(missing_ok=True)
    thread = threading.Thread(target=_open, args=(client, window))
    thread.start()
    wait_until(lambda: note.exists() and note.read_text() != "")
    pid, argument, language = note.read_text().split()
    assert (argument, language) == (window, "de_AT")
    client.hang_up()
    thread.join(10)
    wait_until(lambda: not lives(int(pid)))


def _open(client: Client, window: str) -> None:
    with pytest.raises(JobCancelled):
        client.models_dialog({"LANG": "de_AT", "PATH": "/evil"}, lambda _: None, window)
