"""The state of a run in one safetensors file, replaced atomically: after a kill there is the last one or the one before."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors

from engine.errors import BadRequest
from engine.storage import beside


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on: steps done, named tensors, and a description that must be the same."""

    step: int
    tensors: dict[str, torch.Tensor]
    described: str


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write all of it or nothing new."""
    metadata = {"step": str(checkpoint.step), "described": checkpoint.described}
    write_tensors(path, checkpoint.tensors, metadata)


def load(path: Path) -> Checkpoint:
    """Read it. Raises `BadRequest` where the file is missing or damaged."""
    metadata, tensors = _read(path)
    if "step" not in metadata or "described" not in metadata:
        raise BadRequest(f"{path} holds no state of a training run.")
    return Checkpoint(int(metadata["step"]), tensors, metadata["described"])


def read_metadata(path: Path) -> dict[str, str]:
    """A file's metadata. Raises `BadRequest` where it is missing or damaged."""
    return _read(path)[0]


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file as fp32. Raises `BadRequest` where it is missing or damaged."""
    return {key: tensor.float() for key, tensor in _read(path)[1].items()}


def _read(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadRequest(f"{path} cannot be read: {error}.") from error


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file, complete or not there at all, also when the power fails. Same content, same bytes.

    Raises `DiskFull`; the file that was there stays then.
    """
    parts = list(_serialised(tensors, metadata))
    with beside(path, sum(map(len, parts))) as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def _serialised(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> Iterator[bytes]:
    """The file's parts. The library writes metadata in random order, so it is put into the header here."""
    data = save_tensors({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
    length = int.from_bytes(data[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(data[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors stay aligned
    yield len(text).to_bytes(8, "little")
    yield text
    yield data[8 + length :]


def under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The entries whose names begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of `under`."""
    return {prefix + key: value for key, value in tensors.items()}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's moments as named tensors: `{parameter's number}.{moment}`."""
    state = optimiser.state_dict()["state"]
    return {
        f"{number}.{key}": torch.as_tensor(value)
        for number, part in state.items()
        for key, value in part.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """The inverse of `optimiser_tensors`."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def described(*parts: BaseModel | Sequence[str] | Sequence[int] | int | str) -> str:
    """A description of what a run is, to tell one from another. How long it took somewhere is no part of it."""
    plain = [part.model_dump(exclude={"hours"}) if isinstance(part, BaseModel) else part for part in parts]
    return json.dumps(plain, sort_keys=True)


def digest(path: Path) -> str:
    """sha256 of a file. Raises `BadRequest` where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error}.") from error


def average(ema: Iterable[torch.Tensor], live: Iterable[torch.Tensor], share: float) -> None:
    """Move the averaged weights by `share` towards the live ones."""
    with torch.no_grad():
        for averaged, new in zip(ema, live, strict=True):
            averaged.lerp_(new, share)
