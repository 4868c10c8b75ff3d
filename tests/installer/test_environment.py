"""environment.sh, with a fake python on PATH: what it does with environments that are missing, whole, or broken."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "installer" / "environment.sh"

# Makes an "environment" whose python has pip, or fails half-way as Debian's does without python3-venv.
FAKE_PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
for folder; do :; done
echo "$*" >>log
[ "$3" != --clear ] || rm -rf "$folder"
mkdir -p "$folder/bin"
cp fake-inner "$folder/bin/python"
[ ! -e no-ensurepip ] || exit 1
touch "$folder/pip"
"""
FAKE_INNER = """#!/bin/sh
[ -e .venv/pip ] || { echo "No module named pip" >&2; exit 1; }
[ "$3" = --version ] && exit 0
echo "$*" >>log
[ ! -e no-network ]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "installer").mkdir()
    shutil.copy(SCRIPT, tmp_path / "installer")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("# a comment\ntorch==1.2.3\n")
    (tmp_path / "path").mkdir()
    for path, text in ((tmp_path / "path" / "python3", FAKE_PYTHON), (tmp_path / "fake-inner", FAKE_INNER)):
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def ensure(checkout: Path, extra: str = "") -> tuple[int, str, list[str]]:
    """Exit code, what was said on stderr, and what was run."""
    (checkout / "log").write_text("")
    done = subprocess.run(
        ["/bin/sh", "-euc", f'. installer/environment.sh; ensure_environment "{extra}"; echo "$python"'],
        cwd=checkout,
        env=os.environ | {"PATH": f"{checkout / 'path'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        assert done.stdout.splitlines()[-1] == str(checkout / ".venv/bin/python")
    return done.returncode, done.stderr, (checkout / "log").read_text().splitlines()


def test_made_once_for_each_state(checkout: Path) -> None:
    code, said, ran = ensure(checkout)
    assert (code, said) == (0, "")
    assert ran[0] == "-m venv --clear .venv"
    assert ran[1].endswith("torch==1.2.3")
    assert ran[2].endswith("--editable .")
    assert ensure(checkout)[2] == []
    assert [line.split()[-1] for line in ensure(checkout, "dev")[2]] == ["torch==1.2.3", ".[dev]"]
    assert ensure(checkout)[2] == []  # what the tests need includes what use needs
    (checkout / "pyproject.toml").write_text("[project] # changed\n")
    assert "-m venv" not in " ".join(ensure(checkout)[2])


def test_a_broken_environment_is_made_again(checkout: Path) -> None:
    (checkout / "no-ensurepip").touch()
    for _ in range(2):
        code, said, ran = ensure(checkout)
        assert code == 1
        assert "python3-venv" in said
        assert "No module named pip" not in said
        assert ran == ["-m venv --clear .venv"]
    (checkout / "no-ensurepip").unlink()
    (checkout / ".venv/left-over").touch()
    assert ensure(checkout)[0] == 0
    assert not (checkout / ".venv/left-over").exists()


def test_packages_that_cannot_be_had(checkout: Path) -> None:
    (checkout / "no-network").touch()
    code, said, _ = ensure(checkout)
    assert code == 1
    assert said.count("\n") == 1
    assert "could not be installed" in said
    (checkout / "no-network").unlink()
    assert ensure(checkout)[2][0].startswith("-m pip install")  # not from the beginning
