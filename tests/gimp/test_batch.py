"""A folder of photographs from GIMP: the work on the engine's command line, and the procedure in a real GIMP 3.

What happens in GIMP: tests/gimp/inside/batching.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.settings import PRESETS as NAMED
from plugin.likeness.batch_work import AS_IN_THE_SETTINGS, PRESETS, BatchWork, Outcome
from plugin.likeness.client import EngineProblem
from tests.gimp.desk import REPOSITORY, Desk, until

COMMAND = """
import json, os, sys, time
said = json.loads(open({script!r}).read())
open({script!r} + ".seen", "w").write(json.dumps([sys.argv[1:], os.getpid(), os.environ["LIKENESS_HOME"]]))
for line in said["stderr"]:
    print(line, file=sys.stderr, flush=True)
if said["waits"]:
    sys.stdin.read()
    open({script!r} + ".left", "w").close()
print(said["stdout"])
sys.exit(said["code"])
"""
DONE = {"edited": [{"name": "a.png"}], "passed_over": 2, "failed": []}
BAD = {"name": "b.png", "code": "no_face", "sentence": "No face was found.", "remedy": "Crop it."}


class StandIn:
    """A plug-in's folder whose location.json starts a program that says what it is told to say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "script.json"
        command = [sys.executable, "-c", COMMAND.format(script=str(self.script)), "serve"]
        location = {"home": str(folder / "home"), "command": command}
        (folder / "location.json").write_text(json.dumps(location))

    def says(self, stdout: object, *stderr: object, code: int = 0, waits: bool = False) -> None:
        lines = [one if isinstance(one, str) else json.dumps(one) for one in (stdout, *stderr)]
        self.script.write_text(
            json.dumps({"stdout": lines[0], "stderr": lines[1:], "code": code, "waits": waits})
        )

    @property
    def seen(self) -> list[Any]:
        return json.loads(Path(f"{self.script}.seen").read_text())

    def work(self, preset: str = AS_IN_THE_SETTINGS, model: str = "") -> BatchWork:
        edits = {"smile": 1.0, "-x": -0.5}
        return BatchWork(self.folder, "/photographs", "/results", edits, preset, model)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.delenv("LIKENESS_HOME", raising=False)
    return StandIn(tmp_path)


def progress(fraction: float, message: str, seconds_left: float | None = None) -> dict[str, Any]:
    return {"event": "progress", "fraction": fraction, "message": message, "seconds_left": seconds_left}


def test_a_batch(engine: StandIn) -> None:
    told: list[tuple[str, float | None]] = []
    engine.says(
        DONE, progress(0, "Looking at the model"), "a library warns", progress(0.5, "1 of 2: a.png", 8.2)
    )
    outcome = engine.work().run(lambda text, fraction: told.append((text, fraction)))
    assert outcome == Outcome(1, 2, [])
    assert told == [("Likeness: Looking at the model", 0.0), ("Likeness: 1 of 2: a.png (8 s)", 0.5)]
    arguments, _, home = engine.seen
    assert arguments[:6] == ["batch", "/photographs", "--output", "/results", "--attended", "--json"]
    assert arguments[6:] == ["--set=smile=1.0", "--set=-x=-0.5"]
    assert home == str(engine.folder / "home")


def test_preset_and_model(engine: StandIn) -> None:
    engine.says(DONE)
    engine.work("best", "mine").run(lambda *_: None)
    assert engine.seen[0][-2:] == ["--preset=best", "--model=mine"]
    assert (AS_IN_THE_SETTINGS, *NAMED) == tuple(PRESETS)


def test_what_failed_is_named(engine: StandIn) -> None:
    engine.says(DONE | {"failed": [BAD, BAD | {"name": "c.png", "remedy": ""}]}, code=1)
    outcome = engine.work().run(lambda *_: None)
    assert outcome.failed == ["b.png: No face was found. Crop it.", "c.png: No face was found."]


@pytest.mark.parametrize(
    ("stdout", "said"),
    [
        (
            {"error": {"code": "bad_request", "sentence": "There is no folder.", "remedy": "Name it."}},
            "no folder",
        ),
        ("", "without an outcome. Killed"),
        ("[]", "without an outcome"),
        ({"edited": 3}, "without an outcome"),
        ({"error": "x"}, "without an outcome"),
    ],
)
def test_without_an_outcome(engine: StandIn, stdout: object, said: str) -> None:
    engine.says(stdout, "Killed", code=1)
    with pytest.raises(EngineProblem, match=said) as caught:
        engine.work().run(lambda *_: None)
    assert caught.value.remedy


def test_a_command_that_is_missing(engine: StandIn) -> None:
    location = {"home": str(engine.folder / "home"), "command": ["/no/such/program", "serve"]}
    (engine.folder / "location.json").write_text(json.dumps(location))
    with pytest.raises(EngineProblem, match="could not be started") as caught:
        engine.work().run(lambda *_: None)
    assert caught.value.code == "engine_unavailable"


def test_f10_the_command_notices_that_the_plugin_was_killed(engine: StandIn) -> None:
    """GIMP's Cancel kills the plug-in."""
    engine.says(DONE, progress(0, "Looking at the model"), waits=True)
    run = (
        "import sys; from pathlib import Path; from plugin.likeness.batch_work import BatchWork;"
        "BatchWork(Path(sys.argv[1]), '/photographs', '/results', {'smile': 1.0}, 'fast', '').run(print)"
    )
    plugin = subprocess.Popen([sys.executable, "-c", run, str(engine.folder)], cwd=REPOSITORY)
    try:
        assert until(lambda: Path(f"{engine.script}.seen").exists(), 60)
        time.sleep(0.2)
        assert not Path(f"{engine.script}.left").exists()
    finally:
        os.kill(plugin.pid, signal.SIGKILL)
        plugin.wait()
    assert until(lambda: Path(f"{engine.script}.left").exists(), 10)


# --- in GIMP ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(desk: Desk) -> dict[str, Any]:
    return desk.batch_without_crash("batching")


@pytest.mark.gimp
def test_a_folder_once_and_not_twice(report: dict[str, Any]) -> None:
    result = report["twice"]
    assert result["first"]["status"] == "success", result["first"]["error"]
    edited, passed_over, failed = result["first"]["values"]
    assert (edited, passed_over) == (2, 0)
    assert failed.startswith("broken.png: ")
    assert result["there"] == ["astronaut.png", "grace_hopper.jpg"]
    assert result["second"]["values"][:2] == [0, 2]
    assert not result["images"], "GIMP opens none of them"


@pytest.mark.gimp
def test_what_makes_no_sense_is_answered_by_a_sentence(report: dict[str, Any]) -> None:
    said = report["refused"]
    for name, result in said.items():
        assert result["status"] == "execution-error", name
        assert result["error"].endswith("."), name
    for name, part in {
        "no edits": '{"smile": 1.0}',
        "single faces": "all faces alike",
        "no folder": "folder of the photographs is missing",
        "no output": "folder of the results is missing",
        "no such folder": "no folder",
        "same folder": "overwrite",
        "direction": "no such direction",
        "model": "no-such-model",
    }.items():
        assert part in said[name]["error"], name


@pytest.mark.gimp
def test_the_procedure_as_gimp_lists_it(report: dict[str, Any]) -> None:
    assert report["procedure"] == {
        "menu": [],
        "arguments": ["folder", "output", "edits", "preset", "model"],
        "results": ["edited", "passed-over", "failed"],
        "presets": list(PRESETS),
    }


@pytest.mark.gimp
def test_f40_it_opens_no_window(report: dict[str, Any]) -> None:
    """Also when it is run as from a menu."""
    assert report["twice"]["as from a menu"] == report["twice"]["second"]
