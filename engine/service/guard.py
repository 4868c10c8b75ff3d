"""What every request must pass before a route sees it: no browser, the token, the protocol, a bounded body."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine import __version__
from engine.errors import BadRequest, LikenessError, PhotoTooLarge, Unauthorized, VersionMismatch
from engine.messages import MAX_PIXELS, PROTOCOL
from engine.service.refusals import Refusal, answer

MAX_JSON_BODY = 1_000_000
MAX_INVERSION = 64 << 20
MAX_PICTURE = MAX_PIXELS * 16
_HOSTS = {"likeness", "localhost", "127.0.0.1"}  # no name that somebody's DNS could point at us
_LENGTH = re.compile(r"\d{1,18}")


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, token: str, on_request: Callable[[], None]) -> None:
        self._app = app
        self._token = token.encode()
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        try:
            self._check(headers)
            limit = _limit(scope)
            _check_length(headers, limit)
        except LikenessError as error:
            await answer(error)(scope, receive, send)
            return
        except Refusal as refusal:
            await answer(refusal.error, refusal.status_code)(scope, receive, send)
            return
        self._on_request()
        try:
            await self._app(scope, _counted(receive, limit), send)
        finally:
            self._on_request()

    def _check(self, headers: Headers) -> None:
        if "origin" in headers or "sec-fetch-site" in headers or "sec-fetch-mode" in headers:
            raise Refusal(403, Unauthorized("Browsers may not speak to the engine."))
        if headers.get("host", "").partition(":")[0].lower() not in _HOSTS:
            raise Refusal(403, Unauthorized("The request is meant for another host."))
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token_fits = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != "bearer" or not token_fits:
            raise Unauthorized(
                "The request does not carry the engine's token.", "Read the connection file again."
            )
        protocol = headers.get("x-likeness-protocol", "")
        if protocol != str(PROTOCOL):
            raise VersionMismatch(
                f"The client speaks protocol {protocol[:20] or '(none named)'}; this engine ({__version__}) "
                f"speaks protocol {PROTOCOL}.",
                "Install plug-in and engine of the same version and stop the running engine.",
            )


def _limit(scope: Scope) -> int:
    """How many bytes of body this route may take."""
    if scope["method"] == "POST" and scope["path"] == "/v1/pictures":
        return MAX_PICTURE
    if scope["method"] == "POST" and scope["path"] == "/v1/inversions":
        return MAX_INVERSION
    return MAX_JSON_BODY


def _check_length(headers: Headers, limit: int) -> None:
    length = headers.get("content-length")
    if length is None:
        return
    if not _LENGTH.fullmatch(length):
        raise BadRequest("The length of the body makes no sense.")
    if int(length) > limit:
        raise Refusal(413, _too_long(limit))


def _counted(receive: Receive, limit: int) -> Receive:
    """`receive`, ending in a refusal once more than `limit` bytes of body have come."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise Refusal(413, _too_long(limit))
        return message

    return counted


def _too_long(limit: int) -> LikenessError:
    kind = PhotoTooLarge if limit == MAX_PICTURE else BadRequest
    return kind(f"The body is longer than the {limit:,} bytes that are taken here.")
