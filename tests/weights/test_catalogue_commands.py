"""`models list --all` and `models download` as a person meets them: what is offered, and the question before it."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass, field

import pytest

from engine.cli import main, models
from engine.paths import Home
from engine.weights import __main__ as process

MADE = {
    "name": "mine",
    "facts": {"sources": []},
    "lines": ["Generator: 1024 px."],
    "notes": ["20 directions were discovered."],
}


@dataclass
class Shop:
    """`engine.weights`, but for what it would download."""

    asked: list[tuple[str, ...]] = field(default_factory=list)

    def lines(self, *arguments: str) -> list[str]:
        self.asked.append(arguments)
        if arguments[0] == "download":
            progress = {"event": "progress", "fraction": 0.5, "message": "Downloading"}
            return [json.dumps(progress), json.dumps(MADE)]
        with contextlib.redirect_stdout(io.StringIO()) as said:
            process.main(list(arguments))
        return said.getvalue().splitlines()


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, home: Home) -> Shop:
    made = Shop()
    monkeypatch.setattr(models, "_lines", made.lines)
    return made


class Terminal(io.StringIO):
    """A person types."""

    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> Terminal:
    """Returns what the person sees there."""
    seen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", seen)
    return seen


def downloads(shop: Shop) -> list[tuple[str, ...]]:
    return [arguments for arguments in shop.asked if arguments[0] == "download"]


@pytest.mark.usefixtures("shop")
def test_list_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["default: 128 px, embedded, in use", "", "To be downloaded:"]
    offered = {line.partition(":")[0]: line for line in lines[3:]}
    assert "382 MB, NVIDIA Source Code Licence (non-commercial), never fetched by us" in offered["ffhq-1024"]
    assert "size not published" in offered["ffhq-256"]
    assert main(["models", "list", "--all", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {entry["name"] for entry in found["catalogue"]} == set(offered)
    assert main(["models", "list"]) == 0
    assert "To be downloaded" not in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["n\n", "\n", "", "maybe\n"])
def test_whoever_does_not_accept_gets_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    seen = at_a_terminal(monkeypatch, typed)
    assert main(["models", "download", "ffhq-1024", "--as", "mine"]) == 1
    said = seen.getvalue()
    assert "only may be used or intended for use non-commercially" in said
    assert "https://nvlabs.github.io/stylegan2/license.html" in said
    assert said.index("Do you accept these terms? [y/N]") < said.index("its terms were not accepted")
    assert downloads(shop) == []


@pytest.mark.parametrize("typed", ["y\n", "Yes\n"])
def test_whoever_accepts_gets_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    at_a_terminal(monkeypatch, typed)
    assert main(["models", "download", "ffhq-e4e", "--as", "mine"]) == 0
    assert downloads(shop) == [("download", "ffhq-e4e", "mine")]
    assert "Imported as “mine”." in capsys.readouterr().out


def test_where_nobody_can_be_asked(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A script says that its author has read them."""
    assert main(["models", "download", "ffhq-1024", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "licence_not_accepted"
    assert "--accept-licence" in error["remedy"]
    assert downloads(shop) == []
    assert main(["models", "download", "ffhq-1024", "--accept-licence", "--json"]) == 0
    assert downloads(shop) == [("download", "ffhq-1024", "ffhq-1024")]


def test_what_is_not_in_the_catalogue(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download", "ffhq-4096", "--accept-licence"]) == 1
    assert "ffhq-1024" in capsys.readouterr().err
    assert downloads(shop) == []
