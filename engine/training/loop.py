"""The loop around every training run: progress, log, pictures, checkpoints, going on after a kill."""

from __future__ import annotations

import csv
import io
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from tqdm import tqdm

from engine.errors import BadRequest
from engine.training import checkpoint
from engine.training.parallel import Team

STATE, WEIGHTS, LOG = "state.safetensors", "weights.safetensors", "log.csv"


class Task(Protocol):
    """One stage of training. `step(k)` depends on k and on the state alone."""

    steps: int
    batch: int
    described: str  # a run may only be resumed by a task of the same description

    def step(self, k: int) -> dict[str, float]:
        """Do step number k on the global batch number k; returns its figures."""
        ...

    def look(self, picture: Path) -> dict[str, float]:
        """Measure on what is held out, and draw a picture of it."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """All that changes."""
        ...

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        ...

    def write_weights(self, path: Path) -> None:
        """What the stage was for."""
        ...


@dataclass(frozen=True)
class Habits:
    """How often things are done; none of it changes the result.

    Attributes:
        checkpoint_seconds: between two checkpoints; LIKENESS_CHECKPOINT_SECONDS sets it.
        look_seconds: between two measurements with a picture.
        log_steps: between two entries in the log; LIKENESS_LOG_STEPS sets it.
    """

    checkpoint_seconds: float = field(
        default_factory=lambda: float(os.environ.get("LIKENESS_CHECKPOINT_SECONDS", "300"))
    )
    look_seconds: float = 600
    log_steps: int = field(default_factory=lambda: int(os.environ.get("LIKENESS_LOG_STEPS", "20")))


def run(task: Task, folder: Path, resume: bool, team: Team, habits: Habits | None = None) -> None:
    """Train until the end, from the beginning or from the last checkpoint.

    Raises:
        BadRequest: the folder holds a run and `resume` was not asked for, or it holds another run.
    """
    habits = habits or Habits()
    if _is_done(task, folder):
        return
    first = _begin(task, folder, resume, team)
    log = _Log(folder / LOG, first) if team.leads else None
    bar = tqdm(
        total=task.steps * task.batch, initial=first * task.batch, unit="image", desc=folder.name,
        disable=not team.leads,
    )  # fmt: skip
    saved = looked = time.monotonic()
    with bar:
        for k in range(first, task.steps):
            figures = task.step(k)
            bar.update(task.batch)
            if log and (k + 1) % habits.log_steps == 0:
                log.add(k + 1, figures)
                bar.set_postfix({name: f"{value:.4g}" for name, value in figures.items()})
            now = time.monotonic()
            if team.leads and now - looked > habits.look_seconds:
                _look(task, folder, k + 1, log)
                looked = time.monotonic()
            if team.leads and now - saved > habits.checkpoint_seconds:
                _save(task, folder, k + 1, log)
                saved = time.monotonic()
    if team.leads:
        _look(task, folder, task.steps, log)
        _save(task, folder, task.steps, log)
        task.write_weights(folder / WEIGHTS)
    team.wait()  # for what the next stage starts from


def _is_done(task: Task, folder: Path) -> bool:
    """Whether the stage has left its weights. Raises `BadRequest` where another one has."""
    weights = folder / WEIGHTS
    if not weights.exists():
        return False
    if checkpoint.read_metadata(weights).get("described") != task.described:
        raise BadRequest(
            f"The weights in {folder} were trained by another recipe or from other weights.",
            "Choose another folder, or remove this one.",
        )
    return True


def _begin(task: Task, folder: Path, resume: bool, team: Team) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / STATE
    if team.leads:
        for left in folder.glob(f".{STATE}.*"):  # by a run that was killed while saving
            left.unlink()
    if not state.exists():
        return 0
    if not resume:
        raise BadRequest(
            f"{folder} holds a run already.", "Add --resume to go on with it, or choose another folder."
        )
    there = checkpoint.load(state)
    if there.described != task.described:
        raise BadRequest(
            f"The run in {folder} was begun with another recipe.",
            "Restore that recipe, or choose another folder.",
        )
    task.restore(there.tensors)
    return there.step


def _save(task: Task, folder: Path, step: int, log: _Log | None) -> None:
    """Raises `BadRequest` where training has run away; the checkpoint before stays."""
    if log:
        log.flush()
    tensors = task.state()
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise BadRequest(
            f"Training in {folder} ran away: there are numbers that are not finite at step {step}.",
            "Lower the learning rates; the last checkpoint is from before.",
        )
    checkpoint.save(folder / STATE, checkpoint.Checkpoint(step, tensors, task.described))


def _look(task: Task, folder: Path, step: int, log: _Log | None) -> None:
    figures = task.look(folder / f"sheet-{step:07d}.png")
    if log:
        log.add(step, figures)
    tqdm.write(f"{folder.name} {step}: " + "  ".join(f"{name} {value:.4g}" for name, value in figures.items()))


class _Log:
    """A CSV of (step, figure, value); on resuming, what came after the checkpoint is dropped."""

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        kept = [["step", "figure", "value"]]
        if first and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                kept += [
                    row
                    for row in csv.reader(file)
                    if len(row) == 3 and row[0].isdigit() and int(row[0]) <= first
                ]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(kept)
        temporary = path.with_name(f".{path.name}")
        temporary.write_text(text.getvalue(), "utf-8")
        temporary.replace(path)
        self.pending: list[list[str]] = []

    def add(self, step: int, figures: dict[str, float]) -> None:
        self.pending += [[str(step), name, f"{value:.6g}"] for name, value in figures.items()]
        if len(self.pending) > 40:
            self.flush()

    def flush(self) -> None:
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(self.pending)
        self.pending = []
