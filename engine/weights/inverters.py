"""The networks that invert, as training left them: one safetensors file each, its metadata builds the network again.

`format` and `version` as in `FORMAT`; `kind` “encoder”, “samm” or “decomposer”; what the configuration's `metadata` says;
`generator` the digest of the model that it was trained for (encoder, samm), `encoder` that of the encoder (samm);
`parameters` what an encoder's codes are of, `landmark_names` what it reads after the face reader's `FIVE`, JSON lists.
Nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from engine.errors import ModelDamaged
from engine.networks.additive_samm import Aligner, AlignerConfig
from engine.networks.decomposer import Decomposer, DecomposerConfig
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig

FORMAT = {"format": "likeness-inverter", "version": "1"}
_GREATEST_SIZE, _MOST_UNITS, _MOST_SCALES, _MOST_CYCLES, _GREATEST_RADIUS = 1024, 64, 8, 8, 8

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder for use, frozen.

    Attributes:
        digest: sha256 of its file.
        generator: digest of the model that it was trained for.
        parameters: names of a code's numbers; none where a code is a normalised w.
        landmark_names: of the points that it reads after the first five.
    """

    network: ParameterEncoder
    digest: str
    generator: str
    parameters: tuple[str, ...] = ()
    landmark_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainedAligner:
    """A SAMM for use, frozen; `generator` and `encoder` are the digests of what it was trained for."""

    network: Aligner
    generator: str
    encoder: str


def load_encoder(path: Path, device: torch.device) -> TrainedEncoder:
    """Read an encoder. Raises `ModelDamaged` where the file is missing, or does not hold what it promises."""
    with _damage_told(path, "encoder"):
        metadata, state = _read(path, "encoder")
        config = ParameterEncoderConfig.from_metadata(metadata)
        _check_most("size", _GREATEST_SIZE, config.size)
        _check_most("units", _MOST_UNITS, len(config.units), *config.units)
        names = [_names(metadata, key) for key in ("parameters", "landmark_names")]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        network = _built(lambda: ParameterEncoder(config), state, device)
        return TrainedEncoder(network, digest, metadata["generator"], *names)


def load_aligner(path: Path, device: torch.device) -> TrainedAligner:
    """The same for a SAMM."""
    with _damage_told(path, "samm"):
        metadata, state = _read(path, "samm")
        config = AlignerConfig.from_metadata(metadata)
        _check_most("scales", _MOST_SCALES, len(config.scales))
        _check_most("cycles", _MOST_CYCLES, config.cycles)
        network = _built(lambda: Aligner(config), state, device)
        return TrainedAligner(network, metadata["generator"], metadata["encoder"])


def load_decomposer(path: Path, device: torch.device) -> Decomposer:
    """The same for a decomposer, which is for any generator."""
    with _damage_told(path, "decomposer"):
        metadata, state = _read(path, "decomposer")
        config = DecomposerConfig.from_metadata(metadata)
        _check_most("size", _GREATEST_SIZE, config.size)
        _check_most("radii", _GREATEST_RADIUS, *config.radii)
        return _built(lambda: Decomposer(config), state, device)


@contextmanager
def _damage_told(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelDamaged(f"The {kind} {path} cannot be read: {error}.", "Train it again.") from error


def _read(path: Path, kind: str) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        if any(metadata.get(key) != value for key, value in (*FORMAT.items(), ("kind", kind))):
            raise ValueError(f"it is no {kind} of ours, or of another version")
        state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    for key, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{key} holds values that are not finite")
    return metadata, state


def _built(make: Callable[[], Network], state: dict[str, torch.Tensor], device: torch.device) -> Network:
    """The network, frozen. Its shapes are compared before it takes any memory."""
    with torch.device("meta"):
        expected = make().state_dict()
    for key in expected.keys() | state.keys():
        if key not in state or key not in expected or state[key].shape != expected[key].shape:
            raise ValueError(f"{key} does not fit")
    network = make()
    network.load_state_dict(state)
    return network.to(device).eval().requires_grad_(False)


def _check_most(name: str, most: int, *values: int) -> None:
    if max(values) > most:
        raise ValueError(f"{name}: {max(values)} is too much")


def _names(metadata: dict[str, str], key: str) -> tuple[str, ...]:
    names = json.loads(metadata[key])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key} is no list of names")
    return tuple(names)
