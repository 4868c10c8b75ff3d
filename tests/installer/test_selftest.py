"""The self-test in a real GIMP 3: the procedures are there, an inversion comes back, and nothing stays behind."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.paths import Home
from installer.errors import InstallError
from installer.locks import locked
from installer.plugin import install
from installer.selftest import prove_in_gimp
from tests.conftest import left_over
from tests.gimp.chroot import Gimp3
from tests.gimp.conftest import gimp_or_skip

ROOT = Path(__file__).resolve().parents[2]

# A GIMP on PATH that lies in a chroot: it gets the variables that the self-test sets.
CONSOLE = """#!{python}
import os, sys
sys.path.insert(0, {repository!r})
from pathlib import Path
from tests.gimp.chroot import Gimp3
wanted = {{name: value for name, value in os.environ.items() if name.startswith(("GIMP3", "LIKENESS", "XDG"))}}
root = {root!r} and Path({root!r})
command = Gimp3(root, {console!r}).command(Path({share!r}), wanted, {console!r}, *sys.argv[1:])
os.execvp(command[0], command)
"""


@pytest.fixture
def share() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lk-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def gimp() -> Gimp3:
    return gimp_or_skip()


@pytest.mark.gimp
def test_an_inversion_comes_back(gimp: Gimp3, share: Path) -> None:
    console, profile, scratch = share / "console", share / "3.0", share / "scratch"
    root = str(gimp.root) if gimp.root else ""
    console.write_text(
        CONSOLE.format(
            python=sys.executable, repository=str(ROOT), root=root, console=gimp.console, share=str(share)
        )
    )
    console.chmod(0o755)
    command = gimp.on_host([sys.executable, str(ROOT / "engine"), "serve"])
    plugin = install(profile, share / "never used", command)
    with locked(share / "home") as lock:
        prove_in_gimp(console, profile, scratch, lock)
        (plugin / "likeness.py").chmod(0o644)
        with pytest.raises(InstallError, match="does not see the plug-in"):
            prove_in_gimp(console, profile, scratch, lock)
    assert {path.name for path in share.iterdir()} == {"console", "3.0", "home"}
    assert [path.name for path in profile.iterdir()] == ["plug-ins"], (
        "the user's profile is not GIMP's in the test"
    )
    assert not left_over(Home(scratch / "home"))
