"""The cache of inversions as the service sees it: files to list and to hand out. No tensors here.

A file is `inversions/ID.safetensors`. Of its content only the JSON header is read (safetensors: an 8-byte
little-endian length, then the header, whose `__metadata__` names the model); what comes in from
outside is checked, and kept, by the worker.
"""

from __future__ import annotations

import contextlib
import json
import re
import struct
from pathlib import Path

from engine.errors import InversionDamaged, InversionMissing
from engine.messages import InversionInfo
from engine.paths import Home, inside

MAX_HEADER = 1 << 20
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
