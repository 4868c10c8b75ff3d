"""Installed in one step, gone in one step: for a user with two GIMPs and a Flatpak, from a folder of tiny wheels."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from installer.checks import default_python
from plugin.likeness.launch import read_location
from tests.installer.stand_in import User, fingerprint
from tests.test_imports import ALL, imports_of

FLATPAK = ".var/app/org.gimp.GIMP/config/GIMP/3.0"


def test_installed_and_gone(user: User) -> None:
    user.add_gimp("3.2")
    (user.home / FLATPAK).mkdir(parents=True)
    before = fingerprint(user.home)

    looked = user.install("--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert "Nothing was written" in looked.stdout
    assert re.search(r"about \d+ MB on disk", looked.stdout)
    assert fingerprint(user.home) == before

    done = user.install()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("an inversion came back") == 2
    assert user.installer("status").returncode == 0
    profiles = [user.home / ".config/GIMP/3.0", user.home / ".config/GIMP/3.2", user.home / FLATPAK]
    for profile in profiles:
        assert (profile / "plug-ins/likeness/likeness.py").stat().st_mode & 0o111
    home, command = read_location(user.plugin)
    assert home == user.likeness
    assert Path(command[0]).is_file()
    assert Path(command[1], "__main__.py").is_file()
    assert read_location(profiles[2] / "plug-ins/likeness")[1][0] == "/bin/sh", "a sandbox asks the host"
    new = {user.home / name for name in fingerprint(user.home).keys() - before.keys()}
    assert {path.relative_to(user.home).parts[0] for path in new} == {".likeness", ".config", ".var"}

    gone = user.installer("uninstall", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "are free again" in gone.stdout
    assert fingerprint(user.home) == before
    assert "not installed" in user.installer("uninstall", "--yes").stdout
    assert user.installer("status").returncode == 1
    assert fingerprint(user.home) == before


def test_what_is_the_users_stays_unless_they_say_so(user: User) -> None:
    before = fingerprint(user.home)
    assert user.install().returncode == 0
    mine = user.gather()
    (user.likeness / "run").mkdir()  # the engine's
    note = user.plugin / "my notes.txt"
    note.write_text("not the installer's")

    gone = user.installer("uninstall", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "What stays is yours" in gone.stdout
    assert note.read_text() == "not the installer's"
    assert fingerprint(user.likeness) == mine
    shutil.rmtree(user.home / ".config")

    assert user.install().returncode == 0
    asked = user.installer("uninstall", said="n\ny\nno\n")
    assert asked.stdout.count("[y/N]") == 3
    assert fingerprint(user.likeness).keys() == {k for k in mine if not k.startswith("inversions")}

    assert user.install().returncode == 0
    assert user.installer("uninstall", said="y\ny\n").returncode == 0
    assert fingerprint(user.home) == before


def test_nothing_happens_without_consent(user: User) -> None:
    before = fingerprint(user.home)
    arguments = [word for word in user.ingredients() if word != "--yes"]
    for said in ("n\n", ""):
        assert "Answer y" in user.installer("install", *arguments, said=said).stderr
    assert fingerprint(user.home) == before


def test_a_failed_upgrade_rolls_back_and_a_good_one_keeps_what_is_yours(user: User) -> None:
    assert user.install().returncode == 0
    mine = user.gather()
    old = fingerprint(user.home)

    user.make_newer()
    project = user.tree / "pyproject.toml"
    text = project.read_text()
    project.write_text("\n".join(line for line in text.splitlines() if "fastapi" not in line))
    failed = user.installer("upgrade", *user.ingredients())
    assert failed.returncode == 1
    assert "undoing" in failed.stdout
    assert "No inversion came back" in failed.stderr
    now = fingerprint(user.home)
    changed = {name for name in old.keys() | now.keys() if old.get(name) != now.get(name)}
    assert not {name for name in changed if "__pycache__" not in name and "installed.json" not in name}
    assert "Likeness 0.1.0" in user.installer("status").stdout

    project.write_text(text)
    done = user.installer("upgrade", *user.ingredients())
    assert done.returncode == 0, done.stderr
    assert "# newer" in (user.plugin / "job.py").read_text()
    said = user.installer("status")
    assert (said.returncode, said.stdout.splitlines()[0]) == (0, f"Likeness 0.2.0 in {user.likeness}")
    assert len([*(user.likeness / "program").glob("env-*")]) == 1
    now = fingerprint(user.likeness)
    assert {name: now[name] for name in mine} == mine


def test_repaired_from_within_without_the_sources(user: User) -> None:
    assert "not installed" in user.installer("repair", *user.ingredients()).stderr
    assert user.install().returncode == 0
    shutil.rmtree(user.tree)
    current = user.likeness / "program/current"
    own = next(current.glob("lib/python3.*/site-packages"))
    (own / "engine/spool.py").write_text("# damaged\n")
    (user.plugin / "client.py").unlink()
    (user.plugin / "likeness.py").chmod(0o644)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(current / "bin/python"), "-m", "installer", *arguments]
        return subprocess.run(
            command, cwd="/", env=user.environment(), capture_output=True, text=True, check=False
        )

    said = run("status")
    assert said.returncode == 1
    assert "engine/spool.py" in said.stdout
    assert "run bit" in said.stdout
    mended = run("repair", "--yes")
    assert mended.returncode == 0, mended.stderr
    assert run("status").returncode == 0
    assert (user.plugin / "client.py").is_file()
    assert run("uninstall", "--yes").returncode == 0
    assert [path.name for path in user.home.iterdir()] == ["a picture.xcf"]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_offline_without_any_network(user: User) -> None:
    """The command that people type, with a real pip, where there is not even a loopback."""
    command = [str(user.tree / "installer/install"), "--yes", "--offline", "../wheels"]
    done = subprocess.run(
        ["unshare", "--net", "--map-root-user", *command],
        cwd=user.home,
        env=user.environment(PATH=f"{user.programs}:{default_python().parent}:/usr/bin:/bin"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "is installed and tested" in done.stdout
    assert user.installer("status").returncode == 0


def test_any_python_can_run_it() -> None:
    """Nothing but the standard library and ours, bar what ./run shows."""
    for name, path in ALL.items():
        if name.startswith("installer") and name not in ("installer.showcase", "installer.inside_gimp"):
            for imported in imports_of(name, path):
                top = imported.split(".")[0]
                assert top in sys.stdlib_module_names or top in ("engine", "installer", "plugin"), (
                    name,
                    imported,
                )
