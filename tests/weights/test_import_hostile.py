"""Faults 25 to 28: hostile and damaged files. Nothing runs, each is a named error, and nothing is installed.

The process that reads files in earnest is forked once for each of them: its own limits, its own end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import engine
from engine.cli import main
from engine.errors import BadRequest, ImportRefused
from engine.paths import Home
from engine.weights.importing import import_model
from tests.weights import hostile_files, hostile_pickles

# Loads what the reader loads once, then lets it begin anew for each folder.
_FORKS = """
import os, sys
sys.path.insert(0, sys.argv[1])
from engine.weights.importers.__main__ import main
from pathlib import Path
for folder in sys.argv[2:]:
    if not (child := os.fork()):
        os._exit(main(Path(folder)))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks, links and pipes")


CORPUS = hostile_pickles.CORPUS | hostile_files.CORPUS


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("canary") / "canary"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, canary: Path) -> dict[str, Path]:
    """Each file in a folder of its own."""
    made = {}
    for name, (build, _) in CORPUS.items():
        folder = tmp_path_factory.mktemp("hostile")
        build(folder / name, canary)
        (folder / "request.json").write_text(json.dumps({"files": [str(folder / name)]}))
        made[name] = folder
    return made


@pytest.fixture(scope="module")
def exits(folders: dict[str, Path]) -> dict[str, int]:
    root = Path(engine.__file__).parents[1]
    command = [sys.executable, "-I", "-c", _FORKS, str(root), *map(str, folders.values())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert not done.stderr, done.stderr
    return dict(zip(folders, map(int, done.stdout.split()), strict=True))


@pytest.mark.parametrize("name", CORPUS)
def test_f25_to_f27_refused(name: str, folders: dict[str, Path], exits: dict[str, int], canary: Path) -> None:
    assert exits[name] == 1
    answer: dict[str, Any] = json.loads((folders[name] / "answer.json").read_text())
    error = answer["error"]
    assert error["code"] == CORPUS[name][1], error
    assert error["sentence"].endswith(".")
    assert error["remedy"].endswith(".")
    assert "Error" not in error["sentence"]
    assert not canary.exists()


def test_the_corpus_is_not_small() -> None:
    assert len(CORPUS) >= 50


def test_f25_on_the_command_line(
    home: Home, folders: dict[str, Path], canary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Through all processes: exit code 1, a sentence, no traceback, nothing left, and the embedded model stays."""
    path = folders["zip-with-code.pt"] / "zip-with-code.pt"
    assert main(["models", "import", str(path), "--name", "mine"]) == 1
    said = capfd.readouterr()
    system = f"{os.system.__module__}.system"
    assert f"zip-with-code.pt: It asks for “{system}”" in said.err
    assert "nothing was run" in said.err
    assert "Traceback" not in said.err + said.out
    assert not list(home.models.iterdir())
    assert not canary.exists()


def test_f25_the_reader_can_start_nothing(tmp_path: Path) -> None:
    """Were there a hole in it, the process that reads could neither start programs nor execute source."""
    root = Path(engine.__file__).parents[1]
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "import os, socket, subprocess\n"
        "from engine.weights.importers import __main__ as reader\n"
        "from engine.errors import FileUnsafe\n"
        "reader._limit(0); sys.addaudithook(reader._forbid)\n"
        "stopped = 0\n"
        "for act in (lambda: os.system('true'), lambda: subprocess.run(['true']), lambda: exec('1'), os.fork,\n"
        "            lambda: socket.socket(), lambda: os.execv('/bin/true', ['true'])):\n"
        "    try: act()\n"
        "    except FileUnsafe: stopped += 1\n"
        "try: kept = bytearray(4 << 30)\n"
        "except MemoryError: stopped += 1\n"
        "print(stopped)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "7", done.stderr


@pytest.mark.parametrize(
    "name", ["../x", "/tmp/x", "C:x", "..", "", ".hidden", "a/b", "x" * 200, "a\0b", "a..b"]
)
def test_f28_names_that_lead_elsewhere(home: Home, tmp_path: Path, name: str) -> None:
    torch.save(torch.zeros(2), tmp_path / "a.pt")
    with pytest.raises(BadRequest):
        import_model([tmp_path / "a.pt"], name, home)
    assert not home.models.exists()


def test_f28_a_model_that_is_a_link(home: Home, tmp_path: Path) -> None:
    home.create()
    (home.models / "mine").symlink_to(tmp_path)
    with pytest.raises(BadRequest, match="link"):
        import_model([tmp_path / "a.pt"], "mine", home)


def test_f28_unprintable_file_names(home: Home, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.pt")
    torch.save({"a": 1}, path)
    with pytest.raises(ImportRefused) as caught:
        import_model([Path(path)], "mine", home)
    assert caught.value.sentence.isprintable()
    assert not list(home.models.iterdir())
