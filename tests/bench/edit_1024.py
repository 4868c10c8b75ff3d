"""Speed at full size: ratios against the yardstick, in one run.

    python -m tests.bench.edit_1024 [--size 1024] [--rounds 5] [--case NAME …]

For every case two processes are started, the yardstick's with torch's and the system's defaults, ours as the worker
runs (its allocator, waiting threads that sleep). They take turns; medians are compared, so trust the ratios. Beside
them stand the largest difference of the pictures where both must be equal, each process's peak memory, and what part
of the machine's measured peak ours reaches: a matrix product's rate, against the arithmetic that the yardstick does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.flop_counter import FlopCounterMode

from engine.worker.__main__ import _keep_memory, _libc
from tests.bench.cases import CASES, make_picture, make_state

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 2e-4
PRODUCT = 2048  # side of the matrices
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}  # as engine/service/worker_process.py
WIDEST = 512


@dataclass(frozen=True)
class Row:
    """A case's figures: seconds, bytes; `error` is None where both need not be equal; `rate` in FLOP/s of ours."""

    name: str
    least: float
    yardstick: float
    ours: float
    error: float | None
    peaks: tuple[int, int]
    rate: float

    @property
    def ratio(self) -> float:
        return self.yardstick / self.ours

    @property
    def holds(self) -> bool:
        return self.ratio >= self.least and (self.error is None or self.error <= TOLERANCE)

    def line(self, peak: float) -> str:
        equal = "" if self.error is None else f"{self.error:.0e}"
        memory = " / ".join(f"{one / 1e9:.2f}" for one in self.peaks)
        return (
            f"| {self.name} | {self.yardstick:.2f} s | {self.ours:.2f} s | {self.ratio:.1f}× | ≥ {self.least:g}× | "
            f"{equal} | {memory} GB | {self.rate / peak:.0%} |"
        )


class Runner:
    """One side of a case, in a process of its own. `once` runs it."""

    def __init__(self, side: str, case: str, checkpoint: Path, size: int) -> None:
        command = [sys.executable, "-m", "tests.bench.edit_1024", "--side", side, "--case", case]
        command += ["--checkpoint", str(checkpoint), "--size", str(size)]
        environment = os.environ | (QUIET if side == "ours" else {})
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input ends it

    def ask(self, word: str) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def serve(side: str, name: str, checkpoint: Path, size: int) -> None:
    """Answer the words `once` (seconds), `peak` (bytes), `flop`, and a path to write the picture to."""
    if side == "ours":
        _keep_memory(_libc())
    state = load_file(checkpoint)
    average = state["avg_latent"]
    num_ws = 2 * (size.bit_length() - 1) - 2
    x, step = make_picture(size, num_ws, average.shape[-1])
    with torch.no_grad():
        run = getattr(CASES[name], side)(state, x, step)
        del state
        for word in map(str.strip, sys.stdin):
            print(json.dumps(_answered(word, run)), flush=True)


def _answered(word: str, run: Any) -> Any:
    if word == "peak":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if word == "flop":
        with FlopCounterMode(display=False) as counted:
            run()
        return counted.get_total_flops()
    begun = time.perf_counter()
    picture = run()
    seconds = time.perf_counter() - begun
    if word != "once":
        save_file({"picture": picture.contiguous()}, word)
    return seconds


def compared(name: str, checkpoint: Path, size: int, rounds: int) -> Row:
    """Time one case."""
    case = CASES[name]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        sides = [stack.enter_context(Runner(side, name, checkpoint, size)) for side in ("yardstick", "ours")]
        for i, side in enumerate(sides):  # warms up, too
            side.ask(f"{folder}/{i}.safetensors")
        first, second = (load_file(f"{folder}/{i}.safetensors")["picture"] for i in (0, 1))
        seconds = [[side.ask("once") for side in sides] for _ in range(rounds)]
        theirs, ours = (median(column) for column in zip(*seconds, strict=True))
        peaks = tuple(side.ask("peak") for side in sides)
        flop = sides[0].ask("flop")
    error = float((first - second).abs().max()) if case.is_equal else None
    return Row(name, case.least, theirs, ours, error, (peaks[0], peaks[1]), flop / ours)


def measured_peak() -> float:
    """FLOP/s of a matrix product: the best of ten."""
    a = torch.randn(PRODUCT, PRODUCT)
    best = float("inf")
    for _ in range(10):
        begun = time.perf_counter()
        torch.mm(a, a)
        best = min(best, time.perf_counter() - begun)
    return 2 * PRODUCT**3 / best


def report(rows: list[Row], peak: float) -> str:
    """A table, and what it says."""
    lines = [
        "| case | yardstick | ours | ratio | wanted | difference | peak memory, both | of the yardstick's work at peak |",
        "|---|---|---|---|---|---|---|---|",
        *(row.line(peak) for row in rows),
        "",
        f"A product of {PRODUCT}² matrices runs at {peak / 1e9:.0f} GFLOP/s here, {torch.get_num_threads()} threads.",
    ]
    missed = [row.name for row in rows if not row.holds]
    return "\n".join([*lines, f"Not reached: {', '.join(missed)}." if missed else "All are reached."])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="of the generator, px")
    parser.add_argument(
        "--widest", type=int, default=WIDEST, help="channels, at most; less only to try this program"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--side", choices=("yardstick", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--checkpoint", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        serve(options.side, options.case[0], options.checkpoint, options.size)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.safetensors"
        save_file(make_state(options.size, options.widest), checkpoint)
        names = options.case or list(CASES)
        rows = [compared(name, checkpoint, options.size, options.rounds) for name in names]
    print(report(rows, measured_peak()))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
