"""What a batch has to do: the photographs of a folder, less those that are done with the same settings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadRequest, PhotoTooLarge, PhotoUnreadable
from engine.photo import SUFFIXES
from engine.worker.link import MAX_DATA

JOURNAL = ".likeness-batch.jsonl"
LOCK = ".likeness-batch.lock"

Json = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A photograph to edit, and the key that says with what: the hash of its bytes and of all settings."""

    source: Path
    key: str


def photographs_of(folder: Path) -> list[Path]:
    """The photographs in a folder, by name; not those in folders below. Raises `BadRequest` where there are none."""
    if not folder.is_dir():
        raise BadRequest(f"There is no folder {folder}.", "Name the folder of the photographs.")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise BadRequest(f"There are no photographs in {folder}.", f"They end in {', '.join(SUFFIXES)}.")
    return found


def key_of(data: bytes, settings: Json) -> str:
    """The hash of a photograph's bytes and of everything that determines its result."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(data)
    return digest.hexdigest()


def read_photograph(path: Path) -> bytes:
    """A file's bytes. Raises `PhotoTooLarge` for one that cannot be handed on, `PhotoUnreadable`."""
    try:
        if path.stat().st_size > MAX_DATA:
            raise PhotoTooLarge(f"The file has more than {MAX_DATA >> 20} MB.", "Export it smaller.")
        return path.read_bytes()
    except OSError as error:
        raise PhotoUnreadable(f"It cannot be read: {error.strerror}.") from error


class Journal:
    """The results that a folder holds: a line of JSON for each, `name` of the photograph and its `key`.

    A line that was cut short by a crash is one that is not there: its photograph is done again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._folder = folder
        self._keys: dict[str, str] = {}
        if self._path.exists():
            for line in self._path.read_text("utf-8", "replace").splitlines():
                self._take(line)

    def is_done(self, name: str, key: str) -> bool:
        """Whether the photograph's result was made with this key, and is there."""
        return self._keys.get(name) == key and (self._folder / name).is_file()

    def add(self, name: str, key: str) -> None:
        """The result is written."""
        self._keys[name] = key
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps({"name": name, "key": key}) + "\n")

    def _take(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self._keys[str(entry["name"])] = str(entry["key"])
        except (ValueError, KeyError, TypeError):
            return
