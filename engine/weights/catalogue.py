"""`models/catalogue.toml`: public checkpoints that may be downloaded, where they are, and on what terms."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelDamaged, UnknownModel
from engine.paths import EMBEDDED_MODELS

CATALOGUE = EMBEDDED_MODELS / "catalogue.toml"
_SHA256 = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True)
class Licence:
    """Terms: their name, what is shown before a download, and where the whole text is."""

    name: str
    text: str
    address: str


@dataclass(frozen=True)
class CatalogueFile:
    """One file. `addresses` are tried in turn; `bytes` is 0, `sha256` "" where none was published."""

    file: str
    addresses: tuple[str, ...]
    licence: str
    bytes: int = 0
    sha256: str = ""
    fetched: bool = False


@dataclass(frozen=True)
class Entry:
    """A model that some of the files make together."""

    name: str
    description: str
    files: tuple[CatalogueFile, ...]
    licences: tuple[Licence, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def fetched(self) -> bool:
        """Whether we have ever fetched all of its files."""
        return all(file.fetched for file in self.files)


def read_catalogue(path: Path = CATALOGUE) -> dict[str, Entry]:
    """By name. Raises `ModelDamaged`."""
    try:
        whole = tomllib.loads(path.read_text("utf-8"))
        licences = {entry["name"]: Licence(**entry) for entry in whole["licence"]}
        files = {entry["file"]: _file(entry) for entry in whole["file"]}
        return {entry["name"]: _entry(entry, files, licences) for entry in whole["model"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(
            f"The catalogue {path.name} cannot be read: {error}.", "Reinstall Likeness."
        ) from error


def entry_of(name: str) -> Entry:
    """Raises `UnknownModel`."""
    catalogue = read_catalogue()
    if name not in catalogue:
        raise UnknownModel(f"“{name[:60]}” is not in the catalogue.", "`models list --all` shows what is.")
    return catalogue[name]


def _file(entry: dict[str, Any]) -> CatalogueFile:
    file = CatalogueFile(**{**entry, "addresses": tuple(entry["addresses"])})
    if not _SHA256.fullmatch(file.sha256) or not file.addresses:
        raise ValueError(f"{file.file} has no address, or what is no checksum")
    return file


def _entry(entry: dict[str, Any], files: dict[str, CatalogueFile], licences: dict[str, Licence]) -> Entry:
    chosen = tuple(files[name] for name in entry["files"])
    names = dict.fromkeys(file.licence for file in chosen)
    return Entry(entry["name"], entry["description"], chosen, tuple(licences[name] for name in names))
