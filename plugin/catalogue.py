"""The catalogues of what people read: `python -m plugin.catalogue` brings them up to date with the source.

The translator's files are plugin/locale/LANGUAGE.po; what programs read is made of them, byte for byte the same each
time: plugin/likeness/locale/LANGUAGE/LC_MESSAGES/likeness.mo. A message that is new has an empty translation, one that
has gone is left out. The formats are GNU gettext's (its manual, “PO Files” and “MO Files”).
"""

from __future__ import annotations

import ast
import struct
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plugin.likeness.words import DOMAIN, LOCALE

HERE = Path(__file__).resolve().parent
TRANSLATED = HERE / "locale"  # LANGUAGE.po
SOURCES = (HERE / "likeness", HERE / "dialogs")
SLIDERS = HERE.parent / "models" / "default" / "directions.toml"
PROGRESS = (
    *("engine/worker/pipeline.py", "engine/worker/restoring.py", "engine/service/jobs.py"),
    *("engine/weights/labelling.py", "engine/weights/strips.py"),
)
ERRORS = "engine/errors.py"
REFUSING = (
    *("engine/service", "engine/worker", "engine/inversion", "engine/editing", "engine/photo", "engine/faces"),
    *("engine/settings.py", "engine/paths.py", "engine/spool.py", "engine/storage.py"),
)
CONSTANTS = (("engine/weights/store.py", "EMBEDDED_NOTICE"), ("engine/service/models.py", "WINDOW_OPEN"))
HEADER = "Content-Type: text/plain; charset=UTF-8\nLanguage: {language}\n"
MAGIC = 0x950412DE


@dataclass(frozen=True)
class Entry:
    """A message, its translation, and whether somebody has to look at that again."""

    message: str
    translation: str
    is_fuzzy: bool = False


def messages() -> dict[str, str]:
    """All messages in the order of their files; where each is first."""
    found: dict[str, str] = {}
    for folder in SOURCES:
        for path in sorted(folder.glob("*.py")):
            for message in _marked(path, ("_",)):
                found.setdefault(message, f"{path.relative_to(HERE.parent)}")
    for name in PROGRESS:
        for message in _marked(HERE.parent / name, ("report", "say")):
            found.setdefault(message, name)
    errors = tuple(
        node.name
        for node in ast.parse((HERE.parent / ERRORS).read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    for place in REFUSING:
        for path in sorted((HERE.parent / place).rglob("*.py")) or [HERE.parent / place]:
            for message in _marked(path, errors):
                found.setdefault(message, f"{path.relative_to(HERE.parent)}")
    for file, name in CONSTANTS:
        found.setdefault(_constant(file, name), file)
    for direction in tomllib.loads(SLIDERS.read_text("utf-8"))["direction"]:
        for key in ("label", "group", "hint"):
            if key in direction:
                found.setdefault(direction[key], "models/default/directions.toml")
    return found


def _marked(path: Path, functions: tuple[str, ...]) -> Iterator[str]:
    """The texts that a source file hands to these functions; `{}` stands for what an f-string puts in."""
    tree = ast.parse(path.read_text("utf-8"))
    constants = {
        getattr(node.targets[0], "id", ""): node.value for node in tree.body if isinstance(node, ast.Assign)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        for argument in call.args if name in functions else []:
            if isinstance(argument, ast.Name):
                argument = constants.get(argument.id, argument)
            yield from filter(words_in, _texts(argument))


def words_in(text: str) -> bool:
    """Whether there is anything to translate."""
    return any(character.isalpha() for character in text)


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _constant(file: str, name: str) -> str:
    """A text that a source file has under this name."""
    for node in ast.parse((HERE.parent / file).read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise LookupError(f"{file} has no {name}")


def read_po(text: str) -> list[Entry]:
    """The entries of a .po file, without its header. No plurals and no contexts: we have none."""
    entries: list[Entry] = []
    for block in text.split("\n\n"):
        parts: dict[str, list[str]] = {}
        key = ""
        for line in block.splitlines():
            word, _, rest = line.partition(" ")
            if word in ("msgid", "msgstr"):
                key, line = word, rest
            if line.startswith('"') and key:
                parts.setdefault(key, []).append(ast.literal_eval(line))
        message, translation = ("".join(parts.get(key, ())) for key in ("msgid", "msgstr"))
        if message:
            entries.append(Entry(message, translation, "#, fuzzy" in block.splitlines()))
    return entries


def written_po(language: str, entries: list[Entry], places: Mapping[str, str]) -> str:
    """A .po file."""
    blocks = [
        'msgid ""\nmsgstr ""\n' + "\n".join(map(_quoted, HEADER.format(language=language).splitlines(True)))
    ]
    for entry in entries:
        fuzzy = "#, fuzzy\n" if entry.is_fuzzy else ""
        lines = f"msgid {_quoted(entry.message)}\nmsgstr {_quoted(entry.translation)}"
        blocks.append(f"#: {places[entry.message]}\n{fuzzy}{lines}")
    return "\n\n".join(blocks) + "\n"


def compiled(language: str, entries: list[Entry]) -> bytes:
    """The .mo file: sorted messages, no hash table. What has no translation, or a fuzzy one, is not in it."""
    texts = {entry.message: entry.translation for entry in entries if entry.translation and not entry.is_fuzzy}
    texts[""] = HEADER.format(language=language)
    pairs = sorted((message.encode(), text.encode()) for message, text in texts.items())
    table = 28
    strings = table + 16 * len(pairs)
    indexes, body = [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            indexes[column] += struct.pack("<II", len(pair[column]), strings + len(body))
            body += pair[column] + b"\0"
    head = struct.pack("<7I", MAGIC, 0, len(pairs), table, table + 8 * len(pairs), 0, strings)
    return head + indexes[0] + indexes[1] + body


def languages() -> list[str]:
    return sorted(path.stem for path in TRANSLATED.glob("*.po"))


def current(language: str) -> tuple[str, bytes]:
    """What a language's two files are to hold."""
    known = {entry.message: entry for entry in read_po((TRANSLATED / f"{language}.po").read_text("utf-8"))}
    places = messages()
    entries = [known.get(message, Entry(message, "")) for message in places]
    return written_po(language, entries, places), compiled(language, entries)


def program_file(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def main() -> None:
    for language in languages():
        text, program = current(language)
        (TRANSLATED / f"{language}.po").write_text(text, "utf-8")
        program_file(language).parent.mkdir(parents=True, exist_ok=True)
        program_file(language).write_bytes(program)


if __name__ == "__main__":
    main()
