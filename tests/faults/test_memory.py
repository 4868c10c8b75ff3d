"""Rows 32 and 33: a device without memory, a host without memory, and no memory lost."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.paths import Home
from engine.worker.link import IDLE_SECONDS
from plugin.likeness.client import Client, EngineProblem
from plugin.likeness.launch import ensure_engine
from tests.conftest import START
from tests.service.engines import Run, edit, start, worker_pid

STARVED = Path(__file__).with_name("starved_worker.py")
PHOTO = Path(__file__).parents[1] / "photos" / "astronaut.png"
SETTLED, JOBS = 20, 200  # the worker keeps 16 faces at hand
INVERSIONS, EDITS = map(int, os.environ.get("LIKENESS_MEMORY_ROUNDS", "200 2000").split())
FACES = 8  # that the edits go round
GROWTH = 1.05
GIVING_SECONDS = 15.0  # that giving memory back may take

Megabytes = dict[str, float]  # by process


def send(client: Client, pixels: np.ndarray) -> str:
    return client.send_picture(pixels.shape[1], pixels.shape[0], "RGBA u8", pixels.tobytes())["id"]


def test_f32_a_device_out_of_memory(home: Home) -> None:
    """It is tried once more; where that is of no use it is said, and the next job works, in the same process."""
    client = start(home, worker=[sys.executable, str(STARVED), "1,3,4"])
    faces = {"kind": "detect", "picture": send(client, np.asarray(Image.open(PHOTO).convert("RGBA")))}
    assert len(client.run(faces, lambda event: None)["faces"]) == 1
    pid = worker_pid(client)
    with pytest.raises(EngineProblem) as caught:
        client.run(faces, lambda event: None)
    assert caught.value.code == "out_of_memory"
    assert caught.value.remedy
    assert len(client.run(faces, lambda event: None)["faces"]) == 1
    assert worker_pid(client) == pid
    assert "CUDA out of memory" in (home.logs / "worker.log").read_text("utf-8")


def test_f33_killed_by_the_host_for_memory(home: Home) -> None:
    """The kernel kills with SIGKILL; what the job wrote is whole or gone, and the same request works again."""
    client = start(home)
    problem = Run(client, edit(client, die=1.0)).wait()
    assert isinstance(problem, EngineProblem)
    assert problem.code == "worker_lost"
    assert isinstance(Run(client, edit(client, smile=1.0)).wait(), dict)
    assert not list(home.root.rglob("part-*"))


@pytest.mark.long
def test_f33_memory_returns_to_its_baseline(home: Home) -> None:
    """Every job with another face, so that all that is kept for a while is filled and emptied."""
    client = ensure_engine(home.root, START)
    photo = np.asarray(Image.open(PHOTO).convert("RGBA"))
    baseline: Megabytes = {}
    for number in range(JOBS):
        moved = np.roll(photo, divmod(number, 20), (0, 1))
        request = {"kind": "edit", "refine_steps": 0, "picture": send(client, moved), "edits": {"smile": 1.0}}
        client.run(request, lambda event: None)
        if number == SETTLED:
            baseline = megabytes_at_rest(client)
    assert_not_grown(baseline, megabytes_at_rest(client))


@pytest.mark.long
def test_f33_inversions_and_edits_in_a_row(home: Home) -> None:
    """As somebody works for days. LIKENESS_MEMORY_ROUNDS="40 60" makes them fewer."""
    client = ensure_engine(home.root, START)
    photo = np.asarray(Image.open(PHOTO).convert("RGBA"))
    baseline: Megabytes = {}
    faces: list[tuple[np.ndarray, str]] = []
    for number in range(INVERSIONS):
        moved = np.roll(photo, divmod(number, 20), (0, 1))
        request = {"kind": "invert", "refine_steps": 2, "picture": send(client, moved)}
        (face,) = client.run(request, lambda event: None)["faces"]
        assert not face["from_cache"]
        faces = [*faces, (moved, face["inversion"])][-FACES:]
        if number == SETTLED:
            baseline = megabytes_at_rest(client)
    assert_not_grown(baseline, megabytes_at_rest(client))
    for number in range(EDITS):
        moved, inversion = faces[number % len(faces)]
        edits = {"smile": 2 * number / EDITS - 1}
        request = {"kind": "edit", "picture": send(client, moved), "inversions": [inversion], "edits": edits}
        assert client.run(request, lambda event: None)["faces"][0]["from_cache"]
        if number == SETTLED:
            baseline = megabytes_at_rest(client)
    assert_not_grown(baseline, megabytes_at_rest(client))


def assert_not_grown(before: Megabytes, after: Megabytes) -> None:
    print(f"MB at rest: {before}, then {after}")
    assert before.keys() == after.keys()
    for process, megabytes in after.items():
        assert megabytes < GROWTH * before[process], (process, before, after)


def megabytes_at_rest(client: Client) -> Megabytes:
    """Of service and worker, the least in a while: the worker gives back what it kept for the next job."""
    pids = {"service": client.status()["pid"], "worker": worker_pid(client)}
    least = dict.fromkeys(pids, math.inf)
    end = time.monotonic() + IDLE_SECONDS + GIVING_SECONDS
    while time.monotonic() < end:
        time.sleep(1)
        least = {name: min(least[name], resident_megabytes(pid)) for name, pid in pids.items()}
    return least


def resident_megabytes(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found
    return int(found[1]) / 1000
