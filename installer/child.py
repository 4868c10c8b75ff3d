"""Programs that the installer starts: their output is read line by line, and they hold the installer's lock."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping


class ChildFailed(Exception):
    """`said` is everything that the program printed."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    @property
    def last_words(self) -> str:
        return " / ".join(line.strip() for line in self.said.strip().splitlines()[-3:])[:600]


def run(
    command: list[str],
    environment: Mapping[str, str],
    lock: int,
    on_line: Callable[[str], None] = lambda _: None,
    timeout: float | None = None,
) -> str:
    """What a program prints, on both streams. It inherits `lock`, so that it holds it even when we are killed.

    Raises `ChildFailed` when it cannot be started, fails or takes longer than `timeout` seconds: then it is killed
    with all that it has started.
    """
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=(lock,) if os.name == "posix" else (),
            start_new_session=timeout is not None,
        )
    except OSError as error:
        raise ChildFailed(f"{command[0]}: {error.strerror}") from error
    with process, _deadline(process, timeout):
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            on_line(line.rstrip())
    if process.returncode:
        raise ChildFailed("".join(lines) or f"{command[0]} ended with {process.returncode}")
    return "".join(lines)


@contextlib.contextmanager
def _deadline(process: subprocess.Popen[str], seconds: float | None) -> Iterator[None]:
    """Kill the process's group when it takes longer, or when we are interrupted."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, _kill_group, (process,))
    timer.daemon = True
    timer.start()
    try:
        yield
    except BaseException:
        _kill_group(process)
        raise
    finally:
        timer.cancel()


def _kill_group(process: subprocess.Popen[str]) -> None:
    if os.name != "posix":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
