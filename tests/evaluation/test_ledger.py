"""What was measured is kept, and not taken for something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.evaluation.ledger import Ledger, mean, said, table

SETTINGS = {"model": "a", "steps": 3, "methods": ["ours"]}


def test_what_was_measured_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    first = Ledger(path, SETTINGS)
    assert first.find("one") is None
    first.add("one", {"psnr": 20.5})
    assert first.find("one") == {"psnr": 20.5}
    assert Ledger(path, SETTINGS).find("one") == {"psnr": 20.5}


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    Ledger(path, SETTINGS).add("one", {"psnr": 20.5})
    assert Ledger(path, SETTINGS | {"steps": 4}).find("one") is None
    assert Ledger(path, SETTINGS).find("one") is None


def test_a_line_cut_short_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    Ledger(path, SETTINGS).add("one", {"psnr": 20.5})
    with path.open("a") as file:
        file.write('{"key": "two", "ent')
    torn = Ledger(path, SETTINGS)
    assert torn.find("one") is not None
    assert torn.find("two") is None
    torn.add("three", {"psnr": 1.0})
    assert Ledger(path, SETTINGS).find("three") == {"psnr": 1.0}


def test_opening_leaves_what_is_whole_alone(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    Ledger(path, SETTINGS).add("one", {"psnr": 20.5})
    os.utime(path, (1, 1))
    Ledger(path, SETTINGS)
    assert path.stat().st_mtime == 1


@pytest.mark.parametrize("tail", [b'{"key": "two", "ent', b'{"key": "two", "entry": {}}', b"\xff\xfe\n"])
def test_only_the_torn_tail_is_cut(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "measured.jsonl"
    Ledger(path, SETTINGS).add("one", {"psnr": 20.5})
    whole = path.read_bytes().replace(b": ", b":  ")
    path.write_bytes(whole + tail)
    assert Ledger(path, SETTINGS).find("one") == {"psnr": 20.5}
    assert path.read_bytes() == whole


def test_what_is_not_known_does_not_count() -> None:
    assert mean([1.0, None, 2.0]) == 1.5
    assert mean([None]) is None
    assert table(("a", "b"), [("1", said(None, ".2f"))]) == "| a | b |\n| --- | --- |\n| 1 | – |"
