"""The table itself."""

from __future__ import annotations

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
    assert verdict(found) == "1 of 2 survived"
    assert verdict(outcomes(["a::test_f01_x", "a::test_f41_x"], [])) == "2 of 2 survived, nothing lost"
