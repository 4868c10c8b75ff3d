"""The logs of engine and worker: warnings and tracebacks, in files that rotate. No torch here.

A log is for somebody else's eyes: no photograph gets into it, no name of one, no token. Whoever logs an error of a job
says what failed, not on what.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
from pathlib import Path
from typing import BinaryIO

LIMIT = 1_000_000  # bytes; one older log is kept beside it


def log_to(path: Path) -> None:
    """Send this process's warnings there. A full disk or a read-only folder is no reason to stop."""
    logging.raiseExceptions = False
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LIMIT, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def appended(path: Path) -> BinaryIO:
    """The log for what a process says beside its own (a crash of the interpreter, a failed import).

    A long one is set aside first: a process that dies at every start must not fill the disk.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size > LIMIT:
            path.replace(path.with_name(f"{path.name}.1"))
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError:
        return Path(os.devnull).open("ab")
