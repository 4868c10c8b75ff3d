"""The faults, bad inputs and attacks that the project is held to, and the table at a run's end.

A test of row 7 has `_f07_` in its name, wherever it lies; one of several rows names them all, or `_f25_to_f27_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import pytest

ROWS = {
    1: "the worker is killed in mid-job",
    2: "the engine is killed in mid-job",
    3: "engine or worker die at every start",
    4: "the worker hangs and ignores SIGTERM",
    5: "twenty clients start the engine at once",
    6: "a stale socket",
    7: "a stale connection file, its pid somebody else's",
    8: "a socket's path that is too long",
    9: "plug-in and engine of different protocols",
    10: "GIMP is killed in mid-job or with a dialog open",
    11: "the device is lost",
    12: "the engine is upgraded while it runs",
    13: "no token, a wrong one, an impostor",
    14: "another local user",
    15: "a browser on the same machine",
    16: "malformed requests",
    17: "a client that sends one byte a second",
    18: "a client that never reads its answer",
    19: "1,000 idle connections",
    20: "a cancel before, during and after the end",
    21: "a header that claims 65535×65535",
    22: "files and kinds of pixels out of the ordinary",
    23: "no face, many, cut, tiny",
    24: "file names that are not UTF-8, very long, with spaces",
    25: "a pickle that would run code",
    26: "safetensors that lie",
    27: "weights that do not fit",
    28: "names, digests and archives that lead elsewhere",
    29: "a download that is cut, stalls or lies",
    30: "one byte flipped after installing",
    31: "a model is deleted while in use",
    32: "the device is out of memory",
    33: "killed by the host for memory",
    34: "the disk is full",
    35: "a home that is read-only; a log that grows",
    36: "training is killed at any moment",
    37: "the image or layer goes while waiting",
    38: "an error while writing back",
    39: "the dialog's process is killed",
    40: "a call that must not open a window",
    41: "a parasite, preset or inversion that lies",
}

_ROWS_OF = re.compile(r"(?:^|_)f(\d\d)(?:_to_f(\d\d))?(?=_)")


class Outcome(NamedTuple):
    """How the tests of one row ended."""

    passed: int = 0
    failed: int = 0

    @property
    def word(self) -> str:
        return "FAILED" if self.failed else "survived" if self.passed else "not run"


def rows_of(test: str) -> set[int]:
    """The rows that a test is about, by its node id."""
    name = test.partition("[")[0].rpartition("::")[2]
    ranges = [(int(first), int(last or first)) for first, last in _ROWS_OF.findall(name)]
    return {row for first, last in ranges for row in range(first, last + 1)}


def outcomes(passed: Iterable[str], failed: Iterable[str]) -> dict[int, Outcome]:
    """Of every row, from the node ids of the tests that passed and failed."""
    found = dict.fromkeys(ROWS, Outcome())
    for test in passed:
        for row in rows_of(test):
            found[row] = Outcome(found[row].passed + 1, found[row].failed)
    for test in failed:
        for row in rows_of(test):
            found[row] = Outcome(found[row].passed, found[row].failed + 1)
    return found


def verdict(of_rows: dict[int, Outcome]) -> str:
    """One sentence over the rows; every one has tests, so that only when all have run nothing is lost."""
    words = [outcome.word for outcome in of_rows.values()]
    survived, missing = words.count("survived"), words.count("not run")
    said = f"{survived} of {len(words) - missing} survived"
    if missing:
        said += f", {missing} of {len(words)} did not run"
    return said + (", nothing lost" if survived == len(words) else "")


def write_table(terminal: pytest.TerminalReporter) -> None:
    """The table, when tests of rows have run."""
    stats = terminal.stats
    passed = (report.nodeid for report in stats.get("passed", []))
    failed = (report.nodeid for kind in ("failed", "error") for report in stats.get(kind, []))
    of_rows = outcomes(passed, failed)
    if not any(outcome.word != "not run" for outcome in of_rows.values()):
        return
    terminal.section("Faults", sep="-")
    for row, outcome in of_rows.items():
        if outcome.word != "not run":
            count = f"{outcome.passed} of {outcome.passed + outcome.failed}"
            terminal.line(f"{row:3}  {outcome.word:8}  {count:>9}  {ROWS[row]}", red=bool(outcome.failed))
    missing = [str(row) for row, outcome in of_rows.items() if outcome.word == "not run"]
    if missing:
        terminal.line(f"Rows not run: {', '.join(missing)}.")
    terminal.line(f"{verdict(of_rows)}.", bold=True)
