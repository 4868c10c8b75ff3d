"""Batches made one step ahead."""

from __future__ import annotations

import threading

import pytest

from engine.training.ahead import Ahead


def test_the_next_is_made_while_nobody_asks_for_it() -> None:
    made: list[int] = []
    second = threading.Event()

    def make(k: int) -> int:
        made.append(k)
        if k == 1:
            second.set()
        return k * k

    ahead = Ahead(make)
    assert ahead(0) == 0
    assert second.wait(10)
    assert [ahead(1), ahead(2)] == [1, 4]
    assert made[:3] == [0, 1, 2], "each once, in order"
    assert ahead(7) == 49, "another place to go on from"


def test_what_goes_wrong_is_told_when_its_turn_comes() -> None:
    def make(k: int) -> int:
        if k == 1:
            raise ValueError("no such batch")
        return k

    ahead = Ahead(make)
    assert ahead(0) == 0
    with pytest.raises(ValueError, match="no such batch"):
        ahead(1)
