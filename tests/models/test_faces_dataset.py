"""Sets: same request, same bytes; killed runs go on; foreign folders are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.faces import dataset
from models.faces.dataset import OtherSet, Request, read, shard_path, write
from models.faces.render import render
from models.faces.sampling import sample

REQUEST = Request(count=5, seed=4, size=32, shard=2)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(REQUEST, tmp_path / "whole")
    drawn: list[int] = []

    def dies(face, size):
        drawn.append(size)
        if len(drawn) == 4:
            raise KeyboardInterrupt
        return render(face, size)

    with monkeypatch.context() as patch:
        patch.setattr(dataset, "render", dies)
        with pytest.raises(KeyboardInterrupt):
            write(REQUEST, tmp_path / "killed")
    assert shard_path(tmp_path / "killed", 0).exists()
    assert not shard_path(tmp_path / "killed", 1).exists()
    write(REQUEST, tmp_path / "killed")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_what_is_read_is_what_is_rendered(tmp_path: Path):
    write(REQUEST, tmp_path)
    pictures = list(read(tmp_path))
    assert len(pictures) == REQUEST.count
    assert np.array_equal(pictures[3].image, render(sample(4, 3), 32).image)
    assert np.array_equal(pictures[3].parameters, sample(4, 3).vector())


def test_a_longer_set_keeps_whole_shards_and_another_seed_is_refused(tmp_path: Path):
    write(Request(4, 4, 32, shard=2), tmp_path)
    before = contents(tmp_path)["shard-00000.npz"]
    write(Request(6, 4, 32, shard=2), tmp_path)
    assert contents(tmp_path)["shard-00000.npz"] == before
    assert shard_path(tmp_path, 2).exists()
    with pytest.raises(OtherSet):
        write(Request(6, 5, 32, shard=2), tmp_path)


def test_a_killed_run_of_compositions_ends_with_the_same_bytes(tmp_path: Path):
    dataset.write(REQUEST, tmp_path / "whole", kind=dataset.COMPOSITIONS)
    dataset.write(Request(2, 4, 32, shard=2), tmp_path / "cut", kind=dataset.COMPOSITIONS)
    first = shard_path(tmp_path / "cut", 0)
    written = first.stat().st_mtime_ns
    dataset.write(REQUEST, tmp_path / "cut", kind=dataset.COMPOSITIONS)
    assert first.stat().st_mtime_ns == written
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.long
def test_jobs_change_no_byte(tmp_path: Path):
    write(REQUEST, tmp_path / "one", jobs=1)
    write(REQUEST, tmp_path / "two", jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
