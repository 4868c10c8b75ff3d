"""The installer's thin beginning: profiles are found, the plug-in is copied whole, GIMP is asked."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from installer.plugin import SOURCE, InstallError, engine_command, files, install, verify
from installer.profiles import Profile, find_profiles, native_folder
from plugin.likeness.launch import read_location
from tests.gimp.desk import REPOSITORY, Desk


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "APPDATA", "LIKENESS_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_every_profile_is_found(tmp_path: Path) -> None:
    native, flatpak = tmp_path / ".config/GIMP", tmp_path / ".var/app/org.gimp.GIMP/config/GIMP"
    for folder in (native / "3.0", native / "3.2", native / "2.10", native / "3.x", flatpak / "3.0"):
        folder.mkdir(parents=True)
    (native / "3.4").write_text("a file")
    assert find_profiles(tmp_path, "linux") == [
        Profile(native / "3.0"),
        Profile(native / "3.2"),
        Profile(flatpak / "3.0", sandboxed=True),
    ]
    assert find_profiles(tmp_path / "nobody", "linux") == []


def test_where_other_systems_keep_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    assert native_folder(tmp_path, "win32") == tmp_path / "roaming/GIMP"
    assert native_folder(tmp_path, "darwin") == tmp_path / "Library/Application Support/GIMP"


def test_the_plugin_is_copied_verbatim(tmp_path: Path) -> None:
    folder = install(tmp_path, tmp_path / "home", ["python", "engine", "serve"])
    assert folder == tmp_path / "plug-ins" / "likeness"
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert found == {*files(SOURCE), Path("location.json")}
    assert Path("locale/de/LC_MESSAGES/likeness.mo") in found
    for name in files(SOURCE):
        assert (folder / name).read_bytes() == (SOURCE / name).read_bytes()
    assert os.access(folder / "likeness.py", os.X_OK)
    assert read_location(folder) == (tmp_path / "home", ["python", "engine", "serve"])


def test_an_earlier_plugin_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = install(tmp_path, tmp_path / "home", ["old"])
    (folder / "left_from_an_old_version.py").write_text("")
    install(tmp_path, tmp_path / "home", ["new"])
    assert not (folder / "left_from_an_old_version.py").exists()
    assert json.loads((folder / "location.json").read_text())["command"] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["plug-ins"], "nothing is left lying about"


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "likeness.py").write_text("mine")
    (tmp_path / "plug-ins").mkdir()
    (tmp_path / "plug-ins" / "likeness").symlink_to(theirs)
    folder = install(tmp_path, tmp_path / "home", ["x"])
    assert not folder.is_symlink()
    assert (theirs / "likeness.py").read_text() == "mine"


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "plug-ins" / "likeness" / "likeness.py"
    other.parent.mkdir(parents=True)
    other.write_text("somebody else's")
    with pytest.raises(InstallError, match="not ours"):
        install(tmp_path, tmp_path / "home", ["x"])
    assert other.read_text() == "somebody else's"


def test_a_copy_that_fails_leaves_the_earlier_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = install(tmp_path, tmp_path / "home", ["old"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(InstallError, match="No space left"):
        install(tmp_path, tmp_path / "home", ["new"])
    assert json.loads((folder / "location.json").read_text())["command"] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["plug-ins"]


def test_the_command_starts_this_engine_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [*engine_command()[:-1], "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout


def test_without_a_profile_the_command_says_what_to_do(tmp_path: Path) -> None:
    done = run_installer({"HOME": str(tmp_path), "PATH": "/nowhere"})
    assert done.returncode == 1
    assert "Start GIMP once" in done.stderr


@pytest.mark.gimp
def test_gimp_is_asked_whether_it_took_the_plugin(desk: Desk, tmp_path: Path) -> None:
    """The command as a user runs it, with a GIMP on PATH (which leads into the chroot, where there is one)."""
    profile, programs = desk.share / "profile-3.0", tmp_path / "bin"
    profile.mkdir()
    programs.mkdir()
    console = programs / "gimp-console-3.0"
    inner = desk.gimp.command(desk.share, {"GIMP3_DIRECTORY": str(profile)}, desk.gimp.console)
    console.write_text(f'#!/bin/sh\nexec {shlex.join(inner)} "$@"\n')
    console.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    done = run_installer({"HOME": str(tmp_path), "PATH": path}, "--profile", str(profile))
    assert done.returncode == 0, done.stderr
    assert "GIMP has its procedures" in done.stdout

    (profile / "plug-ins" / "likeness" / "likeness.py").chmod(0o644)
    with pytest.raises(InstallError, match="GIMP does not see the plug-in"):
        verify(console, profile)


def run_installer(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "installer", "install-plugin", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
