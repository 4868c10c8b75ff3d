from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from engine import storage
from engine.errors import BadRequest, DiskFull
from engine.spool import STRAY_SECONDS, Spool

PIXELS = np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def add_aged(spool: Spool, value: int, seconds: float) -> str:
    """A picture of 1000 bytes, that old."""
    identity = spool.add(np.full((10, 100), value, np.uint8)).id
    when = time.time() - seconds
    os.utime(spool.path(identity), (when, when))
    return identity


def test_there_and_back(spool: Spool) -> None:
    for pixels in (PIXELS, PIXELS[..., :3], PIXELS[..., 0], PIXELS.astype(np.float32)):
        np.testing.assert_array_equal(spool.read(spool.add(np.ascontiguousarray(pixels)).id), pixels)


@pytest.mark.parametrize("failing", [1, 2])
def test_f34_a_full_disk_leaves_nothing_and_passes(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The first or the second file of a picture cannot be written; later there is room again."""
    calls = 0
    real = os.fdopen

    def full(descriptor: int, mode: str):
        nonlocal calls
        calls += 1
        file = real(descriptor, mode)
        if calls == failing:
            file.close()
            raise OSError(28, "No space left on device")
        return file

    monkeypatch.setattr(storage.os, "fdopen", full)
    with pytest.raises(DiskFull):
        spool.add(PIXELS)
    monkeypatch.undo()
    assert not list(spool.folder.glob("*.raw"))
    assert {path.suffix for path in spool.folder.iterdir()} <= {".json"}
    np.testing.assert_array_equal(spool.read(spool.add(PIXELS).id), PIXELS)


@pytest.mark.parametrize("suffix", [".raw", ".json"])
def test_half_a_picture_is_none_until_it_is_sent_again(spool: Spool, suffix: str) -> None:
    identity = spool.add(PIXELS).id
    spool.path(identity).with_suffix(suffix).unlink()
    with pytest.raises(BadRequest, match="no longer"):
        spool.describe(identity)
    assert spool.add(PIXELS).id == identity
    np.testing.assert_array_equal(spool.read(identity), PIXELS)


def test_trim_removes_the_oldest(spool: Spool) -> None:
    old, middle, new = (add_aged(spool, value, 100 - value) for value in (1, 2, 3))
    spool.trim(2500)
    assert not list(spool.folder.glob(f"{old}*"))
    assert spool.describe(middle)
    assert spool.describe(new)


def test_trim_keeps_what_is_needed(spool: Spool) -> None:
    old, middle, new = (add_aged(spool, value, 100 - value) for value in (1, 2, 3))
    spool.trim(1500, keep={old})
    assert {path.stem for path in spool.folder.iterdir()} == {old}
    spool.trim(0, keep={old})
    assert spool.describe(old)
    for gone in (middle, new):
        with pytest.raises(BadRequest):
            spool.describe(gone)


def test_trim_removes_what_a_killed_writer_left(spool: Spool) -> None:
    old, new = ([spool.folder / f"part-{age}", spool.folder / f"{age}.json"] for age in ("old", "new"))
    for path in (*old, *new):
        path.write_bytes(b"half a face")
    when = time.time() - STRAY_SECONDS - 1
    for path in old:
        os.utime(path, (when, when))
    spool.trim(1000)
    assert sorted(spool.folder.iterdir()) == sorted(new)
