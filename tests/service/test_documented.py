"""The interface as it is written down: the description is current, and every line of the README works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.paths import Home
from engine.service.openapi import FILE, described
from tests.service.engines import Run, start, wait_until

README = FILE.with_name("README.md").read_text("utf-8")
FACE = "ab" * 32
TYPICAL = {"identity": "ID"}


def calls() -> set[str]:
    """`METHOD /path` of all that is described."""
    paths = json.loads(FILE.read_text("utf-8"))["paths"]
    return {
        f"{method.upper()} {path.format_map(TYPICAL)}" for path, methods in paths.items() for method in methods
    } | {"GET /openapi.json"}


def curl_lines() -> list[str]:
    return re.findall(r"^    ((?:SOCKET=|TOKEN=|printf |SIZE=|curl ).*)$", README, re.MULTILINE)


def called(line: str) -> str:
    """The call that a curl line makes."""
    (path,) = re.findall(r"http://likeness(/\S*)", line)
    method = re.search(r"-X (\w+)", line)
    default = "POST" if " -d " in line or "--data-binary" in line else "GET"
    return f"{method[1] if method else default} {re.sub(r'[$](PICTURE|JOB|INVERSION)', 'ID', path.partition('?')[0])}"


def test_the_description_is_current() -> None:
    """Else: python -m engine.service.openapi"""
    assert FILE.read_text("utf-8") == described()


def test_every_call_is_in_the_table_and_among_the_lines() -> None:
    table = set(re.findall(r"^\| `([A-Z]+ /[^`?]*)[^`]*` \|", README, re.MULTILINE))
    assert table == calls()
    assert {called(line) for line in curl_lines() if line.startswith("curl")} == calls()


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="no curl")
def test_every_line_works(home: Home, tmp_path: Path) -> None:
    client = start(home)
    (tmp_path / "4x4.raw").write_bytes(bytes(range(64)))
    picture = client.send_picture(4, 4, "RGBA u8", bytes(range(64)))["id"]
    (home.inversions / f"{FACE}.safetensors").write_bytes(b"good one")
    dialog = Run(client, {"kind": "dialog", "window": "edit", "picture": picture, "title": "wait"})
    wait_until(lambda: any(event["event"] == "progress" for event in dialog.events))
    script = "\n".join(["set -e", 'curl() { command curl -sS --fail-with-body "$@"; echo; }', *curl_lines()])
    said = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PICTURE": picture, "JOB": dialog.job, "INVERSION": FACE},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    dialog.wait()
    assert (tmp_path / "picture.raw").read_bytes() == bytes(range(64))
    assert '"event":"done"' in said.stdout
    wait_until(lambda: not home.connection_file.exists())
