"""Processes killed at random moments, round after round, with the real worker. Long."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.paths import Home
from engine.service.memory import held_bytes
from plugin.likeness.client import Client, EngineProblem, JobCancelled
from tests.conftest import end_home, left_over, new_home
from tests.service.engines import CLOSING, Run, kill, opened_dialog, start, worker_pid

pytestmark = pytest.mark.long

ROUNDS = 100
SEED = 41
GROWTH = 1.1  # of the memory, between the first jobs and the last
PHOTO = Path(__file__).parents[1] / "photos" / "astronaut.png"
WORKER = [sys.executable, "-m", "engine.worker"]
REQUESTS = (
    {"kind": "invert", "refine_steps": 2},
    {"kind": "edit", "refine_steps": 2, "edits": {"smile": 1.0}},
    {"kind": "edit", "refine_steps": 3, "edits": {"smile": -1.0}},
)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def place() -> Iterator[Home]:
    home = new_home()
    yield home
    end_home(home)


def living(home: Home) -> Client:
    """The engine of the home, started again where it was killed."""
    return start(home, worker=WORKER)


def send_photo(client: Client) -> str:
    pixels = np.asarray(Image.open(PHOTO).convert("RGBA"))
    return client.send_picture(pixels.shape[1], pixels.shape[0], "RGBA u8", pixels.tobytes())["id"]


def answer(home: Home, request: Json) -> Json:
    """What a request gives when nobody is killed, but for whether the inversion was there before."""
    client = living(home)
    result = client.run(request | {"picture": send_photo(client)}, lambda event: None)
    for face in result["faces"]:
        del face["from_cache"]
    return result


def memory(home: Home) -> int:
    client = living(home)
    return held_bytes(client.status()["pid"]) + held_bytes(worker_pid(client))


def shoot(home: Home, victim: str, request: Json, after: float) -> Run:
    """Start a job that has everything to do, and kill one of the processes a moment later."""
    client = living(home)
    for path in home.inversions.iterdir():
        path.unlink()
    worker, service = worker_pid(client), client.status()["pid"]
    (home.root / "dialog.json").unlink(missing_ok=True)
    run = Run(client, request | {"picture": send_photo(client)})
    if victim == "dialog":
        kill(opened_dialog(home)["pid"])
    else:
        time.sleep(after)
        kill(worker if victim == "worker" else service)
    run.wait()
    return run


def test_f01_to_f02_killed_at_any_moment(place: Home) -> None:
    expected = [answer(place, request) for request in REQUESTS]
    before = memory(place)
    pick = random.Random(SEED)
    for _ in range(ROUNDS):
        victim = pick.choice(("worker", "service", "dialog"))
        number = pick.randrange(len(REQUESTS))
        request = REQUESTS[number]
        if victim == "dialog":
            request = {"kind": "dialog", "window": "edit", "title": "wait"}
        run = shoot(place, victim, request, pick.uniform(0, 1.5))
        closing = [event for event in run.events if event["event"] in CLOSING]
        assert len(closing) <= 1
        assert isinstance(run.outcome, dict | EngineProblem | JobCancelled)
        assert answer(place, REQUESTS[number]) == expected[number]
        assert len(list(place.inversions.glob("*.safetensors"))) == 1
    assert memory(place) < GROWTH * before
    kill(living(place).status()["pid"])
    for path in place.inversions.glob("part-*"):
        os.utime(path, (0, 0))  # long ago: until then somebody may be writing it
    living(place).stop()  # whoever starts next clears up after the one that was killed
    assert left_over(place) == {}
    assert list(place.spool.iterdir()) == []
    assert [path for path in place.root.rglob("*") if path.name.startswith(("part-", "tmp"))] == []
