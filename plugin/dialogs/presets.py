"""Sliders that a person saved under a name, and those of the last Apply: `presets.json` in the home. Without Qt.

{"format": "likeness-presets", "version": 1,
 "presets": [{"name": "Holiday", "edits": {"smile": 1.2}}],
 "last": {"smile": 0.8}}
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import BadRequest
from plugin.likeness.words import _

FORMAT, VERSION = "likeness-presets", 1
MOST_BYTES = 1_000_000
MOST_PRESETS, MOST_EDITS, LONGEST_NAME = 200, 200, 60
LIMIT = 10.0  # of a strength, in the protocol
REMEDY = _("Mend or remove the file; until then nothing is saved into it.")

Edits = Mapping[str, float]


@dataclass(frozen=True)
class Presets:
    """`named` in the order of their names; `last` is None before the first Apply."""

    named: Mapping[str, Edits]
    last: Edits | None = None

    def with_preset(self, name: str, edits: Edits) -> Presets:
        """One more, or another in the place of one that has the name. Raises `BadRequest`."""
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME:
            raise BadRequest(
                _("A preset's name has 1 to {longest_name} letters.").format(longest_name=LONGEST_NAME),
                _("Choose another name."),
            )
        named = {**self.named, name: dict(edits)}
        if len(named) > MOST_PRESETS:
            raise BadRequest(
                _("There are {most_presets} presets already.").format(most_presets=MOST_PRESETS),
                _("Delete one that is not needed."),
            )
        return replace(self, named={key: named[key] for key in sorted(named, key=str.casefold)})

    def without(self, name: str) -> Presets:
        return replace(self, named={key: edits for key, edits in self.named.items() if key != name})

    def with_last(self, edits: Edits) -> Presets:
        return replace(self, last=dict(edits))


def load_presets(path: Path) -> Presets:
    """What is saved; nothing where there is no file. Raises `BadRequest` that says what is wrong with it."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(_("it is too large"))
        return _read(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Presets({})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        what = _("{error} is missing").format(error=error) if isinstance(error, KeyError) else error
        raise BadRequest(
            _("The saved presets in {path} cannot be read: {what}.").format(path=path, what=what), REMEDY
        ) from error


def save_presets(path: Path, presets: Presets) -> None:
    """Whole or not at all, for this user's eyes only. Raises `BadRequest` when it cannot be written."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "presets": [{"name": name, "edits": dict(edits)} for name, edits in presets.named.items()],
        "last": None if presets.last is None else dict(presets.last),
    }
    part = None
    try:
        descriptor, part = tempfile.mkstemp(prefix=".presets-", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except OSError as error:
        if part is not None:
            Path(part).unlink(missing_ok=True)
        raise BadRequest(
            _("The presets cannot be saved: {strerror}.").format(strerror=error.strerror),
            _("Look after {parent}.").format(parent=path.parent),
        ) from error


def _read(content: Any) -> Presets:
    """Raises `ValueError`, `TypeError`, `KeyError` or `AttributeError` for anything but presets."""
    if content["format"] != FORMAT:
        raise ValueError(_("it is something else"))
    if content["version"] != VERSION:
        raise ValueError(
            _("its format version is {version!r}, this program reads {version_2}").format(
                version=content["version"], version_2=VERSION
            )
        )
    presets = Presets({}, None if content["last"] is None else _edits(content["last"]))
    for entry in content["presets"]:
        if not isinstance(entry["name"], str):
            raise ValueError(_("a preset has no name"))
        presets = presets.with_preset(entry["name"], _edits(entry["edits"]))
    return presets


def _edits(content: dict[str, Any]) -> dict[str, float]:
    if len(content) > MOST_EDITS:
        raise ValueError(_("a preset has too many sliders"))
    edits = {str(name)[:LONGEST_NAME]: float(strength) for name, strength in content.items()}
    if not all(math.isfinite(strength) and abs(strength) <= LIMIT for strength in edits.values()):
        raise ValueError(_("a preset goes beyond ±{limit:g}").format(limit=LIMIT))
    return edits
