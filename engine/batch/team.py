"""Hands tasks out to workers that may be lost, each task done once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.batch.plan import Task, read_photograph
from engine.errors import InternalError, LikenessError, WorkerLost, from_dict

ATTEMPTS = 2  # at a task whose worker is lost; one that kills two is given up

Json = dict[str, Any]


class Worker(Protocol):
    """Something that runs `engine.batch.editor.Editor`. Both methods may be called from different threads."""

    def ask(self, header: Json, data: bytes = b"") -> tuple[Json, bytes]:
        """What the editor answers. Raises `WorkerLost` where it is gone."""
        ...

    def close(self) -> None:
        """End it, whatever it is doing."""
        ...


@dataclass(frozen=True)
class Ended:
    """A task's end: the result's bytes and facts, or why there are none."""

    task: Task
    facts: Json
    data: bytes
    error: LikenessError | None


class Team:
    """So many workers, each with a thread that feeds it. `first` is one that is there already."""

    def __init__(self, start: Callable[[], Worker], first: Worker, count: int) -> None:
        self._start = start
        self._idle = [first]
        self._busy: set[Worker] = set()
        self._lock = threading.Lock()
        self._count = count
        self._stopped = False

    def run(self, tasks: Sequence[Task], request: Json) -> Iterator[Ended]:
        """Edit all photographs as `request` says; they are handed back as they end, in this thread."""
        waiting: queue.SimpleQueue[tuple[Task, int]] = queue.SimpleQueue()
        ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        for task in tasks:
            waiting.put((task, 1))
        for _ in range(min(self._count, len(tasks))):
            threading.Thread(target=self._feed, args=(waiting, ended, request), daemon=True).start()
        for _ in tasks:
            yield ended.get()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._stopped = True
            workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.close()

    def _feed(
        self,
        waiting: queue.SimpleQueue[tuple[Task, int]],
        ended: queue.SimpleQueue[Ended],
        request: Json,
    ) -> None:
        while not self._stopped:
            try:
                task, attempt = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                facts, data = self._edit(task, request)
                ended.put(Ended(task, facts, data, None))
            except WorkerLost as error:
                if attempt < ATTEMPTS:
                    waiting.put((task, attempt + 1))
                else:
                    sentence = f"{ATTEMPTS} workers were lost over this photograph. {error.sentence}"
                    ended.put(Ended(task, {}, b"", WorkerLost(sentence, error.remedy)))
            except LikenessError as error:
                ended.put(Ended(task, {}, b"", error))
            except Exception as error:  # or whoever takes the ends would wait for ever
                mistake = InternalError(f"The engine made a mistake ({error}).", "Please report it.")
                ended.put(Ended(task, {}, b"", mistake))

    def _edit(self, task: Task, request: Json) -> tuple[Json, bytes]:
        data = read_photograph(task.source)
        worker = self._take()
        try:
            facts, result = worker.ask({"edit": request, "name": task.source.name}, data)
        except Exception:  # whatever it was, the next answer might be to this question
            with self._lock:
                self._busy.discard(worker)
            worker.close()
            raise
        with self._lock:
            self._busy.discard(worker)
            self._idle.append(worker)
        return answered(facts), result

    def _take(self) -> Worker:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        worker = worker or self._start()
        with self._lock:
            if not self._stopped:
                self._busy.add(worker)
                return worker
        worker.close()
        raise WorkerLost("The batch was stopped.")


def answered(facts: Json) -> Json:
    """What an editor answered. Raises the error that it names."""
    if "error" in facts:
        raise from_dict(facts["error"])
    return facts
