"""Feature networks at rest: one safetensors file each, fp16, everything that builds them again in its metadata.

`format` and `version` as in `FORMAT`; `kind` “face” or “identity”; `size` and `embedding` decimal; `channels`,
`attributes`, `landmarks`, `regions` and `shape` JSON lists.
Nothing in a file is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from engine.errors import ModelDamaged
from engine.networks.features import FaceReader, FaceReaderConfig
from engine.networks.identity import IdentityReader, IdentityReaderConfig

FORMAT = {"format": "likeness-features", "version": "1"}
_GREATEST_SIZE, _GREATEST_WIDTH, _MOST_NAMES = 1024, 1024, 1000

Network = TypeVar("Network", bound=nn.Module)


def load_face_reader(path: Path, device: torch.device) -> FaceReader:
    """Read a face reader for use, frozen; `path` is its file, or a folder that holds `face.safetensors`.

    Raises:
        ModelDamaged: the file is missing, or does not hold what it promises.
    """
    return _load(path, "face", device, _face_reader)


def load_identity_reader(path: Path, device: torch.device) -> IdentityReader:
    """The same for an identity reader (`identity.safetensors`)."""
    return _load(path, "identity", device, _identity_reader)


def _face_reader(metadata: dict[str, str]) -> FaceReader:
    return FaceReader(
        FaceReaderConfig(
            _size(metadata),
            _channels(metadata),
            _names(metadata, "attributes"),
            _names(metadata, "landmarks"),
            _names(metadata, "regions"),
        )
    )


def _identity_reader(metadata: dict[str, str]) -> IdentityReader:
    embedding = int(metadata["embedding"])
    if embedding > _GREATEST_WIDTH:
        raise ValueError(f"an embedding of {embedding} numbers is too long")
    return IdentityReader(
        IdentityReaderConfig(_size(metadata), _channels(metadata), embedding, _names(metadata, "shape"))
    )


def _load(path: Path, kind: str, device: torch.device, build: Callable[[dict[str, str]], Network]) -> Network:
    file = path / f"{kind}.safetensors" if path.is_dir() else path
    try:
        metadata, state = _read(file, kind)
        network = build(metadata)
        network.load_state_dict(state)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelDamaged(f"The {kind} network {file} cannot be read: {error}.", "Reinstall it.") from error
    return network.to(device).eval().requires_grad_(False)


def _read(path: Path, kind: str) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        if any(metadata.get(key) != value for key, value in (*FORMAT.items(), ("kind", kind))):
            raise ValueError(f"it is no {kind} network of ours, or of another version")
        state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    for key, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{key} holds values that are not finite")
    return metadata, state


def _size(metadata: dict[str, str]) -> int:
    size = int(metadata["size"])
    if size > _GREATEST_SIZE:
        raise ValueError(f"pictures of {size} pixels are too large")
    return size


def _channels(metadata: dict[str, str]) -> tuple[int, ...]:
    channels = json.loads(metadata["channels"])
    if not isinstance(channels, list) or not 1 <= len(channels) <= 8:
        raise ValueError("channels is no list of widths")
    if not all(isinstance(width, int) and 0 < width <= _GREATEST_WIDTH for width in channels):
        raise ValueError("channels holds what is no width")
    return tuple(channels)


def _names(metadata: dict[str, str], key: str) -> tuple[str, ...]:
    names = json.loads(metadata[key])
    if not isinstance(names, list) or len(names) > _MOST_NAMES or not all(isinstance(n, str) for n in names):
        raise ValueError(f"{key} is no list of names")
    return tuple(names)
