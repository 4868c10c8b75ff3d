"""The dialog's process: wrong calls, no display, no engine. Each says why in its last line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.plugin.conftest import JOB

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 30


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "plugin.dialogs", *arguments],
        env=kept | {"LIKENESS_HOME": str(home)} | environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize("arguments", [(), ("../../etc/passwd",), (JOB, JOB)])
def test_a_wrong_call(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(tmp_path, *arguments).returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_no_display_is_a_sentence(tmp_path: Path) -> None:
    ended = run(tmp_path, JOB)
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith("No window can be opened:")


def test_no_engine_is_a_sentence(tmp_path: Path) -> None:
    ended = run(tmp_path, JOB, QT_QPA_PLATFORM="offscreen")
    assert ended.returncode == 4
    assert ended.stderr.splitlines()[-1] == "No engine is running."


DIALOG = """
import sys
from pathlib import Path
import numpy as np
from engine.messages import DialogRequest
from engine.paths import Home
from plugin.dialogs.opening import open_dialog
from tests.plugin.fake_client import FakeEngine
engine = FakeEngine(np.zeros((64, 64, 3), np.uint8), boxes=[(10, 10, 40, 40)], step_seconds=60)
print("opening", flush=True)
request = DialogRequest(window="edit", picture=engine.picture)
sys.exit(open_dialog(request, "a" * 32, engine.connect, Home(Path(sys.argv[1])), 80))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="X11")
def test_a_display_that_cannot_be_reached_is_a_sentence(tmp_path: Path) -> None:
    """Qt would abort with a core dump."""
    environment = os.environ | {"DISPLAY": ":4711", "QT_QPA_PLATFORM": "xcb"}
    command = [sys.executable, "-c", DIALOG, str(tmp_path)]
    ended = subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith("No window can be opened:")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_sigterm_ends_it_at_once(tmp_path: Path) -> None:
    """Also in the middle of a job: the connection ends with the process."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [
        sys.executable,
        "-c",
        "import signal; signal.signal(15, signal.SIG_DFL)\n" + DIALOG,
        str(tmp_path),
    ]
    with subprocess.Popen(
        command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "opening\n"
        time.sleep(1)
        process.terminate()
        assert process.wait(2) == -signal.SIGTERM


def test_the_dialogs_load_no_torch() -> None:
    code = "import sys, plugin.dialogs.opening; print([m for m in sys.modules if m.split('.')[0] == 'torch'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
