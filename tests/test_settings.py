"""The settings' file: whole or not at all, of a format that is known."""

from __future__ import annotations

import errno
import json
import os

import pytest

from engine.errors import BadRequest, DiskFull
from engine.paths import Home
from engine.settings import FORMAT, Settings, change_settings, load_settings


@pytest.fixture(autouse=True)
def made(home: Home) -> None:
    home.create()


def test_what_is_changed_is_read(home: Home) -> None:
    assert load_settings(home) == Settings()
    change_settings(home, threads=3)
    change_settings(home, keep_parasites=False)
    assert load_settings(home) == Settings(threads=3, keep_parasites=False)
    assert json.loads(home.settings_file.read_text()) == {
        "format": FORMAT,
        "threads": 3,
        "keep_parasites": False,
    }
    assert home.settings_file.stat().st_mode & 0o777 == 0o600


def test_one_written_by_hand_keeps_what_it_has(home: Home) -> None:
    home.settings_file.write_text('{"threads": 2, "of a later version": 1}')
    change_settings(home, idle_seconds=5)
    assert load_settings(home) == Settings(threads=2, idle_seconds=5)
    assert json.loads(home.settings_file.read_text())["of a later version"] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"threads": "many"}', "“threads” is 'many'"),
        ('{"threads": -1}', "“threads” is -1"),
        ("[]", "holds no object"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"format": 2}', "is of format 2"),
    ],
)
def test_nonsense_is_named_and_left_as_it_is(home: Home, content: str, said: str) -> None:
    home.settings_file.write_text(content)
    for act in (load_settings, change_settings):
        with pytest.raises(BadRequest, match=said):
            act(home)
    assert home.settings_file.read_text() == content


def test_a_change_that_makes_no_sense_is_not_written(home: Home) -> None:
    with pytest.raises(BadRequest, match="“refine_steps” is 'all'"):
        change_settings(home, refine_steps="all")
    assert not home.settings_file.exists()


def test_f34_the_disk_is_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    change_settings(home, threads=3)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        change_settings(home, threads=4)
    assert load_settings(home).threads == 3
    assert not list(home.root.glob("part-*"))
