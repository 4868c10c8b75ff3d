"""How much memory a process holds, and how much this machine lets one have. Linux tells; elsewhere nobody looks."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

SHARE = 0.8  # of the machine's memory; beyond it the desktop swaps, then the kernel kills whom it likes

_OWN = re.compile(r"^Rss(?:Anon|Shmem):\s*(\d+) kB$", re.MULTILINE)
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def limit_bytes() -> int | None:
    """What one process may hold: a share of the machine's memory, or of what its control group has (proc(5)).

    None where the system does not tell.
    """
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(_GROUP_LIMIT.read_text("ascii")))  # "max" where there is no limit
    return int(SHARE * total)


def held_bytes(process: int) -> int:
    """The memory that is the process's own, without mapped files (weights); 0 where nobody can tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    return sum(int(kilobytes) for kilobytes in _OWN.findall(status)) * 1024
