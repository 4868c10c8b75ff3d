"""What is to do, and what is done already."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.batch.plan import JOURNAL, Journal, key_of, photographs_of
from engine.errors import BadRequest


def test_photographs_by_name(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".likeness-batch.jsonl"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in photographs_of(tmp_path)] == ["a.png", "b.JPG"]


def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no photographs"):
        photographs_of(tmp_path)
    with pytest.raises(BadRequest, match="no folder"):
        photographs_of(tmp_path / "none")


def test_a_key_is_of_bytes_and_settings() -> None:
    keys = {
        key_of(b"photograph", {"edits": {"smile": 1.0}, "face": 0}),
        key_of(b"another", {"edits": {"smile": 1.0}, "face": 0}),
        key_of(b"photograph", {"edits": {"smile": 0.5}, "face": 0}),
    }
    assert len(keys) == 3
    assert key_of(b"photograph", {"face": 0, "edits": {"smile": 1.0}}) in keys


def test_a_journal_remembers(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"result")
    Journal(tmp_path).add("a.png", "key")
    again = Journal(tmp_path)
    assert again.is_done("a.png", "key")
    assert not again.is_done("a.png", "other settings")
    assert not again.is_done("b.png", "key")
    (tmp_path / "a.png").unlink()
    assert not again.is_done("a.png", "key")


def test_a_line_cut_short_spoils_nothing(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(b"result")
    Journal(tmp_path).add("a.png", "key")
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"name": "b.png", "ke')
    torn = Journal(tmp_path)
    assert torn.is_done("a.png", "key")
    assert not torn.is_done("b.png", "key")
    torn.add("c.png", "key")
    assert Journal(tmp_path).is_done("c.png", "key")
