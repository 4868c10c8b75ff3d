"""The installer killed (SIGKILL) somewhere: run again it ends installed and tested, uninstalled it ends clean."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installer.stand_in import User, fingerprint

KILLED = Path(__file__).parent / "killed.py"
POINTS = 18
FEW = (3, 11)  # of the points, in the quick run: in the environment, in the plug-in


def run(user: User, point: int, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the installer, an installation where none is given, and kill it at a point."""
    program, *arguments = user.command(*(command or ("install", *user.ingredients())))[1:]
    return subprocess.run(
        [sys.executable, str(KILLED), str(point), str(user.home), program, *arguments],
        cwd=user.home,
        env=user.environment(**more),
        capture_output=True,
        text=True,
        check=False,
    )


def changes(user: User) -> int:
    """How often a whole installation changes something; afterwards it is gone again."""
    done = run(user, 0)
    assert done.returncode == 0, done.stderr
    user.installer("uninstall", "--yes")
    return int(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "number", [n if n in FEW else pytest.param(n, marks=pytest.mark.long) for n in range(POINTS)]
)
def test_killed_at_a_point(user: User, number: int) -> None:
    before = fingerprint(user.home)
    point = 1 + (changes(user) - 1) * number // (POINTS - 1)
    for again in ("install", "uninstall"):
        assert fingerprint(user.home) == before
        assert run(user, point).returncode == -signal.SIGKILL
        if again == "install":
            done = user.install()
            assert done.returncode == 0, done.stderr
            said = user.installer("status")
            assert said.returncode == 0, said.stdout
            assert len([*(user.likeness / "program").iterdir()]) == 2, "one environment, and the link to it"
        assert user.installer("uninstall", "--yes").returncode == 0
    assert fingerprint(user.home) == before


@pytest.mark.parametrize("again", ["install", "uninstall"])
def test_killed_while_pip_goes_on(user: User, again: str, tmp_path: Path) -> None:
    """What the killed installer had started is waited for, so that it cannot write into what comes after."""
    before = fingerprint(user.home)
    held = tmp_path / "held"
    held.touch()
    assert run(user, 0, LIKENESS_TEST_KILL_IN_PIP=str(held)).returncode == -signal.SIGKILL
    arguments = user.ingredients() if again == "install" else ["--yes"]
    with subprocess.Popen(
        user.command(again, *arguments),
        env=user.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert any("waiting for its end" in line for line in process.stdout)
        finally:
            held.unlink()
        said = process.stdout.read()
    assert process.returncode == 0, said
    if again == "install":
        assert user.installer("status").returncode == 0
        assert user.installer("uninstall", "--yes").returncode == 0
    assert fingerprint(user.home) == before
