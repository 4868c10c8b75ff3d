"""Renders by the thousand: shards written atomically, so that a killed run goes on where it stopped.

A folder holds `set.json` (what was asked for) and `shard-00000.npz`, …: arrays of the members of `labels.Render`
along a new first axis, and `index`. A shard is a function of (seed, size, its number) alone, whatever the jobs:
same request, same bytes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.faces import head_data, parameters
from models.faces.labels import Region, Render
from models.faces.render import render
from models.faces.sampling import sample

FORMAT = 1  # raised whenever the same numbers no longer give the same picture
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every archive member: no clock in the bytes


@dataclass(frozen=True)
class Request:
    """A set of renders."""

    count: int
    seed: int
    size: int  # pixels of a side
    shard: int = 64  # pictures in a file

    @property
    def shards(self) -> int:
        """How many files the set has."""
        return -(-self.count // self.shard)

    def indices(self, shard: int) -> range:
        """The faces of one shard."""
        return range(shard * self.shard, min(self.count, (shard + 1) * self.shard))


class OtherSet(ValueError):
    """The folder holds renders of another request."""


def write(request: Request, folder: Path, jobs: int = 1) -> None:
    """Render what is missing in `folder`. Raises OtherSet when it holds something else."""
    folder.mkdir(parents=True, exist_ok=True)
    _claim(request, folder)
    missing = [shard for shard in range(request.shards) if not shard_path(folder, shard).exists()]
    done = sum(len(request.indices(shard)) for shard in range(request.shards) if shard not in set(missing))
    tasks = [(request, folder, shard) for shard in missing]
    with tqdm(total=request.count, initial=done, unit="image", desc=folder.name) as bar:
        for finished in _run(tasks, jobs):
            bar.update(finished)


def _run(tasks: list[tuple[Request, Path, int]], jobs: int) -> Iterator[int]:
    if jobs <= 1 or len(tasks) <= 1:
        yield from map(write_shard, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(min(jobs, len(tasks))) as pool:
        yield from pool.imap_unordered(write_shard, tasks)


def _claim(request: Request, folder: Path) -> None:
    """Write `set.json`, or check that the one there is of the same set; the count may grow by whole shards."""
    path = folder / "set.json"
    described = {
        "format": FORMAT,
        "seed": request.seed,
        "size": request.size,
        "shard": request.shard,
        "parameters": list(parameters.names()),
        "landmarks": list(head_data.load().landmark_names),
        "regions": {region.name.lower(): int(region) for region in Region},
    }
    if path.exists():
        there = json.loads(path.read_text())
        count = there.pop("count")
        if there != described or (count != request.count and (count % request.shard or count > request.count)):
            raise OtherSet(f"{folder} holds other renders (see {path.name}); choose another folder")
    replace_file(path, json.dumps({"count": request.count, **described}, indent=1).encode())


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard lies."""
    return folder / f"shard-{shard:05d}.npz"


def write_shard(task: tuple[Request, Path, int]) -> int:
    """Render one shard and put it in place; returns the number of pictures."""
    request, folder, shard = task
    indices = request.indices(shard)
    renders = [render(sample(request.seed, index), request.size) for index in indices]
    arrays = {
        field.name: np.stack([getattr(picture, field.name) for picture in renders]) for field in fields(Render)
    }
    arrays["index"] = np.array(indices, np.int64)
    replace_file(shard_path(folder, shard), packed(arrays))
    return len(indices)


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    """An `.npz` archive whose bytes depend on the arrays only."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, array in arrays.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue(), zipfile.ZIP_DEFLATED, 4)
    return buffer.getvalue()


def replace_file(path: Path, content: bytes) -> None:
    """All of `content` or nothing new, even when killed or when the power fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read(folder: Path) -> Iterator[Render]:
    """All renders of a folder, in order of their index."""
    for path in sorted(folder.glob("shard-*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            arrays = {field.name: archive[field.name] for field in fields(Render)}
        for k in range(len(arrays["image"])):
            yield Render(**{name: array[k] for name, array in arrays.items()})
