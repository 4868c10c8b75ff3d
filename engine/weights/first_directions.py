"""The directions that a model has when it is imported: those of its files, and those that are discovered in it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open

from engine.errors import FileUnsupported, ModelDamaged, TensorUnfit
from engine.weights.direction_vectors import write_vectors
from engine.weights.directions import TABLE, Direction, read_directions, write_directions
from engine.weights.header import Header, generator_config
from engine.weights.latents import open_latents
from engine.weights.model_directions import METHODS, ON_IMPORT, discover, with_discovered
from engine.weights.record import keep_checksums
from engine.weights.store import WEIGHTS

FROM_FILES = "From files"
_RANGE = 5.0  # published notebooks go so far in the units of their files
_COMPONENTS = 10

Brought = tuple[dict[str, Direction], dict[str, torch.Tensor]]


def install_directions(folder: Path, header: Header) -> list[str]:
    """Write table and vectors of a model without known parameters. Sentences about it.

    A table that came with it decides; what it does not mention is added. Without one, directions are discovered.

    Raises:
        FileUnsupported: the table does not fit the model. TensorUnfit: nor do GANSpace's components.
    """
    directions, vectors = _brought(folder, header)
    notes = []
    if (folder / TABLE).exists():
        try:
            given = read_directions(folder / TABLE, (), vectors, generator_config(header).num_ws)
        except ModelDamaged as error:
            raise FileUnsupported(error.sentence, "Give a table of this model's directions, or none.") from None
        mentioned = {direction.vector for direction in given.values()}
        directions = given | {k: d for k, d in directions.items() if d.vector not in mentioned}
    else:
        found, notes = discover(open_latents(folder, header), METHODS["both"], ON_IMPORT)
        found = [one for one in found if one.direction.vector not in vectors]
        directions = with_discovered(directions, found)
        vectors |= {one.direction.vector: one.vector for one in found}
        notes.append(
            f"{len(found)} directions were discovered; `models directions NAME --strips DIR` shows them, and "
            "`--discover both` names what our face reader recognises."
        )
    write_vectors(folder, vectors)
    write_directions(folder / TABLE, directions.values())
    keep_checksums(folder)
    return notes


def _brought(folder: Path, header: Header) -> Brought:
    """What came in files, in the files' own units; GANSpace's components in standard deviations."""
    num_ws = generator_config(header).num_ws
    directions, vectors = {}, {}
    with safe_open(folder / WEIGHTS, "pt") as file:
        for key in header.state:
            if key.startswith("directions."):
                name = key.removeprefix("directions.")
                vectors[name] = file.get_tensor(key).float()
                directions[name] = _direction(name, num_ws, 1.0)
        if "components.comp" in header.state:
            comp, std = (file.get_tensor(f"components.{key}").float() for key in ("comp", "std"))
            if comp.ndim != 2 or std.shape != comp.shape[:1]:
                raise TensorUnfit(
                    "components.comp and components.std do not fit together.", "Give another file."
                )
            for index in range(min(_COMPONENTS, len(comp))):
                name = f"ganspace-{index + 1}"
                vectors.setdefault(name, comp[index : index + 1].clone())
                directions.setdefault(name, _direction(name, num_ws, std[index].item()))
    return directions, vectors


def _direction(name: str, num_ws: int, scale: float) -> Direction:
    label = name.replace("-", " ").capitalize()
    return Direction(name, label, FROM_FILES, {}, -_RANGE, _RANGE, vector=name, layers=(0, num_ws), scale=scale)
