"""What a user may set: `settings.json` in LIKENESS_HOME. Missing keys take their defaults."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from engine.errors import BadRequest
from engine.paths import Home

# How thoroughly an inversion searches, by name: the `refine_steps` that each stands for.
PRESETS = {"fast": 30, "balanced": 80, "best": 200}


@dataclass(frozen=True)
class Settings:
    """All settings of the engine."""

    model: str = "default"
    threads: int = 0  # of the worker; 0 = what suits the model
    idle_seconds: int = 1800  # the engine exits after this long without a client; 0 = never
    refine_steps: int = PRESETS["balanced"]  # of one inversion
    inversions_megabytes: int = 500  # of the cache; what was not used for longest goes; 0 = no limit
    keep_parasites: bool = True  # store the inversion in the layers that GIMP saves


def load_settings(home: Home) -> Settings:
    """Read the settings. Raises `BadRequest` that names the key which makes no sense."""
    try:
        data = json.loads(home.settings_file.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"The settings file {home.settings_file} cannot be read: {error}.", "Mend or remove it."
        ) from error
    if not isinstance(data, dict):
        raise BadRequest(f"The settings file {home.settings_file} holds no object.", "Mend or remove it.")
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
