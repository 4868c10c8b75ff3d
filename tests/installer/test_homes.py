"""Folders that are somebody's already, and two homes: nobody's things are taken or destroyed, nobody's service stopped."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer import uninstall
from installer.manifest import Manifest
from tests.installer.stand_in import User, fingerprint

SYSTEMCTL = """#!/bin/sh
echo "$*" >>{log}
"""


@pytest.fixture
def service_calls(user: User) -> Path:
    """What a stand-in for systemctl was asked, a line each; the user's home is not touched by it."""
    log = user.programs / "systemctl.log"
    program = user.programs / "systemctl"
    program.write_text(SYSTEMCTL.format(log=log))
    program.chmod(0o755)
    return log


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing but a manifest, of a user whose service manager is not there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(uninstall.service.shutil, "which", lambda _: None)
    home = tmp_path / "home"
    home.mkdir()
    Manifest(folders=[str(home)]).save(home)
    return home


@pytest.mark.parametrize(
    "theirs", ["letter.txt", "logs/theirs.log", "run/race.gpx", "program/main.c", "selftest/a"]
)
def test_a_folder_with_other_things_is_refused(user: User, theirs: str) -> None:
    path = user.home / "mine" / theirs
    path.parent.mkdir(parents=True)
    path.write_text("the user's")
    before = fingerprint(user.home)
    done = user.install("--prefix", str(user.home / "mine"))
    assert done.returncode == 1
    assert "name an empty or a new folder with --prefix" in done.stderr
    assert done.stderr.count("\n") == 1
    assert fingerprint(user.home) == before


def test_an_engines_home_and_an_empty_folder_are_taken_and_left(user: User) -> None:
    used = user.home / "used"
    for name in ("run/engine.lock", "logs/engine.log.1", "dialog-edit.ini", "presets.json", "install.lock"):
        (used / name).parent.mkdir(parents=True, exist_ok=True)
        (used / name).touch()
    (user.home / "empty").mkdir()
    for name, stays in (("used", True), ("empty", True), ("new/er", False)):
        home = user.home / name
        done = user.install("--prefix", str(home))
        assert done.returncode == 0, done.stderr
        assert user.installer("uninstall", "--yes", "--prefix", str(home)).returncode == 0
        assert home.exists() == stays
    assert {path.name for path in used.iterdir()} == {"dialog-edit.ini", "presets.json"}
    assert not list((user.home / "empty").iterdir())
    assert not (user.home / "new").exists()


def test_a_second_installation_leaves_the_first_alone(user: User) -> None:
    assert user.install().returncode == 0
    before = fingerprint(user.home)
    other = ["--prefix", str(user.home / "other")]
    refused = user.install(*other)
    assert refused.returncode == 1
    assert f"Uninstall that first, or name it: --prefix {user.likeness}" in refused.stderr
    assert fingerprint(user.home) == before
    assert user.installer("uninstall", "--yes").returncode == 0
    assert user.install(*other).returncode == 0


def test_what_another_home_has_taken_over_stays(user: User, service_calls: Path) -> None:
    assert user.install().returncode == 0
    location = user.plugin / "location.json"
    units = [user.home / f".config/systemd/user/likeness.{kind}" for kind in ("service", "path")]
    for path in (location, *units):
        path.write_text(path.read_text().replace(str(user.likeness), str(user.home / "other")))
    before = fingerprint(user.plugin)
    assert any(name.endswith("likeness.mo") for name in before)
    service_calls.write_text("")
    assert user.installer("uninstall", "--yes").returncode == 0
    assert not user.likeness.exists()
    assert fingerprint(user.plugin) == before
    assert json.loads(location.read_text())["home"] == str(user.home / "other")
    assert all(path.exists() for path in units)
    assert "stop" not in service_calls.read_text()


def test_the_service_is_stopped_and_forgotten(user: User, service_calls: Path) -> None:
    home = str(user.home / "100 % mine")
    assert user.install("--prefix", home).returncode == 0
    service_calls.write_text("")
    assert user.installer("uninstall", "--yes", "--prefix", home).returncode == 0
    assert not (user.home / ".config/systemd").exists()
    stop, reload = service_calls.read_text().splitlines()
    assert stop == "--user stop likeness.path likeness.service"
    assert reload == "--user daemon-reload"


def test_running_jobs_end_before_the_service_is_stopped(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(uninstall, "let_finish", lambda *_: done.append("finished"))
    monkeypatch.setattr(uninstall.service, "switch_off", lambda: done.append("off"))
    monkeypatch.setattr(uninstall, "stop_engine", lambda _: done.append("stopped"))
    assert uninstall.uninstall(made, yes=True, dry_run=False) == 0
    assert done == ["finished", "off", "stopped"]
    assert not made.exists()


def test_what_an_installer_made_meanwhile_is_removed(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    @contextlib.contextmanager
    def locked(_: Path) -> Iterator[int]:
        (made / "program").mkdir()
        Manifest(trees=[str(made / "program")], folders=[str(made)]).save(made)
        yield 0

    monkeypatch.setattr(uninstall, "locked", locked)
    assert uninstall.uninstall(made, yes=True, dry_run=False) == 0
    assert not made.exists()
