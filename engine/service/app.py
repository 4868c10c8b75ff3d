"""The routes: what README.md's table says, in FastAPI. No torch, no processes, no files here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import Body, FastAPI, Header, Path, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import RootModel
from starlette.types import Receive, Scope, Send

from engine.errors import BadRequest, PhotoTooLarge
from engine.messages import (
    BYTES_PER_PIXEL,
    MAX_PIXELS,
    MAX_SIDE,
    PROTOCOL,
    DialogAnswer,
    DialogRequest,
    DirectionList,
    Event,
    InversionId,
    InversionInfo,
    JobId,
    JobInfo,
    JobRequest,
    ModelName,
    Picture,
    PictureId,
    PixelFormat,
    Status,
)
from engine.service import refusals
from engine.service.core import Engine
from engine.service.forgetting import add_forgetting
from engine.service.inversions import inversion_file, list_inversions
from engine.service.jobs import Job, Jobs
from engine.service.models import add_models

_RAW: dict[str, Any] = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}
_Side = Annotated[int, Header(ge=1, le=MAX_SIDE)]


class EventLine(RootModel[Event]):
    """One line of a job's stream."""


class EventStream(StreamingResponse):
    """A job's events. However the stream ends, its listener has left the job."""

    media_type = "application/x-ndjson"

    def __init__(self, jobs: Jobs, job: Job) -> None:
        super().__init__(job.events(), headers={"Cache-Control": "no-store"})
        self._jobs = jobs
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._jobs.leave(self._job)


def create_app(engine: Engine) -> FastAPI:
    """The application of one engine, without the guard (guard.py) that stands before it."""
    app = FastAPI(
        title="Likeness engine",
        version=str(PROTOCOL),  # of the interface, not the product's
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"model": refusals.ErrorBody}, "5XX": {"model": refusals.ErrorBody}},
    )
    refusals.install(app)
    _add_engine(app, engine)
    _add_pictures(app, engine)
    _add_jobs(app, engine)
    _add_inversions(app, engine)
    add_forgetting(app, engine)
    add_models(app, engine)
    refusals.describe(app)
    return app


def _add_engine(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/status")
    async def status() -> Status:
        return engine.status()

    @app.post("/v1/stop", status_code=202)
    async def stop() -> None:
        engine.stop()

    @app.get("/v1/directions")
    async def directions(model: ModelName | None = None) -> DirectionList:
        return DirectionList.model_validate(await engine.bench.directions(model))


def _add_pictures(app: FastAPI, engine: Engine) -> None:
    @app.post("/v1/pictures", openapi_extra={"requestBody": _RAW | {"required": True}})
    async def send_picture(
        request: Request,
        x_likeness_width: _Side,
        x_likeness_height: _Side,
        x_likeness_format: Annotated[PixelFormat, Header()],
    ) -> Picture:
        width, height, pixel_format = x_likeness_width, x_likeness_height, x_likeness_format
        if width * height > MAX_PIXELS:
            raise PhotoTooLarge(
                f"The picture has {width}×{height} pixels; at most {MAX_PIXELS:,} are taken.",
                "Scale it down first.",
            )
        expected = width * height * BYTES_PER_PIXEL[pixel_format]
        announced = request.headers.get("content-length")
        if announced is not None and int(announced) != expected:
            raise BadRequest(f"{announced} bytes were announced for {width}×{height} {pixel_format}.")
        pixels = await _read(request.stream(), expected)
        return await asyncio.to_thread(engine.spool.add_bytes, width, height, pixel_format, pixels)

    @app.get("/v1/pictures/{identity}", response_class=FileResponse, responses={200: _RAW})
    async def fetch_picture(identity: Annotated[PictureId, Path()]) -> Response:
        picture = engine.jobs.picture(identity)
        return _file(
            engine.spool.path(identity),
            {
                "X-Likeness-Width": str(picture.width),
                "X-Likeness-Height": str(picture.height),
                "X-Likeness-Format": picture.format,
            },
        )


def _add_jobs(app: FastAPI, engine: Engine) -> None:
    jobs = engine.jobs

    @app.post("/v1/jobs", status_code=200, response_class=EventStream, responses={200: {"model": EventLine}})
    async def start_job(request: Annotated[JobRequest, Body()]) -> Response:
        return EventStream(jobs, jobs.start(request))

    @app.get("/v1/jobs/{identity}")
    async def job_info(identity: JobId) -> JobInfo:
        return jobs.find(identity).info()

    @app.get("/v1/jobs/{identity}/request")
    async def job_request(identity: JobId) -> DialogRequest:
        request = jobs.find(identity).request
        if not isinstance(request, DialogRequest):
            raise refusals.Refusal(404, BadRequest("This job has no dialog."))
        return request

    @app.post("/v1/jobs/{identity}/answer", status_code=202)
    async def answer_job(identity: JobId, answer: DialogAnswer) -> None:
        jobs.answer(jobs.find(identity), answer)

    @app.delete("/v1/jobs/{identity}", status_code=202)
    async def cancel_job(identity: JobId) -> None:
        jobs.cancel(jobs.find(identity))


def _add_inversions(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/inversions")
    def inversions() -> list[InversionInfo]:
        return list_inversions(engine.home)

    @app.get("/v1/inversions/{identity}", response_class=FileResponse, responses={200: _RAW})
    async def inversion(identity: InversionId) -> Response:
        return _file(inversion_file(engine.home, identity), {})

    @app.post("/v1/inversions", openapi_extra={"requestBody": _RAW | {"required": True}})
    async def add_inversion(request: Request) -> InversionInfo:
        return InversionInfo.model_validate(await engine.bench.check_inversion(await request.body()))


async def _read(stream: AsyncIterator[bytes], expected: int) -> bytearray:
    """Exactly `expected` bytes; what is too long or too short is refused without keeping it."""
    pixels = bytearray()
    async for chunk in stream:
        if len(pixels) + len(chunk) > expected:
            raise BadRequest(f"More than the {expected} bytes that belong to the picture were sent.")
        pixels += chunk
    if len(pixels) < expected:
        raise BadRequest(f"{len(pixels)} of the {expected} bytes that belong to the picture were sent.")
    return pixels


def _file(path: FilePath, headers: dict[str, str]) -> FileResponse:
    return FileResponse(
        path, media_type="application/octet-stream", headers=headers | {"Cache-Control": "no-store"}
    )
