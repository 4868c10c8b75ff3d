"""What never gets into a log: a photograph, its name, a token."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli import main
from engine.paths import Home
from plugin.likeness.client import EngineProblem
from tests.conftest import LivingEngine
from tests.service.engines import Run, connection, edit, picture, raw_request, start

PHOTO = Path(__file__).parent / "photos" / "astronaut.png"
TELLING = "Anna Behrens at the beach"


def logged(home: Home) -> bytes:
    return b"\n".join(path.read_bytes() for path in home.logs.iterdir())


def check_silence(home: Home, logs: bytes) -> None:
    assert b"Anna" not in logs
    assert b"beach" not in logs
    assert connection(home)["token"].encode() not in logs
    assert PHOTO.read_bytes()[:16] not in logs


def test_a_photograph_with_a_telling_name(
    real_engine: LivingEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_HOME", str(real_engine.home.root))
    photo = tmp_path / f"{TELLING}.png"
    photo.write_bytes(PHOTO.read_bytes())
    invert = ["invert", str(photo), "-o", str(tmp_path / TELLING), "--refine-steps", "0"]
    assert main(invert) == 0
    assert main([*invert, "--face", "7"]) == 1
    check_silence(real_engine.home, logged(real_engine.home))


def test_all_that_goes_wrong(home: Home) -> None:
    """Jobs, dialogs, requests and processes that fail leave tracebacks, and no more."""
    client = start(home)
    for fault in ("broken", "memory", "die"):
        assert isinstance(Run(client, edit(client, **{fault: 1.0})).wait(), EngineProblem)
    for title in ("fail", TELLING):
        dialog = {"kind": "dialog", "window": "edit", "picture": picture(client), "title": title}
        assert isinstance(Run(client, dialog).wait(), Exception)
    raw_request(home, "POST", f"/v1/{TELLING.replace(' ', '%20')}")
    raw_request(home, "POST", "/v1/jobs", body=f'{{"kind": "edit", "title": "{TELLING}"}}'.encode())
    raw_request(home, "GET", "/v1/status", {"Authorization": f"Bearer {TELLING}"})
    logs = logged(home)
    assert b"ZeroDivisionError" in logs, "something was logged"
    check_silence(home, logs)
