"""The table of a model's edit directions, `directions.toml`.

[[direction]]
name = "smile"                    # what --set, scripts and presets say
label = "Smile"
group = "Expression"
parameters = { smile = 0.6 }      # what strength 1.0 adds to the generator's parameters, in their units
minimum = -1.5                    # strengths that still look like a photograph
maximum = 1.5
shading = 1.0                     # how much of the generated change of light and colour is taken over
band = 0.012                      # blur of that change, a fraction of the crop's side
iris = [0.0, 0.0]                 # how far the irises move within the eyes, crop units
hint = "…"
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelDamaged


@dataclass(frozen=True)
class Direction:
    """One edit that a model offers. See the module's text for the meaning of the fields."""

    name: str
    label: str
    group: str
    parameters: dict[str, float]
    minimum: float
    maximum: float
    shading: float = 1.0
    band: float = 0.012
    hue: float = 1.0
    iris: tuple[float, float] = (0.0, 0.0)
    hint: str = ""

    def __hash__(self) -> int:
        return hash(self.name)


def _checked(direction: Direction) -> Direction:
    """Raises `ValueError` where a value has the wrong type or is not finite."""
    numbers = (
        direction.minimum,
        direction.maximum,
        direction.shading,
        direction.band,
        direction.hue,
        *direction.iris,
        *direction.parameters.values(),
    )
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise ValueError(f"“{direction.name}” has something in the place of a number")
    if not all(
        isinstance(text, str) for text in (direction.name, direction.label, direction.group, direction.hint)
    ):
        raise ValueError("a name is no text")
    return direction


def read_directions(path: Path, parameter_names: tuple[str, ...]) -> dict[str, Direction]:
    """Read the table, in its order. Raises `ModelDamaged` that names the entry which does not fit the model."""
    try:
        entries: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))["direction"]
        directions = [_checked(Direction(**entry)) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(
            f"The directions in {path.name} cannot be read: {error}.", "Reinstall the model."
        ) from error
    for direction in directions:
        unknown = set(direction.parameters) - set(parameter_names)
        if unknown or not direction.minimum < direction.maximum:
            raise ModelDamaged(
                f"The direction “{direction.name}” does not fit its model ({', '.join(sorted(unknown)) or 'range'}).",
                "Reinstall the model.",
            )
    return {direction.name: direction for direction in directions}
