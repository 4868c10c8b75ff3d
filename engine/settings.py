"""What a user may set: `settings.json` in LIKENESS_HOME. Missing keys take their defaults.

The file is one JSON object: `"format": 1` and the fields of `Settings`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from engine.errors import BadRequest
from engine.paths import Home
from engine.storage import write_whole

FORMAT = 1  # of the file

# How thoroughly an inversion searches, by name: the `refine_steps` that each stands for.
PRESETS = {"fast": 30, "balanced": 80, "best": 200}


@dataclass(frozen=True)
class Settings:
    """All settings of the engine."""

    model: str = "default"
    threads: int = 0  # of the worker; 0 = what suits the model
    device: str = "auto"  # of large generators: cuda, mps, cpu; auto = the best that is there
    memory_megabytes: int = 0  # that the worker may take; 0 = no limit of ours
    idle_seconds: int = 1800  # the engine exits after this long without a client; 0 = never
    refine_steps: int = PRESETS["balanced"]  # of one inversion
    inversions_megabytes: int = 500  # of the cache; what was not used for longest goes; 0 = no limit
    inversions_days: int = 90  # what was not used for longer goes; 0 = no limit
    keep_parasites: bool = True  # store the inversion in the layers that GIMP saves


def load_settings(home: Home) -> Settings:
    """Read the settings. Raises `BadRequest` that names the key which makes no sense."""
    return _settings(_read(home))


def change_settings(home: Home, **changes: Any) -> None:
    """Write some settings, whole or not at all; all else in the file stays.

    Raises `BadRequest` as `load_settings`, also for a change that makes no sense, and `DiskFull`.
    """
    changed = _read(home) | {"format": FORMAT} | changes
    _settings(changed)
    write_whole(home.settings_file, json.dumps(changed, indent=1).encode())


def _read(home: Home) -> dict[str, Any]:
    """What the file holds. One without a format was written by hand, in the first."""
    try:
        data = json.loads(home.settings_file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadRequest(
            f"The settings file {home.settings_file} cannot be read: {error}.", "Mend or remove it."
        ) from error
    if not isinstance(data, dict):
        raise BadRequest(f"The settings file {home.settings_file} holds no object.", "Mend or remove it.")
    if data.get("format", FORMAT) != FORMAT:
        raise BadRequest(
            f"The settings file {home.settings_file} is of format {data['format']!r}; this version of Likeness "
            f"reads format {FORMAT}.",
            "Remove it, or use the version that wrote it.",
        )
    return data


def _settings(data: dict[str, Any]) -> Settings:
    return Settings(
        **{f.name: _checked(f.name, f.default, data[f.name]) for f in fields(Settings) if f.name in data}
    )


def _checked(name: str, default: Any, value: Any) -> Any:
    if type(value) is not type(default) or (isinstance(value, int) and value < 0):
        raise BadRequest(
            f"The setting “{name}” is {value!r}; a {type(default).__name__} like {default!r} belongs there.",
            "Mend settings.json.",
        )
    return value
