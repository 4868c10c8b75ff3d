"""Models over the socket: `POST /v1/models` (a `ModelsRequest`) and `POST /v1/models/dialog` (their window).

The answer is a stream as a job's: events `progress`, then one of `done`, `failed`, `cancelled`. Hanging up cancels; a
download goes on later from where it was. Each request has a process of its own, `engine.weights`: reading a
checkpoint of gigabytes holds up neither the worker nor the engine's answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Body, FastAPI, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, Field, FiniteFloat
from starlette.types import Receive, Scope, Send

from engine.errors import Busy, InternalError, LikenessError, from_dict
from engine.messages import ANumber, Message, ModelName
from engine.paths import Home
from engine.service.core import Engine
from engine.service.dialogs import Dialog
from engine.service.worker_process import REPOSITORY

MOST = 16  # requests at once, open windows among them
END_SECONDS = 10.0
WINDOW_OPEN = "The window is open"
WATCH_SECONDS = 0.5
_LEASH = Path(__file__).with_name("leash.py")
_LONGEST_LINE = 16 << 20
_CLOSING = ("done", "failed", "cancelled")

Json = dict[str, Any]
Tell = Callable[[Json], None]
Work = Callable[[Tell], Awaitable[Json]]
log = logging.getLogger("likeness.service")


def _absolute(path: str) -> str:
    if not Path(path).is_absolute() or "\0" in path:
        raise ValueError("a whole path belongs here")
    return path


_File = Annotated[str, Field(max_length=4096), AfterValidator(_absolute)]
_Direction = Annotated[str, Field(max_length=60)]


class ListModels(Message):
    """What is installed, what can be downloaded, and which is used."""

    do: Literal["list"]

    @property
    def arguments(self) -> list[str]:
        return ["list"]


class ImportModel(Message):
    do: Literal["import"]
    name: ModelName
    files: Annotated[list[_File], Field(min_length=1, max_length=200)]

    @property
    def arguments(self) -> list[str]:
        return ["import", self.name, *self.files]


class DownloadModel(Message):
    """`accepted`: the person has read the entry's terms and agrees."""

    do: Literal["download"]
    entry: ModelName
    name: ModelName
    accepted: Literal[True]

    @property
    def arguments(self) -> list[str]:
        return ["download", self.entry, self.name]


class ChangeModel(Message):
    """Remove it, or make it the one in the settings."""

    do: Literal["remove", "use"]
    name: ModelName

    @property
    def arguments(self) -> list[str]:
        return [self.do, self.name]


class ModelDirections(Message):
    """List a model's directions, after these wishes (`engine.weights.model_directions.Wishes`)."""

    do: Literal["directions"]
    name: ModelName
    discover: Literal["", "sefa", "pca", "both"] = ""
    count: Annotated[int, Field(ge=1, le=100), ANumber] = 10
    flip: Annotated[tuple[_Direction, ...], Field(max_length=200)] = ()
    scale: Annotated[tuple[tuple[_Direction, Annotated[FiniteFloat, ANumber]], ...], Field(max_length=200)] = ()
    hide: Annotated[tuple[_Direction, ...], Field(max_length=200)] = ()
    show: Annotated[tuple[_Direction, ...], Field(max_length=200)] = ()
    rename: Annotated[tuple[tuple[_Direction, _Direction], ...], Field(max_length=200)] = ()
    strips: Literal["", "changed", "all"] = ""

    @property
    def arguments(self) -> list[str]:
        return ["directions", self.name, self.model_dump_json(exclude={"do", "name"})]


ModelsRequest = Annotated[
    ListModels | ImportModel | DownloadModel | ChangeModel | ModelDirections, Field(discriminator="do")
]


class ModelsDialog(Message):
    """Open the models' window, or that of the settings; `environment` as a `DialogRequest`'s."""

    environment: Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=40)]
    window: Literal["models", "settings"] = "models"


class ModelsEvent(Message):
    """One line of the answer. `result` is what `engine/weights/__main__.py` says there."""

    event: Literal["progress", "done", "failed", "cancelled"]
    fraction: float = 0.0
    message: str = ""
    result: Json | None = None
    error: dict[str, str] | None = None


def add_models(app: FastAPI, engine: Engine) -> None:
    """Add the routes."""

    def stream(work: Work) -> _Stream:
        if len(engine.about_models) >= MOST:
            raise Busy(f"The engine has {MOST} requests about models already.", "Wait until one has ended.")
        return _Stream(work, engine)

    @app.post("/v1/models", status_code=200, response_class=_Stream, responses={200: {"model": ModelsEvent}})
    async def models(request: Annotated[ModelsRequest, Body()]) -> Response:
        return stream(lambda tell: _weights(engine.commands.weights, request.arguments, engine.home, tell))

    @app.post(
        "/v1/models/dialog", status_code=200, response_class=_Stream, responses={200: {"model": ModelsEvent}}
    )
    async def models_dialog(request: ModelsDialog) -> Response:
        return stream(lambda tell: _window(engine.commands.dialog, engine.home, request, tell))


class _Stream(StreamingResponse):
    """The events of `work(tell)`, which ends with the stream, and with the engine."""

    media_type = "application/x-ndjson"

    def __init__(self, work: Work, engine: Engine) -> None:
        self._events: asyncio.Queue[Json] = asyncio.Queue()
        self._working = asyncio.ensure_future(work(self._events.put_nowait))
        self._cancelled = False
        task = asyncio.create_task(self._attend(engine))
        engine.about_models.add(task)
        task.add_done_callback(engine.about_models.discard)
        super().__init__(self._lines(), headers={"Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._cancel()

    def _cancel(self) -> None:
        """Only once: a second time would break off how the work ends its process."""
        if not self._cancelled:
            self._cancelled = True
            self._working.cancel()

    async def _attend(self, engine: Engine) -> None:
        """Until the work has ended the engine is not idle."""
        while not self._working.done() and not engine.stopping.is_set():
            engine.touch()
            await asyncio.wait({self._working}, timeout=WATCH_SECONDS)
        self._cancel()
        await asyncio.wait({self._working})
        self._events.put_nowait(_closing(self._working))

    async def _lines(self) -> AsyncIterator[bytes]:
        event: Json = {}
        while event.get("event") not in _CLOSING:
            event = await self._events.get()
            yield json.dumps(event).encode() + b"\n"


def _closing(work: asyncio.Future[Json]) -> Json:
    """The last event."""
    try:
        return {"event": "done", "result": work.result()}
    except asyncio.CancelledError:
        return {"event": "cancelled"}
    except LikenessError as error:
        return {"event": "failed", "error": error.to_dict()}
    except Exception as error:
        log.error("a request about models failed", exc_info=error)
        return {
            "event": "failed",
            "error": InternalError("The engine made a mistake.", "See logs/engine.log.").to_dict(),
        }


async def _window(command: list[str], home: Home, request: ModelsDialog, tell: Tell) -> Json:
    """Raises `DialogLost`."""
    dialog = await Dialog.start(command, request.window, home, request.environment)
    tell({"event": "progress", "fraction": 0.0, "message": WINDOW_OPEN, "seconds_left": None})
    try:
        await dialog.wait()
    finally:
        await dialog.end()
    return {}


async def _weights(command: list[str], arguments: list[str], home: Home, tell: Tell) -> Json:
    """What `engine.weights` answers. Raises the error that it says."""
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())),
            *command,
            *arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=os.environ | {"LIKENESS_HOME": str(home.root)},
            cwd=REPOSITORY,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        try:
            answer = await _answer(process, tell)
        finally:
            await _end(process)
        if answer is None:
            said.seek(0)
            log.error(
                "engine.weights ended without an answer: %s", said.read()[-2000:].decode("utf-8", "replace")
            )
            raise InternalError(
                "The process that handles models ended without an answer.", "See logs/engine.log."
            )
    if "error" in answer:
        raise from_dict(answer["error"])
    return answer


async def _answer(process: asyncio.subprocess.Process, tell: Tell) -> Json | None:
    """The last line that it prints; those on the way are told."""
    assert process.stdout
    while line := await process.stdout.readline():
        data = json.loads(line)
        if data.get("event") != "progress":
            return data
        tell({"seconds_left": None} | data)
    return None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, then make it, and what it has started."""
    for act, seconds in (
        (process.terminate, END_SECONDS),
        (lambda: os.killpg(process.pid, signal.SIGKILL), None),
    ):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                act()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await process.wait()
