"""The table itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.rows import ROWS, outcomes, rows_of, verdict


@pytest.mark.parametrize(
    ("test", "rows"),
    [
        ("tests/a.py::test_f07_a_stale_file", {7}),
        ("tests/a.py::TestThing::test_f16_f21_pictures[_f01_]", {16, 21}),
        ("tests/a.py::test_f25_to_f27_refused[x]", {25, 26, 27}),
        ("tests/test_f09_x.py::test_if07_of_12", set()),
    ],
)
def test_names(test: str, rows: set[int]) -> None:
    assert rows_of(test) == rows


def test_one_failure_is_a_row_lost() -> None:
    found = outcomes(["a::test_f01_x", "a::test_f02_x", "a::test_f02_y"], ["a::test_f02_z"])
    assert [row for row in ROWS if found[row].word == "survived"] == [1]
    assert [row for row in ROWS if found[row].word == "FAILED"] == [2]
    assert verdict(found) == f"1 of 2 survived, {len(ROWS) - 2} of {len(ROWS)} did not run"


def test_nothing_is_lost_only_when_all_have_run() -> None:
    everything = [f"a::test_f{row:02}_x" for row in ROWS]
    count = len(ROWS)
    assert verdict(outcomes(everything, [])) == f"{count} of {count} survived, nothing lost"
    assert (
        verdict(outcomes(everything[1:], []))
        == f"{count - 1} of {count - 1} survived, 1 of {count} did not run"
    )
    assert verdict(outcomes(everything, everything[:1])) == f"{count - 1} of {count} survived"


def test_every_row_has_tests() -> None:
    """So a row that did not run is one that was left out."""
    sources = (path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    names = {name for source in sources for name in re.findall(r"def (test_\w+)", source)}
    assert {row for name in names for row in rows_of(name)} == set(ROWS)
