"""Import foreign checkpoints: several files → one model in the home.

    1. a child process (`importers/`), limited and unable to start anything, reads the files and writes
       `model.safetensors` into a hidden folder beside the models
    2. here that file's header is held against the networks that it claims to be (`header.check`)
    3. directions are discovered, if no table of them came along (`first_directions`)
    4. the folder is renamed into place, whole or not at all; models that are installed already stay as they are

`model.json` beside the weights keeps their sha256, for `verify`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import BadRequest, FileUnsafe, ImportRefused, from_dict
from engine.paths import EMBEDDED_MODELS, Home, inside
from engine.weights.directions import TABLE, write_directions
from engine.weights.facts import ModelFacts, facts_of
from engine.weights.first_directions import install_directions
from engine.weights.header import check, read_header
from engine.weights.record import write_record
from engine.weights.store import WEIGHTS, load_model

_READER = Path(__file__).parent / "importers"
_SECONDS = 180
_SECONDS_PER_GIGABYTE = 180
_MOST_FILES = 200
_HIDDEN = ".importing-"
_STALE_SECONDS = 86_400


@dataclass(frozen=True)
class Imported:
    """What an import made. `notes` are sentences about the files that went in."""

    name: str
    folder: Path
    sha256: str
    facts: ModelFacts
    notes: tuple[str, ...]


def import_model(files: Sequence[Path], name: str, home: Home) -> Imported:
    """Read the files and install what they make as `name`.

    Raises:
        BadRequest: the name is unusable or taken, or no file was given.
        ImportRefused: and what is under it; nothing was installed.
    """
    target = free_name(name, home)
    if not 0 < len(files) <= _MOST_FILES:
        raise BadRequest(f"{len(files)} files were given.", f"Give 1 to {_MOST_FILES}.")
    home.create()
    _need_space(files, home)
    with _hidden_folder(home) as hidden:
        report = _read_in_child([file.absolute() for file in files], hidden)
        header = read_header(hidden / WEIGHTS)
        check(header)
        facts = facts_of(header)
        candidate = _candidate(hidden, name, report)
        notes = report["notes"]
        if facts.is_conditional:
            if not (candidate / TABLE).exists():
                write_directions(candidate / TABLE, [])
            load_model(name, Home(hidden), torch.device("cpu"))
        else:
            notes += install_directions(candidate, header)
        try:
            candidate.rename(target)
        except OSError as error:
            raise BadRequest(f"“{name}” could not be made: {error.strerror}.", "Choose another name.") from None
    return Imported(name, target, report["sha256"], facts, tuple(notes))


def free_name(name: str, home: Home) -> Path:
    """The folder that the model will have."""
    target = inside(home.models, name)
    if inside(EMBEDDED_MODELS, name).exists():
        raise BadRequest(f"“{name}” is the name of something that comes with Likeness.", "Choose another name.")
    if target.exists():
        raise BadRequest(
            f"There is a model named “{name}” already.",
            f"Choose another name, or `models remove {name}` first.",
        )
    return target


def _candidate(hidden: Path, name: str, report: dict[str, Any]) -> Path:
    """The model's folder, in a home of its own where it can be tried."""
    folder = inside(Home(hidden).models, name)
    folder.mkdir(parents=True, mode=0o700)
    (hidden / WEIGHTS).rename(folder / WEIGHTS)
    if (hidden / TABLE).exists():
        (hidden / TABLE).rename(folder / TABLE)
    write_record(folder, {"sha256": report["sha256"], "sources": report["sources"]})
    return folder


def _need_space(files: Sequence[Path], home: Home) -> None:
    size = sum(file.stat().st_size for file in files if file.is_file())
    free = shutil.disk_usage(home.models).free
    if free < size + (64 << 20):
        raise ImportRefused(
            f"The model may need {size / 1e9:.1f} GB in {home.models}, and {free / 1e9:.1f} GB are free.",
            "Make space, or set LIKENESS_HOME to a folder on another disk.",
        )


@contextlib.contextmanager
def _hidden_folder(home: Home) -> Iterator[Path]:
    """A folder that no name leads to. What an interrupted import left long ago goes as well."""
    for left in home.models.glob(f"{_HIDDEN}*"):
        if not left.is_symlink() and time.time() - left.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_HIDDEN, dir=home.models))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_in_child(files: list[Path], folder: Path) -> dict[str, Any]:
    """Let a limited process read the files. Raises what it reports, or `FileUnsafe` where it could not."""
    request = {"files": [str(file) for file in files]}
    (folder / "request.json").write_text(json.dumps(request), "utf-8")
    gigabytes = sum(file.stat().st_size for file in files if file.is_file()) >> 30
    seconds = _SECONDS + _SECONDS_PER_GIGABYTE * gigabytes
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-B", str(_READER), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            cwd=folder,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        raise FileUnsafe(f"Reading took more than {seconds} seconds and was stopped.") from None
    try:
        answer = json.loads((folder / "answer.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise FileUnsafe(f"The process that read the files ended without an answer ({_end(child)}).") from None
    if "error" in answer:
        raise from_dict(answer["error"])
    return answer["report"]


def _environment() -> dict[str, str]:
    """What the child needs, and one thread each for the libraries that would start more."""
    kept = ("LIKENESS_HOME", "SYSTEMROOT", "LD_LIBRARY_PATH")
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return {key: os.environ[key] for key in kept if key in os.environ} | threads


def _end(child: subprocess.CompletedProcess[bytes]) -> str:
    """How a process ended, in words."""
    if child.returncode < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-child.returncode).name
    last = child.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return last[0][:200] if last else f"exit code {child.returncode}"
