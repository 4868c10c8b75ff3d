"""How errors leave the service: HTTP statuses, and one body for all of them: code, sentence, remedy."""

from __future__ import annotations

import errno
import json
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from engine.errors import BadRequest, InternalError, LikenessError
from engine.messages import Message

log = logging.getLogger("likeness.service")

_STATUS = {
    "photo_unreadable": 422,
    "photo_too_large": 413,
    "no_face": 422,
    "bad_request": 400,
    "unknown_direction": 404,
    "unknown_model": 404,
    "inversion_damaged": 422,
    "inversion_missing": 404,
    "version_mismatch": 409,
    "unauthorized": 401,
    "busy": 503,
    "engine_unavailable": 503,
    "worker_lost": 503,
    "out_of_memory": 507,
    "disk_full": 507,
}


_BODY = {"$ref": "#/components/schemas/ErrorBody"}


class ErrorBody(Message):
    """The body of every answer that is not a success."""

    code: str
    sentence: str
    remedy: str


class Refusal(HTTPException):
    """An error whose HTTP status says more than its code: 404, 405, 413 …"""

    def __init__(self, status: int, error: LikenessError) -> None:
        super().__init__(status)
        self.error = error


def status_of(error: LikenessError) -> int:
    return _STATUS.get(error.code, 500)


def answer(error: LikenessError, status: int | None = None) -> JSONResponse:
    return JSONResponse(error.to_dict(), status or status_of(error))


def raw_answer(error: LikenessError) -> bytes:
    """A whole HTTP answer, for connections that never become a request."""
    body = json.dumps(error.to_dict()).encode()
    status = HTTPStatus(status_of(error))
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def install(app: FastAPI) -> None:
    """Answer every exception in the contract's form."""

    @app.exception_handler(LikenessError)
    async def likeness(request: Request, error: LikenessError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(Refusal)
    async def refusal(request: Request, error: Refusal) -> JSONResponse:
        return answer(error.error, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(BadRequest(_explained(error)), 422)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase.lower()
        return answer(BadRequest(f"{request.method} {request.url.path[:200]}: {phrase}."), error.status_code)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return answer(BadRequest("The body broke off."))  # nobody reads it, but the log stays clean

    @app.exception_handler(OSError)
    async def system(request: Request, error: OSError) -> JSONResponse:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return answer(InternalError("The disk is full.", "Make room and try again."), 507)
        log.error("a request failed", exc_info=error)
        return answer(_mistake())

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> JSONResponse:
        return answer(_mistake())  # uvicorn logs the traceback


def describe(app: FastAPI) -> None:
    """Have the OpenAPI description say what FastAPI does not.

    Refusals are JSON also where a success is something else; `kind`, which tells messages apart, may not be left out.
    """
    describe_routes = app.openapi

    def openapi() -> dict[str, Any]:
        description = describe_routes()
        for operations in description["paths"].values():
            for operation in operations.values():
                for status in ("4XX", "5XX"):
                    answer = operation["responses"][status]
                    answer["content"] = {"application/json": {"schema": _BODY}}
        for schema in description["components"]["schemas"].values():
            if "kind" in schema.get("properties", {}):
                schema["required"] = sorted({"kind", *schema.get("required", [])})
        return description

    app.openapi = openapi


def _mistake() -> LikenessError:
    return InternalError("The engine made a mistake.", "See logs/engine.log.")


def _explained(error: RequestValidationError) -> str:
    """The first thing wrong, by name; never the value itself."""
    first = error.errors()[0]
    place = ".".join(str(part)[:60] for part in first["loc"][:8])
    return f"{place}: {first['msg'][:300]}."
