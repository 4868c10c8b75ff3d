"""What the installer has made, on record before it is made: `installed.json` in the home.

So whatever a killed installer leaves behind is in the manifest, and the next run finishes or removes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from installer.errors import InstallError

FORMAT = 1
NAME = "installed.json"
PROGRAM = "program"


@dataclass
class Manifest:
    """All paths are absolute. `trees` are ours with everything in them; `folders` go when they are empty."""

    version: str = ""
    environment: str = ""  # the one in use, a folder of `trees`; empty until the first has been tested
    python: str = ""  # what environments are made with
    torch: str = ""  # cpu or cuda; empty: as the folder of wheels has it
    offline: str = ""  # the folder of wheels; empty: the package index
    is_complete: bool = False  # installed and self-tested
    profiles: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def add(self, files: Iterable[Path] = (), trees: Iterable[Path] = (), folders: Iterable[Path] = ()) -> None:
        for known, new in ((self.files, files), (self.trees, trees), (self.folders, folders)):
            known += [str(path) for path in new if str(path) not in known]

    def save(self, home: Path) -> None:
        part = home / f".{NAME}"
        with part.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, **asdict(self)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(home / NAME)


def load(home: Path) -> Manifest | None:
    """The manifest of this home; None where nothing was installed. Raises `InstallError`."""
    path = home / NAME
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if data.pop("format") != FORMAT:
            raise InstallError(
                f"{path} was written by another version of the installer.", "Use the newer installer."
            )
        return Manifest(**data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InstallError(f"{path} cannot be read: {error.strerror}.", "Mend its permissions.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InstallError(
            f"{path} is damaged ({error}).", f"Remove it and {home / PROGRAM}, then install again."
        ) from error


def missing_folders(folder: Path) -> list[Path]:
    """The folders that must be made so that `folder` exists, outermost first."""
    return [path for path in (*reversed(folder.parents), folder) if not path.exists()]
