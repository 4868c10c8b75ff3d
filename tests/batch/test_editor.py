"""What a batch's worker leaves behind, and what it does not hand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.batch.editor import Editor
from engine.paths import Home

PHOTO = Path(__file__).resolve().parents[1] / "photos" / "astronaut.png"
HEADER = {"edit": {"edits": {"smile": 1.0}, "refine_steps": 0, "model": "default"}, "name": PHOTO.name}


@pytest.fixture
def private(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.mkdir()
    return made


def test_inversions_are_private_and_go_with_the_photograph(home: Home, private: Path) -> None:
    home.create()
    facts, data = Editor(home, private).answer(HEADER, PHOTO.read_bytes())
    assert facts["faces"] == 1
    assert data
    assert not list(home.inversions.iterdir())
    assert not list((private / "inversions").iterdir())


def test_a_result_too_large_to_hand_on_is_refused(
    home: Home, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.batch.editor.MAX_DATA", 1000)
    facts, data = Editor(home, private).answer(HEADER, PHOTO.read_bytes())
    assert facts["error"]["code"] == "photo_too_large"
    assert data == b""
