"""A model as one file of our own format, its directions inside; `models import` reads it back as it is."""

from __future__ import annotations

from pathlib import Path

from engine.errors import BadRequest
from engine.paths import Home
from engine.weights.direction_vectors import VECTORS
from engine.weights.directions import TABLE
from engine.weights.importers.files import read_file
from engine.weights.importers.parts import Arrays, arrays_of, under
from engine.weights.importers.write import write_safetensors
from engine.weights.store import WEIGHTS, model_folder


def export_model(name: str, path: Path, home: Home) -> str:
    """Write `path`, whole or not at all, and return its sha256. Raises `UnknownModel`, `BadRequest`, `ImportRefused`."""
    folder = model_folder(name, home)
    if path.suffix != ".safetensors" or path.exists():
        raise BadRequest(
            f"{path.name} exists, or does not end in .safetensors.", "Choose another name for the file."
        )
    content = read_file(folder / WEIGHTS)
    arrays: Arrays = arrays_of(content.value, content.name, "the model")
    if (folder / VECTORS).exists():
        vectors = read_file(folder / VECTORS)
        arrays |= under("directions", arrays_of(vectors.value, vectors.name, "the vectors"))
    metadata = {**content.metadata, "table": (folder / TABLE).read_text("utf-8")}
    new = path.with_name(f".{path.name}.new")
    try:
        digest = write_safetensors(new, arrays, metadata)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return digest
