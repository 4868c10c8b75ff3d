"""An upgrade and an uninstall killed (SIGKILL) somewhere: run again they end well, and what is the user's is untouched."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.installer.stand_in import User, fingerprint, make_user
from tests.installer.test_killed import run

POINTS = 6
FEW = (3,)  # of the points, in the quick run
NUMBERS = [n if n in FEW else pytest.param(n, marks=pytest.mark.long) for n in range(POINTS)]


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often a whole upgrade and a whole uninstall change something."""
    user = make_user(tmp_path_factory.mktemp("counted"))
    assert user.install().returncode == 0
    counted = {"uninstall": last_number(run(user, 0, "uninstall", "--yes"))}
    assert user.install().returncode == 0
    user.make_newer()
    return counted | {"upgrade": last_number(run(user, 0, "upgrade", *user.ingredients()))}


def last_number(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stderr
    return int(done.stderr.splitlines()[-1])


def point(changes: int, number: int) -> int:
    return 1 + (changes - 1) * number // (POINTS - 1)


@pytest.mark.parametrize("number", NUMBERS)
def test_killed_upgrade(user: User, changes: dict[str, int], number: int) -> None:
    """Until it is run again, the plug-in that is there names an environment that is there."""
    assert user.install().returncode == 0
    mine = user.gather()
    user.make_newer()
    killed = run(user, point(changes["upgrade"], number), "upgrade", *user.ingredients())
    assert killed.returncode == -signal.SIGKILL
    location = user.plugin / "location.json"
    if location.exists():
        assert Path(json.loads(location.read_text())["command"][0]).exists()
    done = user.installer("upgrade", *user.ingredients())
    assert done.returncode == 0, done.stderr
    said = user.installer("status")
    assert (said.returncode, said.stdout.splitlines()[0]) == (0, f"Likeness 0.2.0 in {user.likeness}"), (
        said.stdout
    )
    assert "# newer" in (user.plugin / "job.py").read_text()
    assert len([*(user.likeness / "program").iterdir()]) == 2, "one environment, and the link to it"
    now = fingerprint(user.likeness)
    assert {name: now[name] for name in mine} == mine


@pytest.mark.parametrize("number", NUMBERS)
def test_killed_upgrade_is_removed(user: User, changes: dict[str, int], number: int) -> None:
    before = fingerprint(user.home)
    assert user.install().returncode == 0
    user.make_newer()
    run(user, point(changes["upgrade"], number), "upgrade", *user.ingredients())
    gone = user.installer("uninstall", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert fingerprint(user.home) == before


@pytest.mark.parametrize("number", NUMBERS)
def test_killed_uninstall(user: User, changes: dict[str, int], number: int) -> None:
    """Run again it ends clean; installed again instead, it is whole. What is the user's stays in both."""
    before = fingerprint(user.home)
    for again in ("install", "uninstall"):
        assert user.install().returncode == 0
        mine = user.gather()
        killed = run(user, point(changes["uninstall"], number), "uninstall", "--yes")
        assert killed.returncode == -signal.SIGKILL
        if again == "install":
            done = user.install()
            assert done.returncode == 0, done.stderr
            assert user.installer("status").returncode == 0
        done = user.installer("uninstall", "--yes")
        assert done.returncode == 0, done.stderr
        now = fingerprint(user.home)
        assert {name: text for name, text in now.items() if name in before} == before
        assert fingerprint(user.likeness) == mine, "nothing but this stays"
