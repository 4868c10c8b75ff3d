"""Batches made one step ahead."""

from __future__ import annotations

import threading

import pytest

from engine.training.ahead import Ahead


def test_the_next_is_made_while_nobody_asks_for_it() -> None:
    made: list[int] = []
    first_is_there, second_is_made = threading.Event(), threading.Event()

    def make(k: int) -> int:
        if k == 1:
            assert first_is_there.wait(10), "the first does not wait for the second"
            second_is_made.set()
        made.append(k)
        return k * k

    ahead = Ahead[int](9)
    assert ahead(make, 0) == 0
    first_is_there.set()
    assert second_is_made.wait(10)
    assert [ahead(make, 1), ahead(make, 2)] == [1, 4]
    assert made[:3] == [0, 1, 2], "each once, in order"
    assert ahead(make, 7) == 49, "another place to go on from"


def test_nothing_is_made_beyond_the_end() -> None:
    made: list[int] = []
    ahead = Ahead[None](2)
    ahead(made.append, 0)
    ahead(made.append, 1)
    ahead(made.append, 1)  # the only thread: whatever had been ordered before is done
    assert made == [0, 1, 1]


def test_what_goes_wrong_is_told_when_its_turn_comes() -> None:
    def make(k: int) -> int:
        if k == 1:
            raise ValueError("no such batch")
        return k

    ahead = Ahead[int](9)
    assert ahead(make, 0) == 0
    with pytest.raises(ValueError, match="no such batch"):
        ahead(make, 1)
