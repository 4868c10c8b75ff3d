"""The cache of inversions as the service sees it: files to list, to hand out, to limit. No tensors here.

A file is `inversions/ID.safetensors`. Of its content only the JSON header is read (safetensors: an 8-byte
little-endian length, then the header, whose `__metadata__` names the model); what comes in from
outside is checked, and kept, by the worker.
"""

from __future__ import annotations

import contextlib
import json
import re
import struct
import time
from collections.abc import Collection
from pathlib import Path

from engine.errors import InversionDamaged, InversionMissing
from engine.messages import InversionInfo
from engine.paths import Home, inside
from engine.storage import STRAY_SECONDS

MAX_HEADER = 1 << 20
DAMAGED_SECONDS = 7 * 86_400
_ID = re.compile(r"[0-9a-f]{64}")


def list_inversions(home: Home) -> list[InversionInfo]:
    """What is in the cache, newest first. A damaged file is left out; using it says what is wrong."""
    found = []
    for path in home.inversions.glob("*.safetensors"):
        if _ID.fullmatch(path.stem):
            with contextlib.suppress(InversionDamaged, OSError):
                found.append(_describe(path))
    return sorted(found, key=lambda info: info.used, reverse=True)


def inversion_file(home: Home, identity: str) -> Path:
    """The file of an inversion that is here. Raises `InversionMissing`."""
    path = inside(home.inversions, identity, ".safetensors")
    if not path.is_file():
        raise InversionMissing("This inversion is not in the engine's cache.", "Invert the photograph again.")
    return path


def trim_inversions(
    home: Home, limit_bytes: int, keep: Collection[str] = (), limit_seconds: float = 0.0
) -> None:
    """Remove the inversions that were not used for `limit_seconds` (0: none), and then those that were not used for
    longest until the rest fits (0: all fit), but none in `keep`.

    They are somebody's face in numbers and not to gather without end. What was set aside as damaged goes after
    a week, what a writer that was killed left after ten minutes.
    """
    now, facts = time.time(), {}
    for path in home.inversions.iterdir():
        with contextlib.suppress(FileNotFoundError):
            facts[path] = path.stat()
    for path, state in facts.items():
        age = now - state.st_mtime
        if (path.suffix == ".damaged" and age > DAMAGED_SECONDS) or (not path.suffix and age > STRAY_SECONDS):
            path.unlink(missing_ok=True)
    files = sorted((p for p in facts if p.suffix == ".safetensors"), key=lambda p: facts[p].st_mtime)
    total = sum(facts[path].st_size for path in files)
    for path in files:
        is_old = limit_seconds and now - facts[path].st_mtime > limit_seconds
        is_too_much = limit_bytes and total > limit_bytes
        if (is_old or is_too_much) and path.stem not in keep:
            total -= facts[path].st_size
            path.unlink(missing_ok=True)


def _describe(path: Path) -> InversionInfo:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > MAX_HEADER:
                raise ValueError(f"a header of {length} bytes")
            facts = json.loads(json.loads(file.read(length))["__metadata__"]["likeness"])
        state = path.stat()
        return InversionInfo(id=path.stem, model=facts["model"], used=state.st_mtime, bytes=state.st_size)
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InversionDamaged(f"{path.name} is no inversion ({error}).", "Remove it.") from error
