"""Jobs, from `accepted` to exactly one of `done`, `failed`, `cancelled`.

A job's id is the hash of its request: whoever sends a request that is being worked on attends that job. A dialog's is
random: whoever asks for a window gets one of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, Literal

from pydantic import TypeAdapter

from engine.errors import BadRequest, Busy, EngineUnavailable, InternalError, LikenessError
from engine.messages import (
    Accepted,
    Cancelled,
    DialogAnswer,
    DialogRequest,
    Done,
    EditRequest,
    Failed,
    JobInfo,
    JobRequest,
    Picture,
    Progress,
    RestoreRequest,
    Work,
    WorkResult,
)
from engine.paths import Home
from engine.service.bench import Bench, Priority
from engine.service.dialogs import Dialog
from engine.service.inversions import trim_inversions
from engine.service.refusals import Refusal
from engine.settings import Settings
from engine.spool import Spool

MAX_JOBS = 32
REMEMBERED = 100  # ended jobs that can still be asked about
SPOOL_BYTES = 2_000_000_000

log = logging.getLogger("likeness.service")
_RESULT: TypeAdapter[WorkResult] = TypeAdapter(WorkResult)


class Job:
    """What is known of a job. Its events are kept as the newest progress and the closing one: bounded."""

    def __init__(self, identity: str, request: JobRequest) -> None:
        self.id = identity
        self.request = request
        self.accepted: Work | None = None  # what the person accepted in the dialog
        self.answered = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        self.listeners = 0
        self.born = time.time()
        self.ended: float | None = None
        self.state: Literal["queued", "running", "ended"] = "queued"
        self.fraction = 0.0
        self._began: float | None = None
        self._progress: Progress | None = None
        self._closing: Done | Failed | Cancelled | None = None
        self._changed = asyncio.Event()

    def info(self) -> JobInfo:
        return JobInfo(id=self.id, kind=self.request.kind, state=self.state, fraction=self.fraction)

    def pictures(self) -> set[str]:
        """The pictures that it needs to stay."""
        requests = [request for request in (self.request, self.accepted) if request]
        regions = {request.region for request in requests if isinstance(request, RestoreRequest)}
        dialogs = [request for request in requests if isinstance(request, DialogRequest)]
        brought = {request.layer_mask for request in dialogs if request.layer_mask}
        edits = [request.face_edits.values() for request in requests if isinstance(request, EditRequest)]
        painted = {edit.layer_mask for of_faces in edits for edit in of_faces if edit.layer_mask}
        return regions | brought | painted | {request.picture for request in requests}

    def inversions(self) -> set[str]:
        """The inversions that it needs to stay."""
        named = (getattr(request, "inversions", []) for request in (self.request, self.accepted))
        return {identity for identities in named for identity in identities}

    def report(self, fraction: float, message: str) -> None:
        """A progress of the work itself; the time left follows from the time it took so far."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self.state, self.fraction = "running", fraction
        elapsed = now - self._began
        left = elapsed * (1 - fraction) / fraction if fraction >= 0.05 and elapsed >= 0.5 else None
        self._progress = Progress(
            fraction=fraction, message=message, seconds_left=None if left is None else round(left, 1)
        )
        self._tell()

    def say(self, message: str) -> None:
        """A message without progress."""
        self._progress = Progress(fraction=self.fraction, message=message)
        self._tell()

    def close(self, closing: Done | Failed | Cancelled) -> None:
        """The last event; the first one that comes is it."""
        if self._closing is None:
            self._closing, self.state, self.ended = closing, "ended", time.time()
            self._tell()

    async def events(self) -> AsyncIterator[bytes]:
        """The stream, one JSON object a line. A reader that is slow misses progress, never the end."""
        yield _line(Accepted(job=self.id))
        told: Progress | None = None
        while True:
            changed = self._changed  # before looking: what comes while a line is on its way is not missed
            if self._progress and self._progress is not told:
                told = self._progress
                yield _line(told)
            if self._closing:
                yield _line(self._closing)
                return
            await changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Jobs:
    """All jobs that live, and the last that ended."""

    def __init__(self, home: Home, bench: Bench, dialog_command: list[str], settings: Settings) -> None:
        self._home = home
        self._spool = Spool(home.spool)
        self._bench = bench
        self._dialog_command = dialog_command
        self._inversions_bytes = settings.inversions_megabytes * 1_000_000
        self._inversions_seconds = settings.inversions_days * 86_400.0
        self._live: list[Job] = []
        self._ended: OrderedDict[str, Job] = OrderedDict()
        self._afterwards: set[asyncio.Task[None]] = set()
        self.closed = False  # the engine ends: no more jobs

    @property
    def live(self) -> list[Job]:
        return list(self._live)

    @property
    def remembered(self) -> list[Job]:
        return [*self._ended.values(), *self._live]

    def find(self, identity: str) -> Job:
        job = self._known(identity)
        if job is None:
            raise Refusal(404, BadRequest("The engine knows no such job."))
        return job

    def start(self, request: JobRequest) -> Job:
        """The job of this request: the one under way, or a new one; its caller listens to it, then leaves it.

        Raises `Busy`, `EngineUnavailable`, and a `Refusal` when the picture is not here.
        """
        identity = job_id(request)
        known = self._known(identity)
        job = known if known and known.state != "ended" else self._begin(identity, request)
        job.listeners += 1
        return job

    def picture(self, identity: str) -> Picture:
        """What is known of a picture that is here."""
        try:
            return self._spool.describe(identity)
        except BadRequest as error:
            raise Refusal(404, error) from None

    def leave(self, job: Job) -> None:
        """A listener has gone; a job that nobody listens to is cancelled."""
        job.listeners -= 1
        if not job.listeners:
            self.cancel(job)

    def _known(self, identity: str) -> Job | None:
        """The newest job of this id: one that was cancelled may still be ending."""
        live = (job for job in reversed(self._live) if job.id == identity)
        return next(live, None) or self._ended.get(identity)

    def _begin(self, identity: str, request: JobRequest) -> Job:
        if self.closed:
            raise EngineUnavailable("The engine is ending.", "Try again; a new one is started.")
        if len(self._live) >= MAX_JOBS:
            raise Busy(f"The engine has {MAX_JOBS} jobs already.", "Wait until one has ended.")
        job = Job(identity, request)
        for picture in job.pictures():
            self.picture(picture)
        self._live.append(job)
        job.task = asyncio.create_task(self._live_of(job))
        job.task.add_done_callback(lambda _: self._bury(job))
        return job

    def cancel(self, job: Job) -> None:
        """Close the job as cancelled, at once; the worker or the dialog lets go of it in its own time."""
        job.close(Cancelled())
        if job.task:
            job.task.cancel()

    def answer(self, job: Job, answer: DialogAnswer) -> None:
        """What the person decided in the job's dialog."""
        if not isinstance(job.request, DialogRequest) or job.state == "ended" or job.answered.done():
            raise Refusal(409, BadRequest("No dialog is waiting for this answer."))
        job.answered.set_result(answer)

    def trim(self) -> None:
        """Keep spool and cache small, but for what live jobs need. From any thread."""
        keep = {identity for job in self.live for identity in (*job.pictures(), *job.inversions())}
        with contextlib.suppress(OSError):
            self._spool.trim(SPOOL_BYTES, keep)
        with contextlib.suppress(OSError):
            trim_inversions(self._home, self._inversions_bytes, keep, self._inversions_seconds)

    async def stop(self) -> None:
        """Cancel all jobs and wait until their dialogs have gone."""
        tasks = [job.task for job in self.live if job.task]
        for job in self.live:
            self.cancel(job)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._afterwards, return_exceptions=True)

    # --- a job's life -------------------------------------------------------------------------------------

    async def _live_of(self, job: Job) -> None:
        try:
            if isinstance(job.request, DialogRequest):
                job.close(await self._dialog(job, job.request))
            else:
                job.close(await self._work(job, job.request))
        except LikenessError as error:
            job.close(Failed(error=error.to_dict()))
        except asyncio.CancelledError:
            job.close(Cancelled())
        except Exception as error:
            log.error("a job failed", exc_info=error)
            job.close(
                Failed(error=InternalError("The engine made a mistake.", "See logs/engine.log.").to_dict())
            )

    def _bury(self, job: Job) -> None:
        self._live.remove(job)
        self._ended[job.id] = job
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        self._later(asyncio.to_thread(self.trim))

    async def _work(self, job: Job, request: Work) -> Done:
        preview = isinstance(request, EditRequest) and request.preview is not None
        job.say("Waiting for the engine")
        result = await self._bench.run(
            request.model_dump(mode="json"), Priority.PREVIEW if preview else Priority.JOB, job.report
        )
        return Done(result=_RESULT.validate_python(result))

    async def _dialog(self, job: Job, request: DialogRequest) -> Done | Cancelled:
        dialog = await Dialog.start(self._dialog_command, job.id, self._home, request.environment)
        job.state = "running"
        job.say("The dialog is open")
        closed = asyncio.create_task(dialog.wait())
        try:
            await asyncio.wait({closed, job.answered}, return_when=asyncio.FIRST_COMPLETED)
            if not job.answered.done():
                closed.result()  # raises DialogLost
                return Cancelled()
            answer: DialogAnswer = job.answered.result()
            job.accepted = answer.accepted
            if not job.accepted:
                return Cancelled()
            done = await self._work(job, job.accepted)
            return Done(result=done.result.model_copy(update={"result": answer.result}))
        finally:
            self._later(_ended(dialog, closed))

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)


async def _ended(dialog: Dialog, closed: asyncio.Task[None]) -> None:
    await dialog.end()
    with contextlib.suppress(LikenessError):
        await closed


def job_id(request: JobRequest) -> str:
    """The id of a request's job, 128 bits: sha256 over the request in canonical JSON; a dialog's is random."""
    if isinstance(request, DialogRequest):
        return uuid.uuid4().hex
    canonical = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _line(event: Accepted | Progress | Done | Failed | Cancelled) -> bytes:
    return event.model_dump_json().encode() + b"\n"
