"""Tasks and workers that are lost: everything once, nothing twice, nothing forgotten."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.batch.plan import Task
from engine.batch.team import ATTEMPTS, Ended, Team
from engine.errors import InternalError, NoFace, WorkerLost

Json = dict[str, Any]


class Crew:
    """Makes workers that turn a photograph's bytes round; `deadly` ones kill them, so many times."""

    def __init__(self, deadly: dict[str, int] | None = None) -> None:
        self.deadly = Counter(deadly or {})
        self.asked: list[str] = []
        self.made: list[FakeWorker] = []
        self.lock = threading.Lock()

    def start(self) -> FakeWorker:
        with self.lock:
            self.made.append(FakeWorker(self))
            return self.made[-1]


class FakeWorker:
    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.closed = False

    def ask(self, header: Json, data: bytes = b"") -> tuple[Json, bytes]:
        assert not self.closed
        name = header["name"]
        with self.crew.lock:
            self.crew.asked.append(name)
            deadly = self.crew.deadly[name] > 0
            self.crew.deadly[name] -= deadly
        if deadly:
            raise WorkerLost("It died.")
        if data == b"garbled":
            raise ValueError("a frame of nonsense")
        if data == b"nobody":
            return {"error": NoFace("No face was found.", "Enlarge it.").to_dict()}, b""
        return {"faces": 1}, data[::-1]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    made = []
    for number in range(12):
        path = tmp_path / f"{number:02}.png"
        path.write_bytes(b"nobody" if number == 5 else f"photograph {number}".encode())
        made.append(Task(path, f"key {number}"))
    return made


def run(crew: Crew, tasks: list[Task], jobs: int) -> dict[str, Ended]:
    team = Team(crew.start, crew.start(), jobs)
    ends = list(team.run(tasks, {"edits": {}}))
    team.close()
    assert len(ends) == len(tasks)
    assert all(worker.closed for worker in crew.made)
    return {ended.task.source.name: ended for ended in ends}


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_once(tasks: list[Task], jobs: int) -> None:
    crew = Crew()
    ends = run(crew, tasks, jobs)
    assert sorted(crew.asked) == sorted(ends)
    assert 1 <= len(crew.made) <= jobs
    assert ends["03.png"].data == b"3 hpargotohp"
    assert isinstance(ends["05.png"].error, NoFace)
    assert sum(ended.error is not None for ended in ends.values()) == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_lost_workers_photograph_is_done_again(tasks: list[Task], jobs: int) -> None:
    crew = Crew({"02.png": 1, "07.png": 1})
    ends = run(crew, tasks, jobs)
    assert Counter(crew.asked) == Counter(dict.fromkeys(ends, 1) | {"02.png": 2, "07.png": 2})
    assert ends["02.png"].data == b"2 hpargotohp"
    assert ends["02.png"].error is None


def test_what_kills_every_worker_is_given_up(tasks: list[Task]) -> None:
    crew = Crew({"02.png": 99})
    ends = run(crew, tasks, 2)
    assert crew.asked.count("02.png") == ATTEMPTS
    assert isinstance(ends["02.png"].error, WorkerLost)
    assert ends["02.png"].error.sentence == "2 workers were lost over this photograph. It died."
    assert ends["11.png"].error is None


def test_a_worker_that_answers_nonsense_is_asked_no_more(tasks: list[Task]) -> None:
    tasks[2].source.write_bytes(b"garbled")
    crew = Crew()
    team = Team(crew.start, crew.start(), 1)
    ends = {ended.task.source.name: ended for ended in team.run(tasks, {})}
    assert [worker.closed for worker in crew.made] == [True, False]
    team.close()
    assert isinstance(ends["02.png"].error, InternalError)
    assert ends["03.png"].data == b"3 hpargotohp"


def test_a_worker_that_starts_after_the_end_is_closed(tasks: list[Task]) -> None:
    crew = Crew({"01.png": 1})
    starting, closing, closed = threading.Event(), threading.Event(), threading.Event()

    class Late(FakeWorker):
        def close(self) -> None:
            super().close()
            closed.set()

    def start() -> FakeWorker:
        starting.set()
        closing.wait(10)
        return Late(crew)

    team = Team(start, crew.start(), 1)
    assert next(team.run(tasks, {})).task is tasks[0]
    assert starting.wait(10)
    team.close()
    closing.set()
    assert closed.wait(10)
    assert crew.asked == ["00.png", "01.png"]


def test_a_file_that_goes_away_is_a_failure_of_its_own(tasks: list[Task]) -> None:
    tasks[4].source.unlink()
    ends = run(Crew(), tasks, 2)
    assert "No such file" in str(ends["04.png"].error)
    assert ends["03.png"].error is None


def test_a_worker_that_cannot_be_started_ends_the_wait(tasks: list[Task]) -> None:
    crew = Crew({"00.png": 1})
    first = crew.start()

    def fail() -> FakeWorker:
        raise OSError("no more processes")

    team = Team(fail, first, 1)
    ends = {ended.task.source.name: ended for ended in team.run(tasks, {})}
    team.close()
    assert all("no more processes" in str(ended.error) for ended in ends.values())
