"""Names and shapes of the public full-size checkpoints, without their weights."""

import json
from pathlib import Path

import torch

_FOLDER = Path(__file__).parent / "checkpoint_shapes"


def read(name: str) -> dict[str, torch.Tensor]:
    """The state dict of a manifest, on the meta device: shapes and no memory."""
    shapes: dict[str, list[int]] = json.loads((_FOLDER / f"{name}.json").read_text())
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


def shapes(state: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}
