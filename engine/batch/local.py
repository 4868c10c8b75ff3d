"""A worker that is a process on this machine; the frames are those of `engine.worker.link`."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.errors import WorkerLost
from engine.paths import Home
from engine.private import PrivateFolder
from engine.worker.link import Link, pack

REPOSITORY = Path(__file__).resolve().parents[2]  # where `-m engine.batch.editor` is found

Json = dict[str, Any]


class LocalWorker:
    """Starts with its making. Ctrl+C in the terminal is not for it: whoever made it closes it."""

    def __init__(self, home: Home) -> None:
        self._private = PrivateFolder(home)
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.batch.editor", str(theirs.fileno()), str(self._private.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=os.environ | {"LIKENESS_HOME": str(home.root)},
                cwd=REPOSITORY,
                start_new_session=True,
            )
        self._link = Link(self._socket)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, header: Json, data: bytes = b"") -> tuple[Json, bytes]:
        """As `engine.batch.team.Worker`."""
        frame = None
        with contextlib.suppress(OSError):  # it has gone: so there is no frame
            self._socket.sendall(pack(header, data))
            frame = self._link.receive()
        if frame is None:
            raise WorkerLost("The process that computes died.", "There may be too little memory.")
        return frame.header, frame.data

    def close(self) -> None:
        """As `engine.batch.team.Worker`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._process.kill()
        self._process.wait()
        self._link.close()
        self._private.remove()
