"""A thread that runs errands for a dialog, the newest first and alone. Without Qt.

A lane has one client and so one thing to hang up on. It never queues: an errand that arrives while another is
under way takes the place of whatever waits and cancels what runs. An errand may ask for `patience`: it is let
finish when it ends within so many seconds, so that a slider drawn along shows pictures on its way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from engine.errors import LikenessError
from plugin.dialogs.state import Problem
from plugin.likeness.client import EngineProblem, JobCancelled
from plugin.likeness.words import _, said

Json = dict[str, Any]


class HangsUp(Protocol):
    """What a lane works with: whatever it waits for can be broken off from another thread."""

    def hang_up(self) -> None: ...


class Engine(HangsUp, Protocol):
    """What a dialog needs of `plugin.likeness.client.Client`."""

    def status(self) -> Json: ...
    def directions(self, model: str | None = None, /) -> Json: ...
    def job_request(self, job: str, /) -> Json: ...
    def answer(self, job: str, answer: Json, /) -> None: ...
    def send_picture(self, width: int, height: int, pixel_format: str, pixels: bytes, /) -> Json: ...
    def fetch_picture(self, identity: str, /) -> tuple[Json, bytes]: ...
    def run(self, request: Json, on_event: Callable[[Json], None]) -> Json: ...
    def models(self, request: Json, on_event: Callable[[Json], None]) -> Json: ...


def ignore(*_: Any) -> None:
    """For callbacks that nobody needs."""


@dataclass(frozen=True)
class Errand:
    """`work` runs in the lane's thread and gets its client and a function for events; the callbacks are posted.

    Exactly one of `done(value, seconds)`, `failed`, `stopped` follows; none when a newer errand took its place.
    """

    work: Callable[[Any, Callable[[Json], None]], Any]
    done: Callable[[Any, float], None] = ignore
    failed: Callable[[Problem], None] = ignore
    stopped: Callable[[], None] = ignore
    event: Callable[[Json], None] = ignore
    patience: float = 0.0


class _Run:
    """An errand under way."""

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.started = time.monotonic()
        self.cancelled = False
        self.done_on_the_way = False  # a result within the errand's patience: welcome, whatever came after


class Lane:
    """`connect` makes the client, at the first errand and after the engine was lost; `post` carries a call to
    the thread where the dialog lives."""

    def __init__(
        self, name: str, connect: Callable[[], HangsUp], post: Callable[[Callable[[], None]], None]
    ) -> None:
        self._connect = connect
        self._post = post
        self._client: HangsUp | None = None
        self._newest: Errand | None = None
        self._waiting: Errand | None = None
        self._run: _Run | None = None
        self._ended = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._live, name=f"lane {name}", daemon=True)
        self._thread.start()

    def submit(self, errand: Errand) -> None:
        """Run it next, in place of whatever runs or waits."""
        with self._wake:
            self._newest = self._waiting = errand
            run = self._run
            self._wake.notify()
        if run is None:
            return
        left = run.started + run.errand.patience - time.monotonic()
        if left <= 0:
            self._cancel(run)
        else:
            timer = threading.Timer(left, self._cancel, (run,))
            timer.daemon = True
            timer.start()

    def stop(self) -> None:
        """Cancel what runs and what waits; `stopped` of the newest is posted once it has ended."""
        with self._wake:
            waiting, self._waiting = self._waiting, None
            run = self._run
        if run is not None:
            self._cancel(run)
        if waiting is not None:
            self._post(waiting.stopped)

    @property
    def busy(self) -> bool:
        with self._wake:
            return self._run is not None or self._waiting is not None

    def end(self, seconds: float = 0.0) -> bool:
        """No more errands; cancels, waits so long for the thread and says whether it is gone."""
        with self._wake:
            self._ended = True
            self._newest = self._waiting = None
            run = self._run
            self._wake.notify()
        if run is not None:
            self._cancel(run)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # --- inside -------------------------------------------------------------------------------------------

    def _cancel(self, run: _Run) -> None:
        with self._wake:
            if self._run is not run:
                return
            run.cancelled = True
            client = self._client
        if client is not None:
            client.hang_up()

    def _live(self) -> None:
        while True:
            with self._wake:
                while self._waiting is None and not self._ended:
                    self._wake.wait()
                if self._ended or self._waiting is None:
                    return
                run = self._run = _Run(self._waiting)
                self._waiting = None
            call = self._do(run)
            with self._wake:
                self._run = None
            self._deliver(run, call)

    def _do(self, run: _Run) -> Callable[[], None]:
        """Run an errand; returns the callback that its end calls for."""
        errand = run.errand

        def event(data: Json) -> None:
            if run.cancelled:  # hung up on before there was anything to hang up on
                raise JobCancelled
            self._deliver(run, lambda: errand.event(data))

        try:
            if self._client is None:
                self._client = self._connect()
            value = errand.work(self._client, event)
        except JobCancelled:
            return errand.stopped
        except (EngineProblem, LikenessError) as problem:
            if problem.code == "engine_unavailable":
                self._client = None
            found = Problem(problem.code, said(problem.sentence), said(problem.remedy))
        except Exception as error:  # whatever it is, it belongs in the window and not in a dead thread
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            found = Problem(
                "internal",
                _("Something in this window went wrong ({what}).").format(what=what),
                _("Try again."),
            )
        else:
            seconds = time.monotonic() - run.started
            if run.cancelled:
                return errand.stopped
            run.done_on_the_way = errand.patience > 0
            return lambda: errand.done(value, seconds)
        return errand.stopped if run.cancelled else lambda: errand.failed(found)

    def _deliver(self, run: _Run, call: Callable[[], None]) -> None:
        """Post a callback; by the time it arrives nobody may want it, because a newer errand was submitted."""

        def wanted() -> None:
            if self._newest is run.errand or (run.done_on_the_way and not self._ended):
                call()

        self._post(wanted)
