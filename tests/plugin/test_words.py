"""The words: everything that people see is in the catalogue, the German one is whole, and what is shipped is current."""

from __future__ import annotations

import ast
import gettext
import os
import re
import string
import subprocess
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import LikenessError
from engine.paths import inside
from engine.photo import load_photo
from plugin import catalogue
from plugin.likeness import words
from plugin.likeness.client import problem_of
from plugin.likeness.words import DOMAIN, LOCALE, said

ROOT = Path(__file__).resolve().parents[2]
FILES = [path for folder in catalogue.SOURCES for path in sorted(folder.glob("*.py"))]
MARKS = ("_", "said")
# What shows its texts to somebody.
SHOWS = {"QLabel", "button", "Tick", "ConfirmButton", "Amount", "add_text", "words", "message", "register"} | {
    *(
        "setText",
        "setToolTip",
        "setWindowTitle",
        "setAccessibleName",
        "setPlaceholderText",
        "addAction",
        "addMenu",
    ),
    *("Problem", "Refusal", "EngineProblem", "NoteDamaged", "show_note", "show_problem", "progress"),
}
# What shows them to programmers, or to programs.
HIDES = {
    "ValueError",
    "TypeError",
    "ConnectionResetError",
    "ConnectionAbortedError",
    "Thread",
    "Template",
    "compile",
} | {
    *("print", "any", "getSaveFileName"),
}
FORMATS = {"RGBA u8", "RGBA float", "RGB u8", "R'G'B'A u8", "R'G'B'A float", "RGBA linear float"}
UNIVERSAL = {"Esc", "CPU", "GPU", "MB", "px", "min"}  # the same in every language that we have


def text_nodes(path: Path) -> Iterator[tuple[str, list[ast.AST]]]:
    """The texts of a file that no mark translates, docstrings apart, and the nodes that each lies in."""

    def walk(node: ast.AST, above: list[ast.AST]) -> Iterator[tuple[str, list[ast.AST]]]:
        if isinstance(node, ast.Call) and called(node) in MARKS:
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, above
        for child in ast.iter_child_nodes(node):
            yield from walk(child, [*above, node])

    yield from walk(ast.parse(path.read_text("utf-8")), [])


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def words_of(text: str) -> list[str]:
    """What would be another word in another language."""
    return [word for word in re.findall(r"[^\W\d_]{2,}", text) if word not in UNIVERSAL]


def is_for_people(text: str, shown_by: str) -> bool:
    """Whether a text is a sentence, or a word that something shows."""
    words = words_of(text)
    if " " in text.strip() and len(words) > 1:
        return text not in FORMATS and shown_by not in HIDES and not text.startswith("/")
    return shown_by in SHOWS and bool(words) and words[0][0].isupper()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_is_shown_is_marked(path: Path) -> None:
    for text, above in text_nodes(path):
        calls = [called(node) for node in above if isinstance(node, ast.Call)]
        assert not is_for_people(text, calls[-1] if calls else ""), f"“{text}” is not in the catalogue"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_mark_has_a_whole_text(path: Path) -> None:
    """What is put together is in no catalogue."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and called(node) == "_" and path.name != "words.py":
            (text,) = node.args
            assert isinstance(text, ast.Constant), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_hides_the_mark(path: Path) -> None:
    """A parameter or value `_` that nobody needs must not stand where a text is translated."""
    scopes = [symtable.symtable(path.read_text("utf-8"), path.name, "exec")]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        if isinstance(scope, symtable.Function) and "_" in scope.get_identifiers():
            mark = scope.lookup("_")
            assert not (mark.is_local() and mark.is_referenced()), f"{path.name}:{scope.get_lineno()}"


@pytest.mark.parametrize("language", catalogue.languages())
def test_what_is_shipped_is_current(language: str) -> None:
    """Else: python -m plugin.catalogue"""
    text, program = catalogue.current(language)
    assert (catalogue.TRANSLATED / f"{language}.po").read_text("utf-8") == text
    assert catalogue.program_file(language).read_bytes() == program


def entries(language: str) -> list[catalogue.Entry]:
    return catalogue.read_po((catalogue.TRANSLATED / f"{language}.po").read_text("utf-8"))


def test_german_is_whole() -> None:
    found = entries("de")
    assert {entry.message for entry in found} == catalogue.messages().keys()
    assert [entry.message for entry in found if entry.is_fuzzy or not entry.translation.strip()] == []


@pytest.mark.parametrize("language", catalogue.languages())
def test_translations_take_the_same_values(language: str) -> None:
    for entry in entries(language):
        assert fields(entry.translation) == fields(entry.message), entry.message
        assert entry.translation[:1].isspace() == entry.message[:1].isspace(), entry.message
        assert entry.translation.count("_") == entry.message.count("_") or "{" in entry.message, entry.message


def fields(text: str) -> list[tuple[str, str | None]]:
    """What is put into a text, and how it is written; a JSON example is no field."""
    if '{"' in text and "{{" not in text:
        return []
    return sorted((name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name is not None)


def test_python_reads_the_catalogue() -> None:
    german = gettext.translation(DOMAIN, LOCALE, ["de"])
    for entry in entries("de"):
        assert german.gettext(entry.message) == entry.translation
    assert german.gettext("nobody says this") == "nobody says this"


def test_a_catalogue_survives_writing_and_reading() -> None:
    odd = [
        catalogue.Entry('a "quoted" \\ {thing}\n', "über\tZeilen\n“…”"),
        catalogue.Entry("doubtful", "zweifelhaft", is_fuzzy=True),
        catalogue.Entry("new", ""),
    ]
    text = catalogue.written_po("de", odd, dict.fromkeys((entry.message for entry in odd), "here.py"))
    assert catalogue.read_po(text) == odd
    program = catalogue.compiled("de", odd)
    assert b"zweifelhaft" not in program


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"LANGUAGE": "de"}, "In dieser Ebene wurde kein Gesicht gefunden."),
        ({"LANG": "de_AT.UTF-8"}, "In dieser Ebene wurde kein Gesicht gefunden."),
        ({"LANG": "C.UTF-8"}, "No face was found in this layer."),
        ({"LANGUAGE": "xx", "LANG": "de_DE.UTF-8"}, "No face was found in this layer."),
        ({"LANGUAGE": "en_GB:en:de_DE:de"}, "No face was found in this layer."),
        ({"LANGUAGE": "fr:de"}, "In dieser Ebene wurde kein Gesicht gefunden."),
        ({"LANGUAGE": "de", "LANG": "C"}, "No face was found in this layer."),
    ],
)
def test_the_desktop_says_which_language(environment: dict[str, str], sentence: str) -> None:
    program = "from plugin.dialogs.state import NO_FACE; print(NO_FACE.sentence)"
    kept = {name: value for name, value in os.environ.items() if not re.match("LANG|LC_", name)}
    ended = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert ended.stdout.strip() == sentence


def test_what_the_engine_says_is_known_whatever_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_catalogue", gettext.translation(DOMAIN, LOCALE, ["de"]))
    assert said("Inverting face 2 of 15") == "Invertieren: Gesicht 2 von 15"
    assert said("Looking for faces") == "Gesichter werden gesucht"
    assert said("Something {new} about 7 faces") == "Something {new} about 7 faces"
    assert said("") == ""


def test_what_the_engine_refuses_is_said_in_the_readers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors as the engine's own code makes them, with names, numbers and reasons in their blanks."""
    monkeypatch.setattr(words, "_catalogue", gettext.translation(DOMAIN, LOCALE, ["de"]))
    with pytest.raises(LikenessError) as missing:
        load_photo("/nowhere/two words.png")
    with pytest.raises(LikenessError) as unusable:
        inside(Path("/"), "../up")
    found = [problem_of(caught.value.to_dict()) for caught in (missing, unusable)]
    assert found[0].sentence == "Es gibt keine Datei „two words.png“."
    assert found[0].remedy == "Prüfen Sie Name und Ordner."
    assert found[1].sentence == "„../up“ ist kein brauchbarer Name."
    assert said("“a {} b” cannot be read (two\nlines).") == "„a {} b“ lässt sich nicht lesen (two\nlines)."


@pytest.mark.parametrize("command", [["engine", "status"], ["installer", "status"]])
def test_the_command_line_speaks_english_throughout(command: list[str], tmp_path: Path) -> None:
    environment = os.environ | {"LANGUAGE": "de", "LIKENESS_HOME": str(tmp_path), "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert re.search(r"\b(is|runs|No)\b", ended.stdout + ended.stderr), ended.stdout + ended.stderr
    assert not re.search(r"\b(ist|läuft|Keine)\b", ended.stdout + ended.stderr)
