"""Reading a network's weights from a safetensors file whose path the caller names."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from engine.errors import ModelDamaged

REMEDY = "Install Likeness again, or restore the file from its repository."

Module = TypeVar("Module", bound=nn.Module)


def load_weights(network: Module, path: Path | str) -> Module:
    """Fill `network` from the safetensors file at `path`; returns it frozen and in evaluation mode.

    Gradients still flow through a frozen network to its input.

    Raises:
        ModelDamaged: no such file, not safetensors, or not exactly the network's tensors (names, shapes, finite
            numbers).
    """
    name = Path(path).name
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelDamaged(f"The model file “{name}” cannot be read ({error}).", REMEDY) from error
    expected = network.state_dict()
    for key in sorted(expected.keys() | tensors.keys()):
        if key not in tensors:
            raise ModelDamaged(f"The model file “{name}” lacks the tensor {key}.", REMEDY)
        if key not in expected:
            raise ModelDamaged(f"The model file “{name}” holds an unknown tensor {key}.", REMEDY)
        if tensors[key].shape != expected[key].shape:
            shapes = f"{tuple(tensors[key].shape)} instead of {tuple(expected[key].shape)}"
            raise ModelDamaged(f"In the model file “{name}” the tensor {key} has the shape {shapes}.", REMEDY)
        if not torch.isfinite(tensors[key]).all():
            raise ModelDamaged(f"In the model file “{name}” the tensor {key} holds invalid numbers.", REMEDY)
    network.load_state_dict(tensors)
    for parameter in network.parameters():
        if parameter.ndim == 4:  # our networks run channels-last
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)
