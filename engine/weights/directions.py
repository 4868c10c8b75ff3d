"""The table of a model's edit directions, `directions.toml`.

[[direction]]
name = "smile"                    # what --set, scripts and presets say
label = "Smile"
group = "Expression"
minimum = -1.5                    # strengths that still look like a photograph
maximum = 1.5
hint = "…"
hidden = false                    # kept, and not offered

# Of a model with known parameters:
parameters = { smile = 0.6 }      # what strength 1.0 adds to the generator's parameters, in their units
shading = 1.0                     # how much of the generated change of light and colour is taken over
band = 0.012                      # blur of that change, a fraction of the crop's side
iris = [0.0, 0.0]                 # how far the irises move within the eyes, crop units

# Of any other StyleGAN2 (`direction_vectors.py`):
vector = "pca-1"                  # its tensor in directions.safetensors, [1,w_dim] or [num_ws,w_dim]
layers = [0, 18]                  # strength 1.0 adds scale · vector to these rows of w_plus, the last one excluded
scale = 1.0
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from engine.errors import ModelDamaged

TABLE = "directions.toml"


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
    vector: str = ""
    layers: tuple[int, int] = (0, 0)
    scale: float = 1.0
    hidden: bool = False

    def __hash__(self) -> int:
        return hash(self.name)


def _checked(entry: dict[str, Any]) -> Direction:
    """Raises `ValueError` where a value has the wrong type or is not finite, `TypeError` for unknown or missing ones."""
    pairs = {key: tuple(entry[key]) for key in ("iris", "layers") if key in entry}
    direction = Direction(**{"parameters": {}, **entry, **pairs})
    numbers = (
        direction.minimum,
        direction.maximum,
        direction.shading,
        direction.band,
        direction.hue,
        direction.scale,
        *direction.iris,
        *direction.layers,
        *direction.parameters.values(),
    )
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise ValueError(f"“{direction.name}” has something in the place of a number")
    texts = (direction.name, direction.label, direction.group, direction.hint, direction.vector)
    if not all(isinstance(text, str) for text in texts) or type(direction.hidden) is not bool:
        raise ValueError("a name is no text, or “hidden” is neither true nor false")
    return direction


def read_directions(
    path: Path, parameter_names: Collection[str], vectors: Collection[str] = (), num_ws: int = 0
) -> dict[str, Direction]:
    """Read the table, in its order. Raises `ModelDamaged` that names the entry which does not fit the model."""
    try:
        return directions_of(path.read_text("utf-8"), parameter_names, vectors, num_ws)
    except OSError as error:
        raise ModelDamaged(f"{path.name} cannot be read: {error.strerror}.", "Reinstall the model.") from error


def directions_of(
    table: str, parameter_names: Collection[str], vectors: Collection[str] = (), num_ws: int = 0
) -> dict[str, Direction]:
    """`read_directions` on the table's text."""
    try:
        directions = [_checked(entry) for entry in tomllib.loads(table)["direction"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(
            f"The table of directions cannot be read: {error}.", "Reinstall the model."
        ) from error
    for direction in directions:
        unknown = set(direction.parameters) - set(parameter_names)
        if direction.vector:
            unknown |= {direction.vector} - set(vectors)
        if unknown or not direction.minimum < direction.maximum or not _has_rows(direction, num_ws):
            raise ModelDamaged(
                f"The direction “{direction.name}” does not fit its model ({', '.join(sorted(unknown)) or 'range'}).",
                "Reinstall the model.",
            )
    return {direction.name: direction for direction in directions}


def offered(directions: Mapping[str, Direction]) -> dict[str, Direction]:
    """Those that are not hidden."""
    return {name: direction for name, direction in directions.items() if not direction.hidden}


def write_directions(path: Path, directions: Iterable[Direction]) -> None:
    """Write the table, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(directions_toml(directions), "utf-8")
    new.replace(path)


def directions_toml(directions: Iterable[Direction]) -> str:
    """The text of a table; what has its default is left out."""
    tables = ["direction = []"]
    for direction in directions:
        tables[0] = ""
        lines = ["[[direction]]"]
        for field in fields(direction):
            value = getattr(direction, field.name)
            if value not in (field.default, {}):
                lines.append(f"{field.name} = {_toml(value)}")
        tables.append("\n".join(lines))
    return "\n\n".join(tables).strip() + "\n"


def _has_rows(direction: Direction, num_ws: int) -> bool:
    if not direction.vector:
        return True
    first, end = direction.layers
    return not direction.parameters and 0 <= first < end <= num_ws


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {number!r}' for name, number in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)
