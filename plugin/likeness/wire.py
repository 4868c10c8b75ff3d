"""Whom the client speaks to: the connection file, the socket, and the checks before anything is sent.

Standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

PROTOCOL = 1

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
    """One HTTP request over a unix socket whose other end runs as the same user."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("likeness", timeout=timeout)
        self._path = path
        self._open: socket.socket | None = None  # ours until close(); http.client drops its own reference early
        self.hung_up = False

    def connect(self) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("this Python has no unix sockets")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._open = sock
        sock.settimeout(self.timeout)
        sock.connect(self._path)
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
        raise EngineProblem("engine_unavailable", "No engine is running.") from None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        getuid = getattr(os, "getuid", None)
        if getuid and (facts.st_uid != getuid() or facts.st_mode & 0o077 or not stat.S_ISREG(facts.st_mode)):
            raise EngineProblem(
                "unauthorized", f"{path} is not private to you; nothing was sent.", "Remove it and try again."
            )
        data = file.read(65_536)
    try:
        content = json.loads(data)
        if not (isinstance(content["address"], str) and isinstance(content["token"], str)):
            raise TypeError("address and token are strings")
        if not content["address"].startswith("unix:"):
            raise ValueError("only unix sockets are spoken here")
    except (ValueError, KeyError, TypeError) as error:
        raise EngineProblem("engine_unavailable", f"The connection file {path} is damaged ({error}).") from None
    return content


def check_protocol(facts: Json) -> None:
    if facts.get("protocol") != PROTOCOL:
        raise EngineProblem(
            "version_mismatch",
            f"This side speaks protocol {PROTOCOL}; the running engine ({facts.get('version')}) speaks "
            f"protocol {facts.get('protocol')}.",
            "Install plug-in and engine of the same version and stop the running engine.",
        )


def _check_peer(sock: socket.socket) -> None:
    """Linux says who answers: it must be the same user."""
    option, getuid = getattr(socket, "SO_PEERCRED", None), getattr(os, "getuid", None)
    if option is None or getuid is None:
        return
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    if uid != getuid():
        sock.close()
        raise EngineProblem(
            "unauthorized", "Another user's program answers in the engine's place; nothing was sent."
        )
