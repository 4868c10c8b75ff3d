"""What one running engine consists of, without the socket: worker, jobs, pictures, its age."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import uuid
from dataclasses import dataclass, field

from engine import __version__
from engine.messages import PROTOCOL, Status
from engine.paths import Home
from engine.service.bench import Bench
from engine.service.jobs import Jobs
from engine.settings import Settings
from engine.spool import Spool


@dataclass(frozen=True)
class Commands:
    """How the processes beside the service are started; each gets one argument more."""

    worker: list[str] = field(default_factory=lambda: [sys.executable, "-m", "engine.worker"])
    dialog: list[str] = field(default_factory=lambda: [sys.executable, "-m", "plugin.dialogs"])


class Engine:
    """Lives in one event loop, from `start` to `end`."""

    def __init__(self, home: Home, settings: Settings, commands: Commands) -> None:
        self.home = home
        self.boot_id = uuid.uuid4().hex
        self.spool = Spool(home.spool)
        self.bench = Bench(commands.worker, home)
        self.jobs = Jobs(home, self.bench, commands.dialog, settings.inversions_megabytes * 1_000_000)
        self.stopping = asyncio.Event()
        self._idle_seconds = settings.idle_seconds
        self._born = self._last_request = time.monotonic()

    def start(self) -> None:
        self.spool.clear()
        self.jobs.trim()
        self.bench.start()

    def stop(self) -> None:
        """Have the service end; it does so soon. From here on nobody new finds it: they start the next one."""
        with contextlib.suppress(OSError):
            self.home.connection_file.unlink(missing_ok=True)
        self.jobs.closed = True
        self.stopping.set()

    async def end(self) -> None:
        await self.jobs.stop()
        await self.bench.stop()
        with contextlib.suppress(OSError):
            self.spool.clear()  # photographs do not stay behind

    def touch(self) -> None:
        """A request begins or ends."""
        self._last_request = time.monotonic()

    async def until_stopped(self) -> None:
        """Return when somebody asked for it, or when nobody has wanted anything for the idle time."""
        while not self.stopping.is_set():
            if self.jobs.live:
                self.touch()
            left = self._last_request + self._idle_seconds - time.monotonic()
            if self._idle_seconds and left <= 0:
                self.stop()
            seconds = min(left, 5.0) if self._idle_seconds else None
            try:
                async with asyncio.timeout(seconds):
                    await self.stopping.wait()
            except TimeoutError:
                continue

    def status(self) -> Status:
        return Status(
            version=__version__,
            protocol=PROTOCOL,
            boot_id=self.boot_id,
            pid=os.getpid(),
            uptime_seconds=round(time.monotonic() - self._born, 3),
            worker=self.bench.status(),
            jobs=[job.info() for job in self.jobs.live],
        )
