"""Whom the client speaks to: the connection file, the socket, and the checks before anything is sent.

Standard library only.
"""

from __future__ import annotations

import contextlib
import hmac
import http.client
import json
import os
import secrets
import socket
import stat
import struct
from pathlib import Path
from typing import Any

from .words import _

PROTOCOL = 1

# What a client over TCP sends before anything else, followed by a nonce.
GREETING = b"LIKENESS"
NONCE_BYTES = 32
PROOF_BYTES = 32
LOOPBACK = "127.0.0.1"

Json = dict[str, Any]


class EngineProblem(Exception):
    """What the engine could not do, as it crossed the socket: code, sentence, remedy (engine/errors.py)."""

    def __init__(self, code: str, sentence: str, remedy: str = "") -> None:
        super().__init__(f"{sentence} {remedy}".strip())
        self.code = code
        self.sentence = sentence
        self.remedy = remedy

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "sentence": self.sentence, "remedy": self.remedy}


class Connection(http.client.HTTPConnection):
    """One HTTP request to an engine that is ours: over a unix socket whose other end runs as the same user, or
    over loopback TCP, where the other end has proven that it knows the token."""

    def __init__(self, address: str, token: str, timeout: float) -> None:
        super().__init__("likeness", timeout=timeout)
        self._address = address
        self._token = token
        self._open: socket.socket | None = None  # ours until close(); http.client drops its own reference early
        self.hung_up = False

    def connect(self) -> None:
        family, place = _endpoint(self._address)
        sock = socket.socket(family, socket.SOCK_STREAM)
        self._open = sock
        sock.settimeout(self.timeout)
        sock.connect(place)
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _check_proof(sock, self._token)
        else:
            _check_peer(sock)
        if self.hung_up:
            raise ConnectionAbortedError("hung up")
        self.sock = sock

    def wait_without_end(self) -> None:
        if self._open is not None:
            self._open.settimeout(None)

    def hang_up(self) -> None:
        """Wake whoever reads from this connection; it closes it."""
        self.hung_up = True
        if self._open is not None:
            with contextlib.suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()  # http.client calls this as soon as a response has begun; the response keeps the socket
        if self._open is not None:
            self._open.close()


def read_connection_file(path: Path) -> Json:
    """The connection file, if it is a plain file of ours that nobody else can read."""
    try:
        careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, os.O_RDONLY | careful)
    except OSError:
        raise EngineProblem("engine_unavailable", _("No engine is running.")) from None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        getuid = getattr(os, "getuid", None)
        if getuid and (facts.st_uid != getuid() or facts.st_mode & 0o077 or not stat.S_ISREG(facts.st_mode)):
            raise EngineProblem(
                "unauthorized",
                _("{path} is not private to you; nothing was sent.").format(path=path),
                _("Remove it and try again."),
            )
        data = file.read(65_536)
    try:
        content = json.loads(data)
        if not (isinstance(content["address"], str) and isinstance(content["token"], str)):
            raise TypeError("address and token are strings")
        _endpoint(content["address"])
    except (ValueError, KeyError, TypeError) as error:
        raise EngineProblem(
            "engine_unavailable",
            _("The connection file {path} is damaged ({error}).").format(path=path, error=error),
        ) from None
    return content


def check_protocol(facts: Json) -> None:
    if facts.get("protocol") != PROTOCOL:
        raise EngineProblem(
            "version_mismatch",
            _(
                "This side speaks protocol {protocol}; the running engine ({version}) speaks protocol "
                "{protocol_2}."
            ).format(protocol=PROTOCOL, version=facts.get("version"), protocol_2=facts.get("protocol")),
            _("Install plug-in and engine of the same version and stop the running engine."),
        )


def proof(token: str, port: int, nonce: bytes) -> bytes:
    """What only a holder of the token can answer to a nonce: HMAC-SHA256, 32 bytes.

    The port that was called is in it, so an answer from another port is not worth passing on.
    """
    return hmac.digest(token.encode(), b"likeness engine %d " % port + nonce, "sha256")


def _endpoint(address: str) -> tuple[int, str | tuple[str, int]]:
    """Family and place of `unix:PATH` or `tcp:127.0.0.1:PORT`. Raises `ValueError`."""
    kind, _, rest = address.partition(":")
    if kind == "unix" and hasattr(socket, "AF_UNIX"):
        return socket.AF_UNIX, rest
    host, _, port = rest.partition(":")
    if kind != "tcp" or host != LOOPBACK or not 0 < int(port) < 65_536:
        raise ValueError(f"nothing of this machine is reached at {address[:100]!r}")
    return socket.AF_INET, (host, int(port))


def _check_proof(sock: socket.socket, token: str) -> None:
    """Anyone may listen at a port: who answers must prove first that it is who wrote the connection file."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sock.sendall(GREETING + nonce)
    answer = b""
    while len(answer) < PROOF_BYTES and (chunk := sock.recv(PROOF_BYTES - len(answer))):
        answer += chunk
    if not hmac.compare_digest(answer, proof(token, sock.getpeername()[1], nonce)):
        raise EngineProblem(
            "engine_unavailable",
            _("Another program answers at the engine's address; nothing was sent."),
            _("Try again: the engine is started anew."),
        )


def _check_peer(sock: socket.socket) -> None:
    """Linux says who answers: it must be the same user."""
    option, getuid = getattr(socket, "SO_PEERCRED", None), getattr(os, "getuid", None)
    if option is None or getuid is None:
        return
    uid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))[1]
    if uid != getuid():
        sock.close()
        raise EngineProblem(
            "unauthorized",
            _("Another user's program answers in the engine's place; nothing was sent."),
            _("Remove the engine's run folder and try again."),
        )
