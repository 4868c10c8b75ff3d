"""Removing what the engine keeps of people's faces: inversions, and the pictures in the spool. No torch here."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from engine.errors import InversionMissing
from engine.messages import Message
from engine.paths import Home, inside
from engine.private import remove_abandoned
from engine.storage import PART, STRAY_SECONDS

KINDS = (".safetensors", ".damaged")


class Forgotten(Message):
    """What was removed: inversions (damaged ones, too), pictures, and the bytes that they took."""

    inversions: int
    pictures: int
    bytes: int


def forget(home: Home, identity: str | None, keep: Collection[str] = (), since: float = math.inf) -> Forgotten:
    """Remove an inversion, also where it was set aside as damaged; None: all of them.

    Which faces a spooled picture shows nobody has noted: all of them go but those whose id is in `keep`, the
    pictures that jobs are about, and those written at `since` (seconds of the epoch) or later, which jobs may have
    made. What somebody, here or in another process, may just be writing stays in any case. What a killed batch left
    of its photographs goes, uncounted.
    Raises `InversionMissing` when there is none of that id; then nothing is removed.
    """
    inversions = _whole(home.inversions) if identity is None else list(_found(home, identity))
    if identity is not None and not inversions:
        raise InversionMissing(
            "This inversion is not in the engine's cache.", "`forget` without a name lists them."
        )
    pictures = [
        path
        for path in _whole(home.spool)
        if path.stem not in keep and not (_is_young(path, since) or _is_young(path.with_suffix(".raw"), since))
    ]
    freed = _removed(inversions) + _removed(pictures)
    remove_abandoned(home)
    return Forgotten(
        inversions=sum(path.suffix in KINDS for path in inversions),
        pictures=sum(path.suffix == ".raw" for path in pictures),
        bytes=freed,
    )


def _whole(folder: Path) -> list[Path]:
    """The files, without those that may just be being written."""
    oldest = time.time() - STRAY_SECONDS
    return [path for path in folder.iterdir() if not (path.name.startswith(PART) and _is_young(path, oldest))]


def _is_young(path: Path, since: float) -> bool:
    """Whether it was written since then, and is there."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime >= since
    return False


def _found(home: Home, identity: str) -> Iterator[Path]:
    for suffix in KINDS:
        path = inside(home.inversions, identity, suffix)
        if path.is_file():
            yield path


def _removed(paths: list[Path]) -> int:
    """How many bytes they held. One that somebody else removes meanwhile holds none."""
    freed = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed
