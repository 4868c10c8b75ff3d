"""What is forgotten, with an engine that runs and without one."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.cli import main
from engine.paths import Home
from engine.service.forgetting import FETCH_SECONDS, _needed
from engine.spool import Spool
from engine.storage import STRAY_SECONDS
from plugin.likeness.client import EngineProblem
from tests.service.engines import Run, edit, start, wait_until
from tests.service.test_inversions import put

FIRST, SECOND, THIRD = "aa" * 32, "bb" * 32, "cc" * 32


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def fill(home: Home) -> None:
    home.create()
    for name in (f"{FIRST}.safetensors", f"{SECOND}.safetensors", f"{SECOND}.damaged", f"{THIRD}.safetensors"):
        put(home, name, 10)


def age(folder: Path, seconds: float) -> None:
    """All that lies there was written so long ago."""
    when = time.time() - seconds
    for path in folder.iterdir():
        os.utime(path, (when, when))


def test_with_an_engine(home: Home) -> None:
    fill(home)
    client = start(home)
    put(home, "part-half", 10)
    Run(client, edit(client)).wait()
    opened = client.send_picture(2, 1, "RGBA u8", bytes(8))["id"]
    dialog = Run(client, {"kind": "dialog", "window": "edit", "picture": opened, "title": "wait"})
    wait_until(lambda: any(event["event"] == "progress" for event in dialog.events))
    assert len(names(home.spool)) > 2
    age(home.spool, 9e3)
    told = client.forget(SECOND)
    assert (told["inversions"], told["bytes"] > 2000, told["pictures"] > 0) == (2, True, True)
    assert names(home.inversions) == {f"{FIRST}.safetensors", f"{THIRD}.safetensors", "part-half"}
    assert names(home.spool) == {f"{opened}.raw", f"{opened}.json"}, "its job still needs it"
    with pytest.raises(EngineProblem) as caught:
        client.forget(SECOND)
    assert caught.value.code == "inversion_missing"
    assert client.forget(None) == {"inversions": 2, "pictures": 0, "bytes": 2000}
    assert names(home.inversions) == {"part-half"}, "somebody may be writing it"
    client.hang_up()
    dialog.wait()


def test_what_a_job_has_made_stays_until_it_was_fetched(home: Home) -> None:
    """Also what it made long before it ended."""
    home.create()
    client = start(home)
    old = client.send_picture(2, 1, "RGBA u8", bytes(8))["id"]
    age(home.spool, 9e3)
    result = Run(client, edit(client)).wait()
    assert isinstance(result, dict)
    made = result["faces"][0]["layer"]["id"]
    assert client.forget(None)["pictures"] == 1
    assert {f"{made}.raw", f"{made}.json"} <= names(home.spool)
    assert f"{old}.raw" not in names(home.spool)


def test_since_when_pictures_are_needed() -> None:
    now = time.time()
    ages = [(500.0, 400.0), (300.0, 5.0), (9.0, None)]  # when each job began, when it ended
    jobs = [
        SimpleNamespace(born=now - born, ended=ended and now - ended, pictures=lambda: {"a"})
        for born, ended in ages
    ]
    engine: Any = SimpleNamespace(jobs=SimpleNamespace(live=jobs[2:], remembered=jobs))
    assert _needed(engine) == ({"a"}, now - 300)
    engine.jobs.remembered = jobs[2:]
    assert _needed(engine)[1] == pytest.approx(now - FETCH_SECONDS, abs=5)


def test_on_the_command_line_without_an_engine(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    put(home, "part-half", 10)
    put(home, "part-dead", STRAY_SECONDS + 9)
    Spool(home.spool).add_bytes(1, 1, "Y u8", b"x")
    assert main(["forget", FIRST]) == 0
    assert capsys.readouterr().out.startswith("Removed: inversions 1, pictures 1; 1,")
    assert names(home.spool) == set()
    assert main(["forget", FIRST, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "inversion_missing"
    assert main(["forget", "../run/engine.lock"]) == 1
    assert main(["forget", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "inversions": 3,
        "pictures": 0,
        "bytes": 4000,
    }
    assert names(home.inversions) == {"part-half"}, "somebody may be writing it"
    assert not home.connection_file.exists(), "none was started"


def test_listed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget"]) == 0
    assert capsys.readouterr().out == "Nothing is kept.\n"
    header = json.dumps({"__metadata__": {"likeness": json.dumps({"model": "default"})}}).encode()
    path = put(home, f"{FIRST}.safetensors", 10)
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert main(["forget"]) == 0
    assert capsys.readouterr().out == f"{FIRST}  default, 0.0 MB, used 0 days ago\n"
