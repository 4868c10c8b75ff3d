"""Renders by the thousand: shards written atomically, so that a killed run goes on where it stopped.

A folder holds `set.json` (what was asked for) and `shard-00000.npz`, …: arrays of the members of the set's record
(`labels.Render` or `labels.Composition`) along a new first axis, and `index`. A shard is a function of (kind, seed,
size, views, its number) alone, whatever the jobs: same request, same bytes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from tqdm import tqdm

from models.faces import head_data, parameters
from models.faces.compositions import compose
from models.faces.labels import Composition, OccluderKind, Region, Render
from models.faces.render import render
from models.faces.sampling import sample_view

FORMAT = 2  # raised whenever the same numbers no longer give the same picture
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every archive member: no clock in the bytes


Record = TypeVar("Record", Render, Composition)


@dataclass(frozen=True)
class SetKind(Generic[Record]):
    """What the pictures of a set are, and how one is made."""

    name: str  # in set.json
    record: type[Record]
    make: Callable[[Request, int], Record]  # of its index


@dataclass(frozen=True)
class Request:
    """How many pictures of which seed and size."""

    count: int
    seed: int
    size: int  # pixels of a side
    views: int = 1  # consecutive pictures that show one head
    shard: int = 64  # pictures in a file

    @property
    def shards(self) -> int:
        """How many files the set has."""
        return -(-self.count // self.shard)

    def indices(self, shard: int) -> range:
        """The faces of one shard."""
        return range(shard * self.shard, min(self.count, (shard + 1) * self.shard))


def _rendered(request: Request, index: int) -> Render:
    return render(sample_view(request.seed, *divmod(index, request.views)), request.size)


def _composed(request: Request, index: int) -> Composition:
    return compose(request.seed, index, request.size)


RENDERS = SetKind("renders", Render, _rendered)
COMPOSITIONS = SetKind("compositions", Composition, _composed)


class OtherSet(ValueError):
    """The folder holds pictures of another request or kind."""


def write(request: Request, folder: Path, jobs: int = 1, kind: SetKind[Any] = RENDERS) -> None:
    """Make what is missing in `folder`. Raises OtherSet when it holds something else."""
    folder.mkdir(parents=True, exist_ok=True)
    _claim(request, folder, kind)
    missing = [shard for shard in range(request.shards) if not shard_path(folder, shard).exists()]
    done = sum(len(request.indices(shard)) for shard in range(request.shards) if shard not in set(missing))
    tasks = [(kind, request, folder, shard) for shard in missing]
    with tqdm(total=request.count, initial=done, unit="image", desc=folder.name) as bar:
        for finished in _run(tasks, jobs):
            bar.update(finished)


Task = tuple[SetKind[Any], Request, Path, int]  # the last is the shard's number


def _run(tasks: list[Task], jobs: int) -> Iterator[int]:
    if jobs <= 1 or len(tasks) <= 1:
        yield from map(write_shard, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(min(jobs, len(tasks))) as pool:
        yield from pool.imap_unordered(write_shard, tasks)


def _claim(request: Request, folder: Path, kind: SetKind[Any]) -> None:
    """Write `set.json`, or check that the one there is of the same set; the count may grow by whole shards."""
    path = folder / "set.json"
    described = {
        "format": FORMAT,
        "kind": kind.name,
        "seed": request.seed,
        "size": request.size,
        "views": request.views,
        "shard": request.shard,
        "parameters": list(parameters.names()),
        "landmarks": list(head_data.load().landmark_names),
        "regions": {region.name.lower(): int(region) for region in Region},
        "occluders": {occluder.name.lower(): int(occluder) for occluder in OccluderKind},
    }
    if path.exists():
        there = json.loads(path.read_text())
        count = there.pop("count", 0)
        if there != described or (count != request.count and (count % request.shard or count > request.count)):
            raise OtherSet(f"{folder} holds another set (see {path.name}); choose another folder")
    replace_file(path, json.dumps({"count": request.count, **described}, indent=1).encode())


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard lies."""
    return folder / f"shard-{shard:05d}.npz"


def write_shard(task: Task) -> int:
    """Make one shard and put it in place; returns the number of pictures."""
    kind, request, folder, shard = task
    indices = request.indices(shard)
    records = [kind.make(request, index) for index in indices]
    arrays = {
        field.name: np.stack([getattr(record, field.name) for record in records])
        for field in fields(kind.record)
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
    """All renders of a folder, in order of their index. Raises OtherSet for a folder of compositions."""
    yield from records(folder, RENDERS)


def read_compositions(folder: Path) -> Iterator[Composition]:
    """All compositions of a folder, in order of their index. Raises OtherSet for a folder of renders."""
    yield from records(folder, COMPOSITIONS)


def records(folder: Path, kind: SetKind[Record]) -> Iterator[Record]:
    """All records of a folder, in order of their index. Raises OtherSet when they are of another kind."""
    described = folder / "set.json"
    found = json.loads(described.read_text()).get("kind", RENDERS.name) if described.exists() else kind.name
    if found != kind.name:
        raise OtherSet(f"{folder} holds {found}, not {kind.name}")
    for path in sorted(folder.glob("shard-*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            arrays = {field.name: archive[field.name] for field in fields(kind.record)}
        for k in range(len(arrays["image"])):
            yield kind.record(**{name: array[k] for name, array in arrays.items()})
