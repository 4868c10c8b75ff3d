"""A dialog's process: started with a fixed command and next to nothing of an environment, ended in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from engine.errors import DialogLost
from engine.paths import Home
from engine.service.worker_process import REPOSITORY

TERM_SECONDS = 2.0
START_SECONDS = 10.0  # a failure within these is one of starting

_LEASH = Path(__file__).with_name("leash.py")
_ENDED_BY_HAND = {-signal.SIGTERM, -signal.SIGKILL, -signal.SIGINT, -signal.SIGHUP}

# What the desktop of the person who asked adds to the environment: where the screen is, language, scale, theme.
_OF_THE_DESKTOP = re.compile(
    r"DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_RUNTIME_DIR|LANG|LANGUAGE|LC_[A-Z]+|QT_QPA_PLATFORM|QT_QPA_PLATFORMTHEME"
    r"|QT_[A-Z_]*SCALE[A-Z_]*|QT_[A-Z_]*SCALING|QT_FONT_DPI|QT_STYLE_OVERRIDE|XDG_CURRENT_DESKTOP|GTK_THEME"
    r"|XCURSOR_THEME|XCURSOR_SIZE"
)


def dialog_environment(home: Home, of_the_request: dict[str, str]) -> dict[str, str]:
    """The whole environment of a dialog's process."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept["LIKENESS_HOME"] = str(home.root)
    return kept | of_the_desktop(of_the_request)


def of_the_desktop(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a dialog may get from who asks for it."""
    return {
        name: value
        for name, value in environment.items()
        if _OF_THE_DESKTOP.fullmatch(name) and "\0" not in value
    }


class Dialog:
    """One dialog's process. Made by `start`; `end` is to be called in any case."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._started = time.monotonic()
        self._said: deque[str] = deque(maxlen=20)
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, command: list[str], job: str, home: Home, environment: dict[str, str]) -> Dialog:
        """Start `command JOB`. Raises `DialogLost`."""
        leash = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())]
        try:
            process = await asyncio.create_subprocess_exec(
                *leash,
                *command,
                job,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=dialog_environment(home, environment),
                cwd=REPOSITORY,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise DialogLost(f"The window could not be opened: {error}.", "Install Likeness again.") from error
        return cls(process)

    async def wait(self) -> None:
        """Return when the process has ended by itself or by hand; raise `DialogLost` if it could not start."""
        code = await self._process.wait()
        lived = time.monotonic() - self._started
        await self._listening
        if code != 0 and code not in _ENDED_BY_HAND and lived < START_SECONDS:
            reason = (
                self._said[-1] if self._said else f"The window could not be opened; it ended with code {code}."
            )
            raise DialogLost(reason, "`python -m engine doctor` looks for what may be wrong.")

    async def end(self) -> None:
        """Ask it to end, then make it."""
        for act, seconds in ((self._process.terminate, TERM_SECONDS), (self._process.kill, None)):
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    act()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._process.wait()
        self._listening.cancel()

    async def _listen(self) -> None:
        """Keep the last lines that it says; they may name photographs, so no log gets them."""
        assert self._process.stderr
        while chunk := await self._process.stderr.read(4096):
            lines = (line.strip() for line in chunk.decode("utf-8", "replace").splitlines())
            self._said.extend(line[:300] for line in lines if line)
