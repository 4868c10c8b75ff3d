"""Find the engine, or start it: under a lock, so that twenty clients at once start one; and other commands of it.

Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from .client import Client, EngineProblem
from .words import _

LOG_LIMIT = 1_000_000
_POLL_SECONDS = 0.05

# What GIMP's packages set for GIMP's own Python and libraries; the engine has an environment of its own.
_NOT_FOR_THE_ENGINE = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "GI_TYPELIB_PATH",
    "GIO_EXTRA_MODULES",
    "GDK_PIXBUF_MODULE_FILE",
    "GSETTINGS_SCHEMA_DIR",
    "BABL_PATH",
    "GEGL_PATH",
    "LD_PRELOAD",
)


def read_location(folder: Path) -> tuple[Path, list[str]]:
    """Where home is and how to start the engine: `location.json` beside the installed plug-in.

        {"home": "/home/me/.likeness", "command": ["/opt/likeness/.venv/bin/python", "-m", "engine", "serve"]}

    The command ends in `serve` and is started from the home; where our packages are not installed in its Python, it
    names the folder `/opt/likeness/engine` in place of `-m engine`. `LIKENESS_HOME` in the environment overrides the
    home.
    Raises `EngineProblem` (`engine_unavailable`).
    """
    path = folder / "location.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        home, command = data["home"], data["command"]
        if not isinstance(home, str) or not command or not all(isinstance(word, str) for word in command):
            raise TypeError("home is a string and command a list of strings")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineProblem(
            "engine_unavailable",
            _("{path} does not say where the engine is ({error}).").format(path=path, error=error),
            _("Install Likeness again."),
        ) from None
    return Path(os.environ.get("LIKENESS_HOME") or home).expanduser(), list(command)


def ensure_engine(
    home_root: Path,
    command: list[str],
    on_wait: Callable[[], None] | None = None,
    timeout: float = 60.0,
) -> Client:
    """The running engine of this home; started by `command` when nobody answers.

    `on_wait` is called many times a second while waiting; what it raises ends the waiting (not the engine).
    Raises `EngineProblem`: `engine_unavailable` when the engine ends at its start or does not answer in time.
    """
    home_root = Path(home_root).absolute()
    deadline = time.monotonic() + timeout
    client = _running(home_root)
    if client:
        return client
    _make_folders(home_root)
    with _start_lock(home_root / "run" / "start.lock", deadline, on_wait):
        return _running(home_root) or _start(home_root, command, deadline, on_wait)


def start_command(
    home_root: Path, command: list[str], arguments: list[str], stdout: IO[str]
) -> subprocess.Popen[str]:
    """Start another of the engine's commands than `serve`, such as `batch`; its stdin and stderr are pipes.

    Raises `EngineProblem` (`engine_unavailable`).
    """
    _make_folders(home_root)
    try:
        return subprocess.Popen(
            [*command[:-1], *arguments],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=_environment(home_root),
            cwd=home_root,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise _not_started(error) from error


def _not_started(error: OSError) -> EngineProblem:
    return EngineProblem(
        "engine_unavailable",
        _("The engine could not be started: {error}.").format(error=error),
        _("Install Likeness again."),
    )


def _make_folders(home_root: Path) -> None:
    try:
        for folder in (home_root, home_root / "run", home_root / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EngineProblem(
            "engine_unavailable",
            _("The engine's folder cannot be made: {error}.").format(error=error),
            _("Set LIKENESS_HOME to a folder that you can write."),
        ) from error


def _running(home_root: Path) -> Client | None:
    try:
        return Client.connect(home_root)
    except EngineProblem as problem:
        if problem.code != "engine_unavailable":
            raise
        return None


def _start(home_root: Path, command: list[str], deadline: float, on_wait: Callable[[], None] | None) -> Client:
    log = home_root / "logs" / "engine.log"
    with _opened_log(log) as stderr:
        written_before = stderr.tell()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=_environment(home_root),
                cwd=home_root,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise _not_started(error) from error
    threading.Thread(target=process.wait, name="engine's end", daemon=True).start()
    ended = False
    while time.monotonic() < deadline:
        client = _running(home_root)
        if client:
            return client
        if ended:
            reason = _last_line(log, written_before)
            raise EngineProblem(
                "engine_unavailable",
                _("The engine ended at its start. {reason}").format(reason=reason).strip(),
                _("Its log is {log}.").format(log=log),
            )
        ended = process.returncode is not None  # and look once more: another engine may have been there first
        _wait(on_wait)
    raise EngineProblem(
        "engine_unavailable", _("The engine does not answer in time."), _("Its log is {log}.").format(log=log)
    )


def _environment(home_root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_THE_ENGINE}
    kept["LIKENESS_HOME"] = str(home_root)
    libraries = kept.pop("LD_LIBRARY_PATH", "").split(os.pathsep)
    bundle = os.environ.get("APPDIR") or os.environ.get("SNAP") or "/no bundle"
    libraries = [p for p in libraries if p and "gimp" not in p.lower() and not p.startswith(bundle)]
    if libraries:
        kept["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    return kept


def _opened_log(path: Path):
    """The log, for appending; a long one is set aside first."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:  # a full disk or a read-only home must not keep the engine from starting
        descriptor = os.open(os.devnull, os.O_WRONLY)
    file = os.fdopen(descriptor, "ab")
    file.seek(0, os.SEEK_END)
    return file


def _last_line(path: Path, offset: int) -> str:
    """What the engine said last since `offset`."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(offset)
        lines = file.read(LOG_LIMIT).decode("utf-8", "replace").split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
    return ""


def _wait(on_wait: Callable[[], None] | None) -> None:
    if on_wait:
        on_wait()
    time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _start_lock(path: Path, deadline: float, on_wait: Callable[[], None] | None) -> Generator[None, None, None]:
    """Hold the lock under which engines are started; it ends with the process that holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EngineProblem(
            "engine_unavailable", _("The engine cannot be started: {error}.").format(error=error)
        ) from error
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise EngineProblem(
                    "engine_unavailable", _("Another program has been starting the engine for too long.")
                )
            _wait(on_wait)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
