"""Where the engine is reached: the private folders, the socket, the connection file.

A unix socket; loopback TCP where the system has none (Windows), or where LIKENESS_TRANSPORT=tcp asks for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from engine.errors import EngineUnavailable
from engine.paths import Home
from plugin.likeness.wire import LOOPBACK

MAX_SOCKET_PATH = 100  # the systems' limits are 104 and 108 bytes, with a final zero
_TEMPORARY = "likeness-"


@dataclass(frozen=True)
class Connection:
    """The content of the connection file."""

    address: str
    token: str
    protocol: int
    version: str
    boot_id: str
    pid: int

    def write(self, path: Path) -> None:
        """Atomically, and 0600 from the first byte."""
        descriptor, part = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise


def check_private(home: Home) -> None:
    """Refuse folders that are not ours or that others may enter: photographs and the token live there.

    Where there are no unix permissions (Windows), the user's profile keeps others out.
    """
    if not hasattr(os, "getuid"):
        return
    for folder in (home.root, home.run, home.spool, home.inversions, home.models, home.logs):
        facts = folder.stat()
        if facts.st_uid != os.getuid():
            raise EngineUnavailable(
                f"{folder} belongs to another user.", "Set LIKENESS_HOME to a folder of yours."
            )
        if facts.st_mode & 0o077:
            raise EngineUnavailable(
                f"{folder} can be entered by others; photographs would lie there.", f"Run: chmod 700 '{folder}'"
            )


def bind(home: Home) -> tuple[socket.socket, str]:
    """A bound socket, not yet listening, and its address. Only for who holds the engine's lock.

    A unix socket that lies there is stale then, and is replaced. Raises `EngineUnavailable`.
    """
    _remove_stale(home)
    if os.environ.get("LIKENESS_TRANSPORT") == "tcp" or not hasattr(socket, "AF_UNIX"):
        return _bind_loopback()
    path = _socket_path(home)
    return _bind_unix(path), f"unix:{path}"


def remove(home: Home, address: str) -> None:
    """Take the connection file and the socket away again, and the folder that was made for it."""
    with contextlib.suppress(OSError):
        home.connection_file.unlink(missing_ok=True)
    if not address.startswith("unix:"):
        return
    path = Path(address.removeprefix("unix:"))
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        if path.parent != home.run:
            path.parent.rmdir()


def _bind_unix(path: Path) -> socket.socket:
    """0600, in a folder that is 0700."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        sock.close()
        raise EngineUnavailable(
            f"The engine's socket {path} cannot be made: {error}.", f"Mend the permissions of {path.parent}."
        ) from error
    return sock


def _bind_loopback() -> tuple[socket.socket, str]:
    """At a port of the system's choice."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if exclusive := getattr(socket, "SO_EXCLUSIVEADDRUSE", None):  # else Windows lets others share the port
            sock.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        sock.bind((LOOPBACK, 0))
    except OSError as error:
        sock.close()
        raise EngineUnavailable(
            f"The engine gets no port on this machine: {error}.", "See what keeps programs from listening here."
        ) from error
    return sock, f"tcp:{LOOPBACK}:{sock.getsockname()[1]}"


def _socket_path(home: Home) -> Path:
    """In the home where that is short enough; else in the user's runtime folder, or a fresh private one."""
    path = home.run / "engine.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:16]
    runtime = platformdirs.user_runtime_path()
    if _is_private(runtime) and not _is_shared(runtime.parent):
        folder = runtime / f"{_TEMPORARY}{digest}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if _is_private(folder) and len(os.fsencode(folder / "engine.sock")) <= MAX_SOCKET_PATH:
            return folder / "engine.sock"
    # A predictable name in a folder for all is somebody else's to take: a fresh one.
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=base if len(base) < 60 else "/tmp")) / "engine.sock"


def _remove_stale(home: Home) -> None:
    """What an engine that was killed left outside the home, if its connection file still tells."""
    try:
        address = json.loads(home.connection_file.read_bytes())["address"]
        path = Path(address.removeprefix("unix:"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    ours = path.name == "engine.sock" and path.parent.name.startswith(_TEMPORARY) and _is_private(path.parent)
    remove(home, f"unix:{path if ours else home.run / 'engine.sock'}")


def _is_private(folder: Path) -> bool:
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o077


def _is_shared(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IWOTH)
