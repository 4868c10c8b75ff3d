"""`doctor`: what it finds, and what the bundle does not tell."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.cli import doctor, health, main
from engine.cli.health import Finding
from engine.paths import Home
from tests.service.engines import start
from tests.service.test_inversions import put

QUICK = (health.home_folder, health.inversions, health.socket, health.engine, doctor._room)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch and Qt, whose processes take their time; tests/test_cli.py has them."""
    monkeypatch.setattr(doctor, "_CHECKS", QUICK)


def diagnosed(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    code = main(["doctor", "--json", *options])
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(capsys.readouterr().out)["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
    return code, found


def test_damaged_inversions_are_named(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.create()
    put(home, f"{'aa' * 32}.safetensors", 10)
    put(home, f"{'bb' * 32}.damaged", 10)
    code, found = diagnosed(capsys)
    assert code == 0
    said = [(finding["level"], finding["sentence"]) for finding in found["inversions"]]
    assert said[1:] == [("warn", f"{'aa' * 32} is damaged."), ("warn", f"{'bb' * 32} is damaged.")]
    for finding in found["inversions"][1:]:
        assert main(finding["remedy"].removeprefix("Run: python -m engine ").split()) == 0
    capsys.readouterr()
    assert len(diagnosed(capsys)[1]["inversions"]) == 1


def test_a_home_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setenv("LIKENESS_HOME", str(tmp_path / "none"))
    code, found = diagnosed(capsys)
    assert code == 1
    assert found["home"][0]["level"] == "bad"
    assert "LIKENESS_HOME" in found["home"][0]["remedy"]
    assert not (tmp_path / "none").exists()


def test_the_socket(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnosed(capsys)[1]["socket"][0]["level"] == "ok"
    start(home)
    assert diagnosed(capsys)[1]["socket"][0]["sentence"] == f"{home.run / 'engine.sock'}, private"
    (home.run / "engine.sock").chmod(0o666)
    code, found = diagnosed(capsys)
    assert (code, found["socket"][0]["level"]) == (1, "bad")


def test_a_check_that_stumbles_is_a_finding(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumbling(_: Home) -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr(doctor, "_CHECKS", (stumbling, doctor._room))
    code, found = diagnosed(capsys)
    assert code == 1
    assert "/somewhere" in found["stumbling"][0]["sentence"]
    assert "disk" in found


def test_a_check_that_takes_too_long_is_a_finding(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def hanging(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 120)

    monkeypatch.setattr(subprocess, "run", hanging)
    monkeypatch.setattr(doctor, "_CHECKS", (doctor._dialogs, doctor._room))
    code, found = diagnosed(capsys)
    assert code == 1
    assert "120 seconds" in found["dialogs"][0]["sentence"]
    assert "disk" in found


@pytest.mark.parametrize(
    ("device", "bad"), [("auto", False), ("cpu", False), ("cuda", False), ("mps", True), ("cuda:0", True)]
)
def test_the_device_of_the_settings(
    home: Home, monkeypatch: pytest.MonkeyPatch, device: str, bad: bool
) -> None:
    said = json.dumps({"version": "2.0", "devices": ["cpu (2 threads)", "cuda:0 (A, 1.0 of 2.0 GB free)"]})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=said))
    home.create()
    home.settings_file.write_text(json.dumps({"device": device}))
    found = [finding for finding in doctor._torch(home) if finding.level == "bad"]
    assert len(found) == bad
    for finding in found:
        assert device in finding.sentence
        assert "cpu, cuda." in finding.remedy


def test_displays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert next(doctor._dialogs(home)).level == "warn"
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert next(doctor._dialogs(home)).sentence == "WAYLAND_DISPLAY=wayland-0"


def test_whether_gimp_has_registered_the_plugin(tmp_path: Path) -> None:
    assert doctor._registration(tmp_path).level == "warn"
    (tmp_path / "pluginrc").write_text('(plug-in-def "likeness.py" 17\n    (proc-def "plug-in-likeness-edit" 1')
    assert doctor._registration(tmp_path).level == "ok"


def test_the_bundle_tells_no_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No name of the user, of the home folder, of a file; no token; no picture."""
    user = tmp_path / "anna"
    home = Home(user / "likeness")
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("LIKENESS_HOME", str(home.root))
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "anna")
    home.create()
    put(home, f"{'aa' * 32}.safetensors", 10)
    (home.spool / f"{'ee' * 32}.raw").write_bytes(b"a face")
    token = "0123456789abcdef" * 4
    home.connection_file.touch(0o600)
    home.connection_file.write_text(json.dumps({"address": "unix:/nowhere", "token": token, "protocol": 1}))
    home.settings_file.write_text('{"threads": 2}')
    (home.logs / "engine.log").write_text(
        f"WARNING {home.root}/run: Anna's anna has no {user}/.config, {token}; hannah stays\n"
    )
    bundle = tmp_path / "bundle.zip"
    assert main(["doctor", "--bundle", str(bundle)]) in (0, 1)
    assert f"Written: {bundle}" in capsys.readouterr().out
    with zipfile.ZipFile(bundle) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(texts) == {"report.json", "versions.txt", "files.txt", "settings.json", "engine.log"}
    whole = "\n".join([*texts, *texts.values()])
    for secret in (str(tmp_path), token, "aa" * 32, "ee" * 32, "a face"):
        assert secret not in whole
    assert "anna" not in whole.lower().replace("hannah", "")
    assert "LIKENESS_HOME/run: " in texts["engine.log"]
    assert "USER's USER has no HOME/.config, TOKEN; hannah stays" in texts["engine.log"]
    assert "run/spool: 1 × .raw, 6 bytes" in texts["files.txt"]
    assert json.loads(texts["report.json"])["findings"]
    assert "numpy" in texts["versions.txt"]
