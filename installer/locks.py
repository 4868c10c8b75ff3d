"""One installer at a time, and waiting for an engine's end: both are locks on files, which end with their process."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from installer.errors import InstallError

LOCK = "install.lock"
WAIT_SECONDS = 900


@contextlib.contextmanager
def locked(home: Path) -> Iterator[int]:
    """Hold the home, which is made when it is missing, against other installers.

    Yields the lock's descriptor. Programs that inherit it hold the lock on, so that a new installer waits for what
    a killed one had started. Raises `InstallError`.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        if not _taken(descriptor):
            print("Another installer is at work, or what it had started; waiting for its end …", flush=True)
        while not _taken(descriptor):
            if time.monotonic() > deadline:
                raise InstallError("Another installer does not end.", "End it, then try again.")
            time.sleep(0.2)
        yield descriptor
    finally:
        os.close(descriptor)


def wait_until_free(path: Path, seconds: float) -> bool:
    """Whether nobody holds the lock `path` any more, or not within that time."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return True
    deadline = time.monotonic() + seconds
    try:
        while not (free := _taken(descriptor)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return free
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
