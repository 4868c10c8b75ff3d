"""Photographs of a batch's workers: in a folder that goes with its owner, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.batch.cluster import RemoteEditor
from engine.forgetting import forget
from engine.paths import Home
from engine.private import PrivateFolder, remove_abandoned
from tests.service.engines import start

KILLED = """
import os, signal
from engine.paths import Home
from engine.private import PrivateFolder
folder = PrivateFolder(Home.from_environment())
(folder.path / "face.jpg").write_bytes(b"somebody's face")
os.kill(os.getpid(), signal.SIGKILL)
"""


def kept(home: Home) -> list[Path]:
    return [path for path in (home.run / "batch").iterdir() if path.is_dir()]


@pytest.fixture
def left(home: Home) -> Path:
    """The folder of a worker that was killed."""
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert killed.returncode == -signal.SIGKILL
    (folder,) = kept(home)
    assert (folder / "face.jpg").is_file()
    return folder


def test_each_has_its_own_until_its_end(home: Home) -> None:
    first, second = PrivateFolder(home), PrivateFolder(home)
    (first.path / "face.jpg").write_bytes(b"somebody's face")
    remove_abandoned(home)
    assert sorted(kept(home)) == sorted([first.path, second.path])
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in (first.path, first.path.parent))
    first.remove()
    assert kept(home) == [second.path]
    second.remove()
    assert kept(home) == []


def test_what_a_killed_worker_left_goes_with_the_next(home: Home, left: Path) -> None:
    following = PrivateFolder(home)
    assert kept(home) == [following.path]
    following.remove()


def test_or_with_the_next_engine(home: Home, left: Path) -> None:
    start(home)
    assert kept(home) == []


def test_or_when_faces_are_forgotten(home: Home, left: Path) -> None:
    living = PrivateFolder(home)
    forget(home, None)
    assert kept(home) == [living.path]
    living.remove()


def test_an_actor_of_ray_has_one(home: Home) -> None:
    actor = RemoteEditor()
    (folder,) = kept(home)
    assert (folder / "photographs").is_dir()
    actor.close()
    assert kept(home) == []
