"""uvicorn's HTTP protocol with what a private socket needs: peer check, deadlines, a cap, one request each.

uvicorn has no deadline for headers and bodies and drops nobody who does not read. Here every connection carries
one request (the answer says `Connection: close`), so a connection's life is: headers by a deadline, the body by
a deadline that grows with its length, then the answer, which must keep moving.

Over TCP anyone may listen, so the engine proves first that it knows the token, which the client keeps to itself until
then: the client sends `GREETING` and a nonce, the engine answers `proof` (plugin/likeness/wire.py), HTTP begins.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.errors import BadRequest, Busy
from engine.service.refusals import raw_answer
from plugin.likeness.wire import GREETING, NONCE_BYTES, proof

MAX_CONNECTIONS = 128
HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
BODY_BYTES_PER_SECOND = 4e6
UNREAD_SECONDS = 30.0  # for a client that does not read its answer


class PrivateProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, token: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._token = token
        self._greeting: bytes | None = None  # what has come of it, where one is due
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._body_watched = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock.family == socket.AF_INET and len(self.connections) <= 2 * MAX_CONNECTIONS:
            self._greeting = b""
            self._watch(HEADER_SECONDS)
        elif sock.family == socket.AF_INET or not _same_user(sock):
            transport.abort()
        else:
            self._admit()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._greeting is not None:
            self._prove(self._greeting + data)
            return
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            self.transport.abort()  # a second request on this connection
            return
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY and not self._body_watched:
            self._body_watched = True
            self._watch(BODY_SECONDS + self._announced() / BODY_BYTES_PER_SECOND)
        elif state not in (h11.IDLE, h11.SEND_BODY) and self._deadline:
            self._deadline.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch(UNREAD_SECONDS)  # the last bytes may still wait for a client that does not read

    def send_400_response(self, msg: str) -> None:
        """Something that is not HTTP: said in the contract's form, unless an answer is under way."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self.cycle is None:
            self.transport.write(raw_answer(BadRequest("This is not an HTTP/1.1 request.")))
            self.transport.close()
        else:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread:
            self._unread.cancel()

    def _prove(self, greeting: bytes) -> None:
        """Answer a greeting once it is whole; whoever says something else, or more, is not spoken to."""
        whole = len(GREETING) + NONCE_BYTES
        self._greeting = greeting
        if len(greeting) > whole or greeting[: len(GREETING)] != GREETING[: len(greeting)]:
            self.transport.abort()
        elif len(greeting) == whole:
            self._greeting = None
            port = self.transport.get_extra_info("sockname")[1]
            self.transport.write(proof(self._token, port, greeting[len(GREETING) :]))
            self._admit()

    def _admit(self) -> None:
        if len(self.connections) > MAX_CONNECTIONS:
            busy = Busy("The engine has too many connections.", "Try again in a moment.")
            self.transport.write(raw_answer(busy))
            self.transport.close()
        else:
            self._watch(HEADER_SECONDS)

    def _watch(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _cancel_timers(self) -> None:
        for timer in (self._deadline, self._unread):
            if timer:
                timer.cancel()

    def _announced(self) -> int:
        length = next((value for name, value in self.headers or [] if name == b"content-length"), b"0")
        return int(length) if len(length) < 19 else 0


def _same_user(sock: socket.socket) -> bool:
    """Whether the peer runs as we do; where the system cannot tell, the token has to do."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return uid == os.getuid()
