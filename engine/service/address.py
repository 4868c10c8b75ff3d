"""Where the engine is reached: the private folders, the socket, the connection file."""

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
    """Refuse folders that are not ours or that others may enter: photographs and the token live there."""
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


def bind(home: Home) -> tuple[socket.socket, Path]:
    """A bound unix socket, 0600 in a 0700 folder, not yet listening. Only for who holds the engine's lock.

    A socket that lies there is stale then, and is replaced.
    """
    _remove_stale(home)
    path = _socket_path(home)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        sock.close()
        raise EngineUnavailable(f"The engine's socket {path} cannot be made: {error}.") from error
    return sock, path


def remove(home: Home, socket_path: Path) -> None:
    """Take the connection file and the socket away again, and the folder that was made for it."""
    with contextlib.suppress(OSError):
        home.connection_file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        socket_path.unlink(missing_ok=True)
        if socket_path.parent != home.run:
            socket_path.parent.rmdir()


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
    remove(home, path if ours else home.run / "engine.sock")


def _is_private(folder: Path) -> bool:
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o077


def _is_shared(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IWOTH)
