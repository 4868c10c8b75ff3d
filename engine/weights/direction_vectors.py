"""`directions.safetensors`: the vectors of a model's directions in w, beside its table (`directions.py`).

*Convention.* A direction of strength s adds s · scale · vector to the rows `layers` of w_plus, first included, last not.
A vector is [1,w_dim], the same for every row, or [num_ws,w_dim].
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.errors import ModelDamaged
from engine.weights.directions import Direction

VECTORS = "directions.safetensors"
_LARGEST = 64 << 20


def read_vectors(folder: Path, num_ws: int, w_dim: int) -> dict[str, torch.Tensor]:
    """All vectors of a model, float32; none where it has no such file. Raises `ModelDamaged`: says what does not fit."""
    path = folder / VECTORS
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is far too large")
        with safe_open(path, "pt") as file:
            vectors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelDamaged(f"{VECTORS} cannot be read: {error}.", "Import the model again.") from None
    for key, vector in vectors.items():
        if vector.shape not in ((1, w_dim), (num_ws, w_dim)) or not vector.isfinite().all():
            raise ModelDamaged(f"{key} in {VECTORS} does not fit its model.", "Import the model again.")
    return vectors


def write_vectors(folder: Path, vectors: Mapping[str, torch.Tensor]) -> None:
    """Write the file, whole or not at all."""
    new = folder / f".{VECTORS}.new"
    save_file({key: vector.contiguous() for key, vector in vectors.items()}, new)
    new.replace(folder / VECTORS)


def w_plus_step(direction: Direction, vector: torch.Tensor, num_ws: int) -> torch.Tensor:
    """What strength 1.0 adds to w_plus: [num_ws,w_dim]."""
    step = vector.new_zeros(num_ws, vector.shape[1])
    first, end = direction.layers
    step[first:end] = direction.scale * vector.expand(num_ws, -1)[first:end]
    return step
