"""Errands of a dialog: the newest wins, nothing queues, and every errand ends in exactly one way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from plugin.dialogs.lane import Engine, Errand, Lane
from plugin.dialogs.state import Problem
from plugin.likeness.client import EngineProblem
from tests.plugin.fake_client import FakeEngine

SECONDS = 5.0


class Desk:
    """Collects what is posted and runs it in the test's thread."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []
        self.heard: list[object] = []

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < end, self.heard
            while self.calls:
                self.calls.pop(0)()
            time.sleep(0.001)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(np.zeros((8, 8, 3), np.uint8), boxes=[(1, 1, 4, 4)], steps=1)


@pytest.fixture
def lane(desk: Desk, engine: FakeEngine) -> Iterator[Lane]:
    made = Lane("test", engine.connect, desk.calls.append)
    yield made
    engine.gate.set()
    assert made.end(SECONDS)


def errand(desk: Desk, name: int, patience: float = 0.0) -> Errand:
    def work(engine: Engine, event: Callable[[dict], None]) -> int:
        engine.run({"kind": "detect", "name": name}, event)
        return name

    return Errand(
        work,
        done=lambda value, _: desk.heard.append(value),
        failed=lambda problem: desk.heard.append(problem),
        stopped=lambda: desk.heard.append(f"stopped {name}"),
        patience=patience,
    )


def test_an_errand_is_done(desk: Desk, lane: Lane) -> None:
    lane.submit(errand(desk, 1))
    desk.until(lambda: desk.heard == [1])


def test_the_newest_wins_and_nothing_queues(desk: Desk, lane: Lane, engine: FakeEngine) -> None:
    engine.gate.clear()
    lane.submit(errand(desk, 1))
    desk.until(lambda: len(engine.requests) == 1)
    for name in range(2, 30):
        lane.submit(errand(desk, name))
    engine.gate.set()
    desk.until(lambda: 29 in desk.heard)
    assert desk.heard == [29]
    assert engine.cancelled[0]["name"] == 1
    assert len(engine.requests) <= 4


def test_patience_lets_a_quick_errand_finish(desk: Desk, lane: Lane, engine: FakeEngine) -> None:
    engine.gate.clear()
    lane.submit(errand(desk, 1, patience=SECONDS))
    desk.until(lambda: len(engine.requests) == 1)
    lane.submit(errand(desk, 2, patience=SECONDS))
    lane.submit(errand(desk, 3, patience=SECONDS))
    engine.gate.set()
    desk.until(lambda: 3 in desk.heard)
    assert desk.heard == [1, 3]


def test_patience_ends(desk: Desk, lane: Lane, engine: FakeEngine) -> None:
    engine.gate.clear()
    lane.submit(errand(desk, 1, patience=0.05))
    desk.until(lambda: len(engine.requests) == 1)
    lane.submit(errand(desk, 2))
    desk.until(lambda: bool(engine.cancelled))
    engine.gate.set()
    desk.until(lambda: desk.heard == [2])


def test_stopping_is_reported_once(desk: Desk, lane: Lane, engine: FakeEngine) -> None:
    engine.gate.clear()
    lane.submit(errand(desk, 1))
    desk.until(lambda: len(engine.requests) == 1)
    lane.stop()
    desk.until(lambda: desk.heard == ["stopped 1"])
    assert not lane.busy


def test_stopping_before_the_engine_was_asked(desk: Desk, lane: Lane, engine: FakeEngine) -> None:
    """Hung up on before there is a connection: the first event ends it."""
    at_work, may_go = threading.Event(), threading.Event()

    def work(client: Engine, event: Callable[[dict], None]) -> None:
        at_work.set()
        may_go.wait(SECONDS)
        client.run({"kind": "detect"}, event)

    lane.submit(Errand(work, stopped=lambda: desk.heard.append("stopped")))
    assert at_work.wait(SECONDS)
    lane.stop()
    may_go.set()
    desk.until(lambda: desk.heard == ["stopped"])


def test_problems_and_surprises_are_told(desk: Desk, lane: Lane, engine: FakeEngine) -> None:
    engine.problems["detect"] = EngineProblem("no_face", "None here.", "Look elsewhere.")
    lane.submit(errand(desk, 1))
    desk.until(lambda: desk.heard == [Problem("no_face", "None here.", "Look elsewhere.")])
    desk.heard.clear()

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a slip")

    lane.submit(Errand(broken, failed=desk.heard.append))
    desk.until(lambda: bool(desk.heard))
    problem = desk.heard[0]
    assert isinstance(problem, Problem)
    assert "a slip" in problem.sentence


def test_a_lost_engine_is_looked_for_again(desk: Desk, lane: Lane, engine: FakeEngine) -> None:
    engine.problems["connect"] = EngineProblem("engine_unavailable", "No engine is running.")
    lane.submit(errand(desk, 1))
    desk.until(lambda: len(desk.heard) == 1)
    engine.problems.clear()
    lane.submit(errand(desk, 2))
    desk.until(lambda: 2 in desk.heard)


def test_an_ended_lane_says_nothing_more(desk: Desk, engine: FakeEngine) -> None:
    lane = Lane("test", engine.connect, desk.calls.append)
    engine.gate.clear()
    lane.submit(errand(desk, 1))
    desk.until(lambda: len(engine.requests) == 1)
    assert lane.end(SECONDS)
    for call in desk.calls:
        call()
    assert desk.heard == []
