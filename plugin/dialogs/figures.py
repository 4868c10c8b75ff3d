"""Devices, sizes and times as people say them. Without Qt."""

from __future__ import annotations

from plugin.likeness.words import _

MINUTE, HOUR = 60, 3600


def device_name(device: str | None) -> str:
    """The device as people call it: cpu → CPU, cuda:0 → GPU."""
    kind = (device or "").split(":")[0]
    return {"cpu": "CPU", "cuda": "GPU", "mps": "GPU"}.get(kind, kind)


def size_of(size: int) -> str:
    """Bytes as people say them."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB" if size else _("nothing")


def duration_of(seconds: float) -> str:
    """5 s, 30 min, 3 h."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.0f} h"
