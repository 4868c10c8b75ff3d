"""The dialog's process: wrong calls, no display, no engine. Each says why in its last line."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_the_dialogs_load_no_torch() -> None:
    code = "import sys, plugin.dialogs.opening; print([m for m in sys.modules if m.split('.')[0] == 'torch'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
