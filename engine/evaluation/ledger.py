"""Figures on their way to a table. What was measured is kept at once: an evaluation goes on where it was stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Ledger:
    """A file of JSON lines: the settings first, then an entry for each key. Other settings begin it anew."""

    def __init__(self, path: Path, settings: Json) -> None:
        self._path = path
        self._entries: dict[str, Json] = {}
        lines = _lines(path)
        if lines[:1] == [{"settings": json.loads(json.dumps(settings))}]:
            self._entries = {line["key"]: line["entry"] for line in lines[1:]}
        else:
            path.write_text(json.dumps({"settings": settings}) + "\n", "utf-8")

    def find(self, key: str) -> Json | None:
        """What was measured under this key."""
        return self._entries.get(key)

    def add(self, key: str, entry: Json) -> Json:
        """Keep an entry of numbers, strings and null; returns it as it will be found."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "entry": entry}, allow_nan=False) + "\n")
        self._entries[key] = entry
        return entry


def _lines(path: Path) -> list[Json]:
    """All lines that are whole; one that was cut short ends them, and is cut off."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole, length = [], 0
    for line in data.splitlines(keepends=True):
        try:
            entry = json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        whole.append(entry)
        length += len(line)
    if length < len(data):
        os.truncate(path, length)
    return whole


def mean(values: Sequence[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def said(value: float | None, form: str) -> str:
    """A number, or a dash where it is not known."""
    return "–" if value is None else format(value, form)


def averages(entries: list[Json]) -> dict[str, Json]:
    """Means of every figure over the entries, which all have the same keys."""
    names = entries[0][next(iter(entries[0]))]
    return {key: {name: mean([entry[key][name] for entry in entries]) for name in names} for key in entries[0]}
