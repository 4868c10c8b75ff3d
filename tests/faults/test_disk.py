"""Rows 34 and 35: no room, nothing that can be written, a log that grows. The cache, the spool, the settings and
downloads have tests of row 34 beside their own.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import DiskFull
from engine.paths import Home
from engine.training import checkpoint
from plugin.likeness.client import EngineProblem
from tests.service.engines import Run, edit, picture, start

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "tests" / "photos" / "astronaut.png"

# A root without the capability to write everywhere is held to permissions, as everybody else is.
AS_A_USER = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.name == "posix" and os.getuid() == 0
    else []
)
needs_setpriv = pytest.mark.skipif(
    bool(AS_A_USER) and not shutil.which("setpriv"), reason="root needs setpriv to be held to permissions"
)

_LOGGING = """
import logging, sys
from pathlib import Path
from engine.logs import log_to
log_to(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    logging.error("a line of the log, number %d: %s", number, "x" * 1000)
print("still here")
"""


def logging_process(path: Path, lines: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*AS_A_USER, sys.executable, "-c", _LOGGING, str(path), str(lines)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def test_f34_no_room_for_a_picture(home: Home) -> None:
    """A disk on which the engine would have to leave more than there is."""
    client = start(home, deadlines={"engine.storage.ROOM_LEFT": 10**18})
    with pytest.raises(EngineProblem) as caught:
        picture(client)
    assert caught.value.code == "disk_full"
    assert "MB are free" in caught.value.sentence
    assert caught.value.remedy == "Make room, then try again."
    assert list(home.spool.iterdir()) == []
    assert client.status()["worker"]["state"] != "stopped"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_f34_no_room_for_the_log(tmp_path: Path) -> None:
    (tmp_path / "engine.log").symlink_to("/dev/full")
    said = logging_process(tmp_path / "engine.log", 3)
    assert (said.stdout, said.stderr) == ("still here\n", "")


def test_f34_no_room_for_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.safetensors"
    checkpoint.save(path, checkpoint.Checkpoint(1, {"weight": torch.ones(3)}, "a run"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        checkpoint.save(path, checkpoint.Checkpoint(2, {"weight": torch.zeros(3)}, "a run"))
    assert list(tmp_path.iterdir()) == [path]
    assert checkpoint.load(path).step == 1


def test_f35_a_log_that_grows(home: Home) -> None:
    """Both ways in which a log grows: by what is logged, and by what a process says at its starts."""
    home.create()
    log = home.logs / "engine.log"
    logging_process(log, 3500)
    assert {path.name for path in home.logs.iterdir()} == {"engine.log", "engine.log.1"}
    assert sum(path.stat().st_size for path in home.logs.iterdir()) < 2_100_000
    assert "number 3499" in log.read_text("utf-8")
    for name in ("engine.log", "worker.log"):
        (home.logs / name).write_bytes(b"x" * 1_100_000)
    Run(client := start(home), edit(client)).wait()
    for name in ("engine.log", "worker.log"):
        assert (home.logs / name).stat().st_size < 100_000
        assert (home.logs / f"{name}.1").stat().st_size >= 1_100_000


@needs_setpriv
def test_f35_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert logging_process(tmp_path / "engine.log", 3).stdout == "still here\n"
    assert list(tmp_path.iterdir()) == []


@needs_setpriv
def test_f35_a_home_that_is_read_only(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written outside of LIKENESS_HOME, so with that elsewhere everything works; without, it is said."""
    user = tmp_path / "user"
    user.mkdir(0o555)
    for name in (
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
    ):
        monkeypatch.setenv(name, str(user))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    photo, output = tmp_path / "photo.png", tmp_path / "out.png"
    Image.fromarray(np.asarray(Image.open(PHOTO).convert("RGB"))).save(photo)
    arguments = ["edit", str(photo), "--set", "smile=1", "--refine-steps", "0", "-o", str(output)]

    monkeypatch.delenv("LIKENESS_HOME")
    code, said = as_a_user(*arguments)
    assert (code, said["error"]["code"]) == (1, "engine_unavailable")
    assert str(user / ".likeness") in said["error"]["sentence"]
    assert "LIKENESS_HOME" in said["error"]["remedy"]
    code, said = as_a_user("doctor")
    assert code == 1
    (found,) = [finding for finding in said["findings"] if finding["subject"] == "home"]
    assert found["level"] == "bad"
    assert "LIKENESS_HOME" in found["remedy"]

    monkeypatch.setenv("LIKENESS_HOME", str(home.root))
    code, said = as_a_user(*arguments)
    assert code == 0, said
    assert output.exists()
    assert list(user.iterdir()) == []


def as_a_user(*arguments: str) -> tuple[int, dict]:
    command = [*AS_A_USER, sys.executable, str(ROOT / "engine"), *arguments, "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600)
    return said.returncode, json.loads(said.stdout)
