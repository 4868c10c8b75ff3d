"""One life of the worker's process, and the service's end of the wire to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from engine.logs import appended
from engine.worker.link import HEAD, Frame, lengths, pack

REPOSITORY = Path(__file__).resolve().parents[2]  # where `-m engine.worker` and `-m plugin.dialogs` are found
END_SECONDS = 2.0
TERM_SECONDS = 2.0

# Idle OpenMP threads sleep instead of spinning: the cores are GIMP's, too. Read when torch is loaded.
_QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


class WorkerProcess:
    """Made by `start`; `receive` until it answers None, then `end`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, command: list[str], home_root: Path, log_file: Path) -> WorkerProcess:
        """Start `command DESCRIPTOR`. Raises `OSError`."""
        ours, theirs = socket.socketpair()
        try:
            with appended(log_file) as stderr:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    str(theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    pass_fds=(theirs.fileno(),),
                    env=os.environ | _QUIET_THREADS | {"LIKENESS_HOME": str(home_root)},
                    cwd=REPOSITORY,
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, header: dict[str, Any], data: bytes = b"") -> None:
        """Queue a frame; a worker that has died is noticed by `receive`."""
        self._writer.write(pack(header, data))

    async def receive(self) -> Frame | None:
        """The worker's next frame, or None when it has ended."""
        try:
            json_length, data_length = lengths(await self._reader.readexactly(HEAD.size))
            body = await self._reader.readexactly(json_length)
            return Frame(json.loads(body), await self._reader.readexactly(data_length))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            return None

    def stop(self) -> None:
        """SIGTERM, upon which it writes into its log where it is; SIGKILL if that does not end it."""
        self._signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(TERM_SECONDS, self._signal, signal.SIGKILL)

    async def end(self) -> None:
        """Hang up, which ends the worker; kill it if it does not follow."""
        self._writer.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
