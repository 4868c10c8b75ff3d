"""Folders for the photographs of a batch, one for each of its workers, in `run/batch`. No torch here.

Each goes with its owner. The lock in it ends with the process that holds it, so what a killed one left is known by it,
and goes when the next folder is made or the next engine starts.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import filelock

from engine.paths import Home

_LOCK = "lock"


class PrivateFolder:
    """An empty folder `path`, 0700, until `remove`."""

    def __init__(self, home: Home) -> None:
        home.create()
        place = _place(home)
        place.mkdir(mode=0o700, exist_ok=True)
        with filelock.FileLock(
            place / _LOCK, mode=0o600
        ):  # nobody looks between a folder's making and its locking
            _remove_unheld(place)
            self.path = Path(tempfile.mkdtemp(dir=place))
            # Workers are made in one thread and closed in another.
            self._held = filelock.FileLock(self.path / _LOCK, mode=0o600, thread_local=False)
            self._held.acquire()

    def remove(self) -> None:
        self._held.release()
        shutil.rmtree(self.path, ignore_errors=True)


def remove_abandoned(home: Home) -> None:
    """Remove the folders whose owners were killed."""
    place = _place(home)
    if place.is_dir():
        with filelock.FileLock(place / _LOCK, mode=0o600):
            _remove_unheld(place)


def _place(home: Home) -> Path:
    return home.run / "batch"


def _remove_unheld(place: Path) -> None:
    for folder in place.iterdir():
        if folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(filelock.Timeout), filelock.FileLock(folder / _LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
