"""Whoever wants something of the worker waits here for a turn; the bench keeps one worker alive.

One turn at a time. Questions of a moment come first, then previews, then long jobs, each in their order. When
the worker dies, the turn under way fails at once with `worker_lost` and a new worker starts; one that hangs, or
takes the machine's memory, is ended first. When it dies at every start, the bench gives up, says where the log is,
and tries once more for whoever asks next.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from engine.errors import LikenessError, OutOfMemory, WorkerLost, from_dict
from engine.messages import WorkerStatus
from engine.paths import Home
from engine.service.memory import held_bytes, limit_bytes
from engine.service.worker_process import WorkerProcess
from engine.worker.link import Frame

QUICK_SECONDS = 10.0
QUICK_DEATHS = 5
START_SECONDS = 180.0
CANCEL_SECONDS = 10.0
QUESTION_SECONDS = 600.0
SILENCE_SECONDS = 600.0  # of a worker that has something to do
MEMORY_SECONDS = 1.0
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)

log = logging.getLogger("likeness.service")
Json = dict[str, Any]
OnProgress = Callable[[float, str], None]


class Priority(IntEnum):
    QUESTION = 0
    PREVIEW = 1
    JOB = 2


@dataclass(order=True)
class _Turn:
    priority: Priority
    number: int
    identity: str = field(compare=False)
    header: Json = field(compare=False)
    data: bytes = field(compare=False)
    on_progress: OnProgress = field(compare=False)
    answer: asyncio.Future[Json] = field(compare=False)


class Bench:
    """The queue before the worker, and the worker's keeper. Lives in the service's event loop."""

    def __init__(self, command: list[str], home: Home) -> None:
        self._command = command
        self._home = home
        self._log_file = home.logs / "worker.log"
        self._numbers = itertools.count()
        self._queue: list[_Turn] = []
        self._current: _Turn | None = None
        self._worker: WorkerProcess | None = None
        self._device: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._verdict: LikenessError | None = None  # why we end the worker
        self._memory_limit = limit_bytes()
        self._quick_deaths = 0
        self._proved = False  # this worker has finished a turn
        self._given_up = False
        self._wanted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the worker; what waits has been cancelled before."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    def status(self) -> WorkerStatus:
        if self._worker is None or self._given_up:
            return WorkerStatus(state="stopped" if self._given_up else "starting", pid=None, device=None)
        state = "starting" if self._device is None else "busy" if self._current else "ready"
        return WorkerStatus(state=state, pid=self._worker.pid, device=self._device)

    async def run(self, request: Json, priority: Priority, on_progress: OnProgress) -> Json:
        """Run a request. Cancelling this coroutine cancels the job in the worker. Raises `LikenessError`."""
        return await self._ask("run", {"request": request}, b"", priority, on_progress)

    async def directions(self, model: str | None) -> Json:
        """The worker's `DirectionList`. Raises `LikenessError`."""
        return await self._question("directions", {"model": model})

    async def check_inversion(self, data: bytes) -> Json:
        """Have the worker check a file that may lie, and keep it: its `InversionInfo`. Raises `LikenessError`."""
        return await self._question("check_inversion", {}, data)

    async def _question(self, what: str, more: Json, data: bytes = b"") -> Json:
        try:
            async with asyncio.timeout(QUESTION_SECONDS):
                return await self._ask(what, more, data, Priority.QUESTION, lambda *_: None)
        except TimeoutError:
            raise WorkerLost("The process that computes did not answer in time.", "Try again.") from None

    async def _ask(
        self, what: str, more: Json, data: bytes, priority: Priority, on_progress: OnProgress
    ) -> Json:
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        number = next(self._numbers)
        identity = str(number)  # not the job's: a request that is cancelled and sent again is another turn
        turn = _Turn(priority, number, identity, {what: identity, **more}, data, on_progress, answer)
        heapq.heappush(self._queue, turn)
        self._wanted.set()
        self._next_turn()
        try:
            return await answer
        except asyncio.CancelledError:
            self._abandon(turn)
            raise

    def _next_turn(self) -> None:
        if self._worker and self._device is not None and self._current is None and self._queue:
            turn = self._current = heapq.heappop(self._queue)
            self._worker.send(turn.header, turn.data)
            self._expect_a_sign()

    def _abandon(self, turn: _Turn) -> None:
        """Nobody waits for this turn any more. The next one begins when the worker has let go of it."""
        if turn in self._queue:
            self._queue.remove(turn)
            heapq.heapify(self._queue)
        elif turn is self._current and self._worker:
            self._worker.send({"cancel": turn.identity})
            self._watch(CANCEL_SECONDS)

    # --- the worker's keeper ------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            await self._one_life()
            if self._quick_deaths >= QUICK_DEATHS:
                self._give_up()
                await self._wanted.wait()
                self._given_up = False
                self._quick_deaths = QUICK_DEATHS - 1
            await asyncio.sleep(_PAUSES[min(max(self._quick_deaths - 1, 0), len(_PAUSES) - 1)])

    async def _one_life(self) -> None:
        """Start a worker, serve until it dies, clear up after it."""
        born = time.monotonic()
        self._proved, self._verdict = False, None
        memory = asyncio.create_task(self._limit_memory())
        try:
            self._worker = await WorkerProcess.start(self._command, self._home.root, self._log_file)
            self._watch(START_SECONDS)
            while frame := await self._worker.receive():
                self._received(frame)
        except OSError as error:
            log.error("the worker cannot be started: %s", error)
        finally:
            ready = self._device is not None
            worker, self._worker, self._device = self._worker, None, None
            memory.cancel()
            self._unwatch()
            self._fail_current()
            if worker:
                await worker.end()
        quick = not self._proved and (not ready or time.monotonic() - born < QUICK_SECONDS)
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        log.warning("the worker ended%s", " soon after its start" if quick else "")

    def _received(self, frame: Frame) -> None:
        header, turn = frame.header, self._current
        if "ready" in header:
            self._device = header["device"]
            self._unwatch()
        elif turn and header.get("progress") == turn.identity:
            if not turn.answer.done():
                self._expect_a_sign()
                turn.on_progress(header["fraction"], header["message"])
            return
        elif turn and turn.identity in (header.get("done"), header.get("failed"), header.get("cancelled")):
            self._unwatch()
            self._current, self._proved, self._quick_deaths = None, True, 0
            _settle(turn, header)
            if header.get("error", {}).get("code") == WorkerLost.code:
                self._device = None  # only another process can have it back: nothing more for this one
                self._end_worker(None)
        self._next_turn()

    def _fail_current(self) -> None:
        turn, self._current = self._current, None
        if turn and not turn.answer.done():
            turn.answer.set_exception(
                self._verdict or self._lost("The process that computes ended in the middle of the job.")
            )

    def _lost(self, sentence: str) -> WorkerLost:
        return WorkerLost(sentence, f"It is being started again: try once more. Its log is {self._log_file}.")

    def _give_up(self) -> None:
        self._given_up = True
        self._wanted.clear()
        waiting, self._queue = self._queue, []
        for turn in waiting:
            if not turn.answer.done():
                turn.answer.set_exception(
                    WorkerLost(
                        "The process that computes ends at every start.",
                        f"Its log is {self._log_file}; `python -m engine doctor` says what is missing.",
                    )
                )

    def _expect_a_sign(self) -> None:
        self._watch(SILENCE_SECONDS, self._lost("The process that computes did not get on and was ended."))

    async def _limit_memory(self) -> None:
        while self._memory_limit:
            await asyncio.sleep(MEMORY_SECONDS)
            if self._worker and held_bytes(self._worker.pid) > self._memory_limit:
                self._end_worker(
                    OutOfMemory(
                        f"The process that computes took more than {self._memory_limit / 1e9:.1f} GB of memory "
                        "and was ended.",
                        "Close other programs, or take a smaller picture or model.",
                    )
                )
                return

    def _watch(self, seconds: float, verdict: LikenessError | None = None) -> None:
        """End the worker unless it does within `seconds` what is expected of it; its turn fails with `verdict`."""
        self._unwatch()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._end_worker, verdict)

    def _unwatch(self) -> None:
        if self._deadline:
            self._deadline.cancel()

    def _end_worker(self, verdict: LikenessError | None) -> None:
        if self._worker:
            self._verdict = verdict
            self._worker.stop()


def _settle(turn: _Turn, header: Json) -> None:
    if turn.answer.done():
        return
    if "done" in header:
        turn.answer.set_result(header["result"])
    elif "failed" in header:
        turn.answer.set_exception(from_dict(header["error"]))
    else:
        turn.answer.cancel()
