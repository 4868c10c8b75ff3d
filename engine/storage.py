"""Files that appear whole or not at all, and only where there is room for them. No torch here.

What is to last (inversions, settings) is synced before it gets its name: after a power cut there is the old file or
the new one. A writer that was killed leaves a file `part-…`, which whoever keeps the folder removes later.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import DiskFull

PART = "part-"
STRAY_SECONDS = 600.0  # a file that is still being written is younger
ROOM_LEFT = 50_000_000  # bytes of a disk that are left to others


def check_room(folder: Path, size: int) -> None:
    """Raises `DiskFull` when writing `size` bytes would leave the disk of `folder` without room."""
    free = shutil.disk_usage(folder).free
    if free < size + ROOM_LEFT:
        raise _full(folder, f" ({free / 1e6:,.0f} MB are free)")


def write_whole(path: Path, data: bytes | bytearray | memoryview, mode: int = 0o600) -> None:
    """Write and sync a file in place of what is there. Raises `DiskFull`; what is there stays then.

    `mode` are its permissions: ours alone, or `shared_mode` for a file that is given to the user.
    """
    with beside(path, len(data)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):  # not every disk knows permissions
                os.fchmod(file.fileno(), mode)
    _sync_folder(path.parent)


def shared_mode(path: Path) -> int:
    """The permissions that a file has, or that the user's new files get."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()


@contextlib.contextmanager
def beside(path: Path, size: int) -> Iterator[BinaryIO]:
    """A file of about `size` bytes to be written, 0600; it gets its name `path` once that has gone well."""
    check_room(path.parent, size)
    descriptor, name = tempfile.mkstemp(prefix=PART, dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path.parent, "") from error
        raise


def _umask() -> int:
    """It can be read only by setting it: to what gives too little meanwhile, never too much."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _full(folder: Path, facts: str) -> DiskFull:
    return DiskFull(f"The disk that holds {folder} is full{facts}.", "Make room, then try again.")


def _sync_folder(folder: Path) -> None:
    """The new name, too, outlives a power cut, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
