"""The brake finds the largest factor that keeps the figure, and nothing looser."""

from __future__ import annotations

import pytest

from engine.editing.brake import HALVINGS, Kept, strongest


def falling(factor: float) -> float:
    """Similarity 1 − 0.5 · factor²: 0.5 at the whole edit."""
    return 1 - 0.5 * factor**2


def test_nothing_is_asked_for() -> None:
    assert strongest(falling, None) == Kept(1.0, 0.5)


def test_what_keeps_it_is_left_alone() -> None:
    assert strongest(falling, 0.5) == Kept(1.0, 0.5)


@pytest.mark.parametrize("least", [0.55, 0.75, 0.9, 0.99])
def test_the_largest_factor(least: float) -> None:
    kept = strongest(falling, least)
    exact = (2 * (1 - least)) ** 0.5
    assert kept.similarity == falling(kept.factor) >= least
    assert exact - 2**-HALVINGS <= kept.factor <= exact


def test_nothing_is_left_where_nothing_keeps_it() -> None:
    assert strongest(lambda factor: 0.3, 0.9) == Kept(0.0, 1.0)
