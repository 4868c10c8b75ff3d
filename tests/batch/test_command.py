"""`engine batch` with the real pipeline: a folder once, then again, with what cannot be done said at the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import Image

from engine.batch.cluster import RayWorker
from engine.batch.local import LocalWorker
from engine.batch.plan import JOURNAL
from engine.cli import main
from engine.errors import WorkerLost
from engine.paths import Home

PHOTOS = Path(__file__).resolve().parents[1] / "photos"

EDIT = ("--set", "smile=1.0", "--refine-steps", "0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photographs: two of a face, one of none."""
    made = tmp_path / "photographs"
    made.mkdir()
    for name in ("astronaut.png", "grace_hopper.jpg"):
        shutil.copy(PHOTOS / name, made)
    Image.fromarray(np.full((90, 120, 3), 128, np.uint8)).save(made / "wall.png")
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main(["batch", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_refusals(home: Home, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, folder, "-o", folder, *EDIT)
    assert code == 1
    assert "overwrite" in said["error"]["sentence"]
    code, said = run(capsys, folder / "none", "-o", folder / "out", *EDIT)
    assert said["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    ("choice", "named"), [(("--set", "smile=50"), "edits.smile"), (("--model", "../x"), "model")]
)
def test_values_out_of_range_are_named(
    home: Home, folder: Path, capsys: pytest.CaptureFixture[str], choice: tuple[str, str], named: str
) -> None:
    code, said = run(capsys, folder, "-o", folder / "out", *EDIT, *choice)
    assert (code, said["error"]["code"]) == (1, "bad_request")
    assert said["error"]["sentence"].startswith(f"{named}: ")


def test_a_lost_worker_does_not_say_how_often(home: Home) -> None:
    worker = LocalWorker(home)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerLost) as caught:
        worker.ask({"check": {}})
    worker.close()
    assert caught.value.sentence == "The process that computes died."
    ray = MagicMock()
    ray.exceptions.RayError = LookupError
    ray.get.side_effect = LookupError
    with pytest.raises(WorkerLost) as caught:
        RayWorker(ray).ask({"check": {}})
    assert caught.value.sentence == "The Ray worker was lost."


@pytest.mark.long
def test_once_and_not_twice(
    home: Home, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, said = run(capsys, folder, "-o", out, *EDIT, "--jobs", 2)
    assert code == 1
    assert [one["name"] for one in said["edited"]] == ["astronaut.png", "grace_hopper.jpg"]
    assert [(one["name"], one["code"]) for one in said["failed"]] == [("wall.png", "no_face")]
    assert [path.name for path in (home.run / "batch").iterdir()] == ["lock"]
    first = results(out)
    assert main(["edit", str(folder / "astronaut.png"), "-o", str(tmp_path / "one.png"), *EDIT]) == 0
    assert first["astronaut.png"] == (tmp_path / "one.png").read_bytes()
    capsys.readouterr()
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    (out / "grace_hopper.jpg").unlink()
    code, said = run(capsys, folder, "-o", out, *EDIT)
    assert (code, said["passed_over"]) == (1, 1)
    assert [one["name"] for one in said["edited"]] == ["grace_hopper.jpg"]
    assert results(out) == first
    assert (out / "astronaut.png").stat().st_mtime_ns == before["astronaut.png"]
    code, said = run(capsys, folder, "-o", out, "--set", "grin=1")
    assert said["error"]["code"] == "unknown_direction"


@pytest.mark.long
def test_a_killed_worker_is_replaced(
    home: Home,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "wall.png").unlink()
    made: list[LocalWorker] = []

    class Watched(LocalWorker):
        def ask(self, header: dict[str, Any], data: bytes = b"") -> tuple[dict[str, Any], bytes]:
            if "edit" in header and len(made) == 1:
                made.append(self)
                os.kill(self.pid, signal.SIGKILL)
            elif not made:
                made.append(self)
            return super().ask(header, data)

    monkeypatch.setattr("engine.cli.batch.LocalWorker", Watched)
    code, said = run(capsys, folder, "-o", tmp_path / "out", *EDIT)
    assert (code, len(said["edited"]), said["failed"]) == (0, 2, [])


@pytest.fixture
def ray() -> Iterator[Any]:
    module = pytest.importorskip("ray")
    yield module
    module.shutdown()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of Ray and what it stands on
def test_a_ray_of_two_workers(
    home: Home, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ray: Any
) -> None:
    """Same bytes as without; a worker that is killed on the way costs nothing; nothing is written twice."""
    for copy in range(3):
        picture = Image.open(PHOTOS / "astronaut.png")
        picture.crop((0, 0, 512 - copy, 512)).save(folder / f"copy-{copy}.png")
    here, there = tmp_path / "here", tmp_path / "there"
    run(capsys, folder, "-o", here, *EDIT)
    killer = threading.Thread(target=_kill_a_busy_actor, args=(there / JOURNAL,))
    killer.start()
    code, said = run(capsys, folder, "-o", there, *EDIT, "--jobs", 2, "--ray", "local")
    killer.join()
    assert code == 1
    assert [one["name"] for one in said["failed"]] == ["wall.png"]
    assert results(there) == results(here)
    done = [json.loads(line)["name"] for line in (there / JOURNAL).read_text().splitlines() if line]
    assert sorted(done) == sorted(results(there))


def _kill_a_busy_actor(journal: Path) -> None:
    """Once the first result is there, and another photograph is being worked on. Ray names its processes so."""
    while True:
        if journal.exists():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    if path.read_bytes().startswith(b"ray::RemoteEditor.answer"):
                        os.kill(int(path.parent.name), signal.SIGKILL)
                        return
        time.sleep(0.05)
