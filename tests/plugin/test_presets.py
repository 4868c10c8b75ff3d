"""Presets in their file: saved whole, read with distrust."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from engine.errors import BadRequest
from plugin.dialogs.presets import MOST_BYTES, Presets, load_presets, save_presets

GOOD = {"format": "likeness-presets", "version": 1, "presets": [], "last": None}


def test_they_come_back_as_they_were_saved(tmp_path: Path) -> None:
    path = tmp_path / "presets.json"
    assert load_presets(path) == Presets({})
    presets = Presets({}).with_preset("  Zest  of life ", {"smile": 1.2}).with_preset("autumn", {"age": -1.0})
    save_presets(path, presets.with_last({"nose": 0.5}))
    assert load_presets(path) == Presets(
        {"autumn": {"age": -1.0}, "Zest of life": {"smile": 1.2}}, {"nose": 0.5}
    )
    assert list(load_presets(path).named) == ["autumn", "Zest of life"]
    assert list(tmp_path.iterdir()) == [path]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_name_takes_the_place_and_can_go() -> None:
    presets = Presets({}).with_preset("a", {"smile": 1.0}).with_preset("a", {"smile": 2.0})
    assert presets.named == {"a": {"smile": 2.0}}
    assert presets.without("a").named == {}


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_name_is_needed(name: str) -> None:
    with pytest.raises(BadRequest, match="name"):
        Presets({}).with_preset(name, {})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps(GOOD | {"format": "something"}),
        json.dumps(GOOD | {"version": 2}),
        json.dumps(GOOD | {"presets": [{"name": 5, "edits": {}}]}),
        json.dumps(GOOD | {"presets": [{"name": "a", "edits": [1]}]}),
        json.dumps(GOOD | {"presets": [{"name": "a", "edits": {"smile": "much"}}]}),
        json.dumps(GOOD | {"last": {"smile": 99}}),
        '{"format": "likeness-presets", "version": 1, "presets": [], "last": {"smile": NaN}}',
        json.dumps(GOOD | {"presets": [{"name": str(n), "edits": {}} for n in range(500)]}),
        " " * (MOST_BYTES + 1),
    ],
)
def test_a_file_that_lies_is_refused_with_a_sentence_and_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / "presets.json"
    path.write_text(content)
    with pytest.raises(BadRequest) as refusal:
        load_presets(path)
    assert refusal.value.sentence.endswith(".")
    assert refusal.value.remedy
    assert path.read_text() == content


@pytest.mark.skipif(sys.platform == "win32", reason="hard links and limits of POSIX")
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "presets.json"
    save_presets(path, Presets({"a": {"smile": 1.0}}))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadRequest, match="No space left"):
        save_presets(path, Presets({}))
    assert load_presets(path).named == {"a": {"smile": 1.0}}
    assert list(tmp_path.iterdir()) == [path]
