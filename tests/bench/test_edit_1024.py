"""The speed measurement, tiny: both sides of each case do the same, and the run says what it found."""

from __future__ import annotations

import pytest
import torch

from tests.bench.cases import CASES, make_picture, make_state
from tests.bench.edit_1024 import Row, main, report

SIZE, WIDEST = 64, 16


@pytest.mark.parametrize("name", CASES)
def test_both_sides_paint_the_same(name: str) -> None:
    state = make_state(SIZE, WIDEST)
    x, step = make_picture(SIZE, 10, WIDEST)
    case = CASES[name]
    with torch.no_grad():
        theirs, ours = (side(state, x, step)() for side in (case.yardstick, case.ours))
    assert theirs.shape == ours.shape == (1, 3, SIZE, SIZE)
    assert theirs.std() > 0.01
    if case.is_equal:
        assert (theirs - ours).abs().max() <= 2e-4
    else:  # frozen: another mask and flow, but the same face
        assert torch.corrcoef(torch.stack([theirs.flatten(), ours.flatten()]))[0, 1] > 0.5


def test_a_row_holds_only_when_it_is_quick_and_equal() -> None:
    def row(ours: float, error: float | None) -> Row:
        return Row("a", 2.0, 4.0, ours, error, (1, 2), 1e9)

    assert row(1.0, 1e-5).holds
    assert row(1.0, None).holds
    assert not row(3.0, 1e-5).holds
    assert not row(1.0, 1e-2).holds
    assert "Not reached: a." in report([row(3.0, None)], 1e10)
    assert "| a | 4.00 s | 1.00 s | 4.0× | ≥ 2× |" in report([row(1.0, None)], 1e10)


def test_a_run(capfd: pytest.CaptureFixture[str]) -> None:
    """With its processes; the ratio of a tiny model says nothing."""
    arguments = ["--size", str(SIZE), "--widest", str(WIDEST), "--rounds", "1", "--case", "generator"]
    assert main(arguments) in (0, 1)
    said = capfd.readouterr().out
    (line,) = (line for line in said.splitlines() if line.startswith("| generator"))
    assert float(line.split("|")[6]) <= 2e-4
    assert "GFLOP/s here" in said
