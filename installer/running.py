"""An engine that runs while it is to be replaced or removed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from installer.errors import InstallError
from installer.locks import wait_until_free
from plugin.likeness.client import Client, EngineProblem, Json

JOBS_SECONDS = 600
POLL_SECONDS = 2.0
END_SECONDS = 20


def let_finish(home: Path, say: Callable[[str], None]) -> None:
    """Wait until the running engine, if there is one, has no jobs and imports no model.

    Raises `InstallError` when that takes too long.
    """
    deadline = time.monotonic() + JOBS_SECONDS
    with contextlib.suppress(EngineProblem):
        while begun := _begun(Client.connect(home).status()):
            if time.monotonic() >= deadline:
                raise InstallError(
                    "The running engine does not finish its jobs.", "Close its windows, then try again."
                )
            say(f"the running engine finishes what it has begun ({begun})")
            time.sleep(POLL_SECONDS)


def _begun(status: Json) -> int:
    """Jobs, and requests about models; not every version counts these."""
    return len(status["jobs"]) + status.get("models", 0)


def stop_engine(home: Path) -> None:
    """End the engine of a home, if one runs, and wait for its end. Raises `InstallError`."""
    with contextlib.suppress(EngineProblem):
        Client.connect(home).stop()
    if not wait_until_free(home / "run/engine.lock", END_SECONDS):
        raise InstallError("The running engine does not end.", f"See {home / 'logs/engine.log'}, and end it.")
