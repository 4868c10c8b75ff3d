"""What engine/README.md tells about errors and about privacy, held against the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import installer.errors  # one of the tree's branches
from engine.cli.parser import make_parser
from engine.errors import LikenessError
from engine.logs import LIMIT
from engine.paths import Home
from engine.private import PrivateFolder
from engine.service import core, guard, inversions, jobs, models, protocol
from engine.settings import Settings

README = (Path(core.INSTALLED).parent / "README.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"`python -m engine ([a-z][^`]*)`", README)))
DAY = 86_400


def codes(of: type[LikenessError] = LikenessError) -> Iterator[str]:
    yield of.code
    for branch in of.__subclasses__():
        yield from codes(branch)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its first two lines."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_every_code_is_explained_once() -> None:
    assert installer.errors.InstallError.code == "install_failed"
    explained = [re.fullmatch(r"`(\w+)`", row[0]) for row in rows("When something fails")]
    assert sorted(found[1] for found in explained if found) == sorted(set(codes()))
    assert all(found for found in explained)


def test_every_code_has_a_meaning_and_a_remedy() -> None:
    assert all(len(row) == 3 and all(row) for row in rows("When something fails"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command: str) -> None:
    make_parser().parse_args(shlex.split(command))


def test_the_numbers_are_those_of_the_code() -> None:
    settings = Settings()
    assert (
        f"{jobs.MAX_JOBS} jobs, {models.MOST} requests about models or {protocol.MAX_CONNECTIONS} conn"
        in README
    )
    assert f"{guard.MAX_PICTURE // 16 // 10**6} million pixels" in README
    kept = {row[0]: row[2] for row in rows("What is kept of you, where, and for how long")}
    assert f"{settings.idle_seconds // 60} minutes" in kept["`run/spool`"]
    assert f"{jobs.SPOOL_BYTES // 10**9} GB" in kept["`run/spool`"]
    assert f"{settings.inversions_days} days after" in kept["`inversions`"]
    assert f"{settings.inversions_megabytes} MB" in kept["`inversions`"]
    assert f"damaged ones {inversions.DAMAGED_SECONDS // DAY} days" in kept["`inversions`"]
    assert f"two files each of {LIMIT // 10**6} MB" in kept["`logs`"]


def test_every_folder_of_the_home_is_told(home: Home) -> None:
    PrivateFolder(home).remove()
    told = {name for row in rows("What is kept of you, where, and for how long") for name in row[0].split(", ")}
    made = {path.relative_to(home.root).as_posix() for path in home.root.rglob("*") if path.is_dir()}
    assert {f"`{name}`" for name in made - {"run"}} <= told
    assert f"`{home.settings_file.name}`" in told
