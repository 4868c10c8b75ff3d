"""The models that are there: list them, verify that their files are still what was installed, remove them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadRequest, LikenessError, UnknownModel
from engine.paths import EMBEDDED_MODELS, Home, inside
from engine.weights.direction_vectors import VECTORS
from engine.weights.facts import ModelFacts, facts_of
from engine.weights.header import check, read_header
from engine.weights.model_directions import directions_of_model
from engine.weights.record import RECORD, digest, read_record
from engine.weights.store import WEIGHTS

_SET_ASIDE = ".damaged"


@dataclass(frozen=True)
class Installed:
    """One model's folder. `facts` are None where the file does not hold what it promises; `problem` then says why."""

    name: str
    folder: Path
    embedded: bool
    bytes: int
    facts: ModelFacts | None
    problem: str


@dataclass(frozen=True)
class Verdict:
    """What `verify` found. A damaged model was set aside under the name `set_aside`."""

    name: str
    whole: bool
    sentence: str
    remedy: str = ""
    set_aside: str = ""


def installed_models(home: Home) -> list[Installed]:
    """Embedded ones first; what is set aside or half imported is left out."""
    found = [
        _look_at(folder, root == EMBEDDED_MODELS)
        for root in (EMBEDDED_MODELS, home.models)
        if root.is_dir()
        for folder in sorted(root.iterdir())
        if _is_model(folder)
    ]
    return [model for model in found if _SET_ASIDE not in model.name]


def verify(name: str, home: Home) -> Verdict:
    """Hold a model's bytes against the checksum of its import; one that differs is set aside. Raises `UnknownModel`."""
    folder = _folder(name, home)
    if folder.parent == EMBEDDED_MODELS:
        model = _look_at(folder, True)
        sentence = model.problem or "Its file can be read, and its tensors fit."
        return Verdict(name, not model.problem, sentence, "Reinstall Likeness." if model.problem else "")
    record = read_record(folder)
    if not isinstance(record.get("sha256"), str):
        return Verdict(name, False, f"Its {RECORD} has no checksum.", "Import the model again.")
    problem = _changed(folder, record) or _look_at(folder, False).problem or _directions_problem(name, home)
    if not problem:
        return Verdict(name, True, "It is what was installed, byte for byte.")
    return Verdict(name, False, problem, _again(name, record), _set_aside(folder, home))


def remove(name: str, home: Home) -> Path:
    """Delete an imported model; jobs that have loaded it go on. Raises `UnknownModel`, `BadRequest`."""
    folder = _folder(name, home)
    if folder.parent == EMBEDDED_MODELS:
        raise BadRequest(f"“{name}” comes with Likeness and stays.", "Only imported models can be removed.")
    shutil.rmtree(folder)
    return folder


def _folder(name: str, home: Home) -> Path:
    for root in (home.models, EMBEDDED_MODELS):
        folder = inside(root, name)
        if _is_model(folder):
            return folder
    raise UnknownModel(f"No model named “{name}” is installed.", "`models list` names those that are.")


def _is_model(folder: Path) -> bool:
    return not folder.name.startswith(".") and not folder.is_symlink() and (folder / WEIGHTS).is_file()


def _look_at(folder: Path, embedded: bool) -> Installed:
    facts, problem = None, ""
    try:
        header = read_header(folder / WEIGHTS)
        check(header)
        facts = facts_of(header)
    except LikenessError as error:
        problem = error.sentence
    return Installed(folder.name, folder, embedded, (folder / WEIGHTS).stat().st_size, facts, problem)


def _changed(folder: Path, record: dict[str, Any]) -> str:
    for key, name in (("sha256", WEIGHTS), ("directions_sha256", VECTORS)):
        path = folder / name
        if key in record and not (path.is_file() and digest(path) == record[key]):
            return f"Its file {name} has changed since it was installed."
    return ""


def _directions_problem(name: str, home: Home) -> str:
    try:
        directions_of_model(name, home)
    except LikenessError as error:
        return error.sentence
    return ""


def _again(name: str, record: dict[str, Any]) -> str:
    """How to get the model back: from which files."""
    sources = record.get("sources")
    names = [str(source.get("name", "?")) for source in sources if isinstance(source, dict)] if sources else []
    return f"Import it again: `models import {' '.join(names) or 'FILE…'} --name {name}`."


def _set_aside(folder: Path, home: Home) -> str:
    for number in range(1, 1000):
        target = home.models / f"{folder.name[:80]}{_SET_ASIDE}-{number}"
        if not target.exists():
            folder.rename(target)
            return target.name
    raise BadRequest("There are too many damaged models.", f"Remove some from {home.models}.")
