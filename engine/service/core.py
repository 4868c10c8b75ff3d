"""What one running engine consists of, without the socket: worker, jobs, pictures, its age."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import engine
from engine import __version__
from engine.messages import PROTOCOL, Status
from engine.paths import Home
from engine.private import remove_abandoned
from engine.service.bench import Bench
from engine.service.jobs import Jobs
from engine.settings import Settings
from engine.spool import Spool

LOOK_SECONDS = 2.0
INSTALLED = engine.__file__  # holds the version: whoever installs another one writes it anew


@dataclass(frozen=True)
class Commands:
    """How the processes beside the service are started; each gets one argument more."""

    worker: list[str] = field(default_factory=lambda: [sys.executable, "-m", "engine.worker"])
    dialog: list[str] = field(default_factory=lambda: [sys.executable, "-m", "plugin.dialogs"])
    weights: list[str] = field(default_factory=lambda: [sys.executable, "-m", "engine.weights"])


class Engine:
    """Lives in one event loop, from `start` to `end`."""

    def __init__(self, home: Home, settings: Settings, commands: Commands) -> None:
        self.home = home
        self.commands = commands
        self.boot_id = uuid.uuid4().hex
        self.spool = Spool(home.spool)
        self.bench = Bench(commands.worker, home)
        self.jobs = Jobs(home, self.bench, commands.dialog, settings)
        self.stopping = asyncio.Event()
        self.about_models: set[asyncio.Task[None]] = set()  # requests, windows; they end soon after `stop`
        self._idle_seconds = settings.idle_seconds
        self._code = _installed_code()
        self._born = self._last_request = time.monotonic()

    def start(self) -> None:
        self.spool.clear()
        remove_abandoned(self.home)
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
        await asyncio.gather(*self.about_models, return_exceptions=True)
        with contextlib.suppress(OSError):
            self.spool.clear()  # photographs do not stay behind

    def touch(self) -> None:
        """A request begins or ends."""
        self._last_request = time.monotonic()

    async def until_stopped(self) -> None:
        """Return when somebody asked for it, or when nobody has wanted anything for the idle time.

        That time is short once another version has been installed: the next client starts that one.
        """
        while not self.stopping.is_set():
            if self.jobs.live:
                self.touch()
            idle = LOOK_SECONDS if _installed_code() != self._code else self._idle_seconds
            left = self._last_request + idle - time.monotonic() if idle else LOOK_SECONDS
            if left <= 0:
                self.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await self.stopping.wait()

    def status(self) -> Status:
        return Status(
            version=__version__,
            protocol=PROTOCOL,
            boot_id=self.boot_id,
            pid=os.getpid(),
            uptime_seconds=round(time.monotonic() - self._born, 3),
            worker=self.bench.status(),
            jobs=[job.info() for job in self.jobs.live],
            models=len(self.about_models),
        )


def _installed_code() -> bytes:
    """What says which version is installed; nothing once it was uninstalled."""
    try:
        return Path(INSTALLED).read_bytes()
    except OSError:
        return b""
