"""Removing what the engine keeps of people's faces: inversions, and the pictures in the spool. No torch here."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from engine.errors import InversionMissing
from engine.messages import Message
from engine.paths import Home, inside
from engine.storage import PART

KINDS = (".safetensors", ".damaged")


class Forgotten(Message):
    """What was removed: inversions (damaged ones, too), pictures, and the bytes that they took."""

    inversions: int
    pictures: int
    bytes: int


def forget(home: Home, identity: str | None, keep: Collection[str] | None) -> Forgotten:
    """Remove an inversion, also where it was set aside as damaged; None: all of them.

    Which faces a spooled picture shows nobody has noted: all of them go but those whose id is in `keep`, the
    pictures that jobs are about, and what is just being written. `keep` is None where no engine runs: then all goes.
    Raises `InversionMissing` when there is none of that id; then nothing is removed.
    """
    inversions = _whole(home.inversions, keep) if identity is None else list(_found(home, identity))
    if identity is not None and not inversions:
        raise InversionMissing(
            "This inversion is not in the engine's cache.", "`forget` without a name lists them."
        )
    pictures = [path for path in _whole(home.spool, keep) if path.stem not in (keep or ())]
    freed = _removed(inversions) + _removed(pictures)
    return Forgotten(
        inversions=sum(path.suffix in KINDS for path in inversions),
        pictures=sum(path.suffix == ".raw" for path in pictures),
        bytes=freed,
    )


def _whole(folder: Path, keep: Collection[str] | None) -> list[Path]:
    """The files, without those that are just being written; where no engine runs, nobody does."""
    return [path for path in folder.iterdir() if keep is None or not path.name.startswith(PART)]


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
