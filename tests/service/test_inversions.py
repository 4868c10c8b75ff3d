"""The limit of the cache of inversions, without an engine and at its start."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.paths import Home
from engine.service.inversions import DAMAGED_SECONDS, STRAY_SECONDS, trim_inversions
from tests.service.engines import Run, edit, start, wait_until


def put(home: Home, name: str, seconds: float, size: int = 1000) -> Path:
    """A file in the cache that was last used so long ago."""
    path = home.inversions / name
    path.write_bytes(bytes(size))
    when = time.time() - seconds
    os.utime(path, (when, when))
    return path


def test_the_longest_unused_go(home: Home) -> None:
    home.create()
    old, middle, new = (
        put(home, f"{name}.safetensors", age) for name, age in (("a", 30), ("b", 20), ("c", 10))
    )
    trim_inversions(home, 3000)
    assert old.exists()
    trim_inversions(home, 0)
    assert old.exists()
    trim_inversions(home, 2999)
    assert not old.exists()
    trim_inversions(home, 1000, keep={middle.stem})
    assert middle.exists()
    assert not new.exists()


def test_what_was_not_used_for_long_goes(home: Home) -> None:
    home.create()
    old, older, new = (
        put(home, f"{name}.safetensors", age) for name, age in (("a", 300), ("b", 301), ("c", 10))
    )
    trim_inversions(home, 0, keep={older.stem}, limit_seconds=200)
    assert not old.exists()
    assert older.exists()
    assert new.exists()


def test_what_is_damaged_or_stray_goes_in_time(home: Home) -> None:
    home.create()
    gone = [put(home, "a.damaged", DAMAGED_SECONDS + 9), put(home, "tmpabc", STRAY_SECONDS + 9)]
    kept = [
        put(home, "b.damaged", DAMAGED_SECONDS - 99),
        put(home, "tmpdef", 5),
        put(home, "c.safetensors", 1e7),
    ]
    trim_inversions(home, 1_000_000)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


def test_the_engine_keeps_the_limit(home: Home) -> None:
    home.create()
    home.settings_file.write_text('{"inversions_megabytes": 1}')
    old = put(home, f"{'aa' * 32}.safetensors", 300, 600_000)
    new = put(home, f"{'bb' * 32}.safetensors", 200, 600_000)
    parts = put(home, "part-dead", STRAY_SECONDS + 9), put(home, "part-half", 5)
    client = start(home)
    assert not old.exists()
    assert new.exists()
    assert [path.exists() for path in parts] == [False, True], "somebody else may be writing the other"
    newest = put(home, f"{'cc' * 32}.safetensors", 100, 600_000)
    Run(client, edit(client)).wait()
    wait_until(lambda: not new.exists())
    assert newest.exists()
