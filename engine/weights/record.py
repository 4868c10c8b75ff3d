"""`model.json` beside a model's weights: the checksums of its files, and which files it was made of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from engine.weights.direction_vectors import VECTORS

RECORD = "model.json"
_LARGEST = 1 << 20


def read_record(folder: Path) -> dict[str, Any]:
    """Empty where there is none that can be read."""
    path = folder / RECORD
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            return {}
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write it, whole or not at all."""
    new = folder / f".{RECORD}.new"
    new.write_text(json.dumps(record, indent=1), "utf-8")
    new.replace(folder / RECORD)


def keep_checksums(folder: Path) -> None:
    """Remember what the vectors of the directions are from now on."""
    write_record(folder, {**read_record(folder), "directions_sha256": digest(folder / VECTORS)})


def digest(path: Path) -> str:
    """sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
