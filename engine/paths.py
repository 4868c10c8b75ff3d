"""Where things are, and the one function that turns a name into a path.

Everything follows from one folder, LIKENESS_HOME (default `~/.likeness` on every system: Flatpak and Snap see
the home, not its XDG folders):

    run/          socket, connection file, lock, spool (pictures on their way; emptied when the engine
                  starts), batch (photographs of a batch that runs)
    inversions/   the cache of inversions, one safetensors file each
    models/       imported models
    logs/         engine.log, worker.log
    settings.json
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BadRequest

EMBEDDED_MODELS = Path(__file__).resolve().parent.parent / "models"
RECIPES = EMBEDDED_MODELS / "recipes"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def inside(folder: Path, name: str, suffix: str = "") -> Path:
    """The path of `name` in `folder`. The only way from a name that somebody gave us to a path.

    Letters, digits, dot, dash and underscore, not starting with a dot, at most 100: so neither `..`, nor
    separators, drive letters or absolute paths can leave the folder. Raises `BadRequest`.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise BadRequest(
            f"“{name[:60]}” is not a usable name.", "Use letters, digits, dots, dashes and underscores."
        )
    path = folder / f"{name}{suffix}"
    if path.is_symlink():
        raise BadRequest(f"“{name[:60]}” is a link; links are not followed.", "Remove it.")
    return path


@dataclass(frozen=True)
class Home:
    """The folders under LIKENESS_HOME. Made private (0700) by `create`."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        return cls(Path(os.environ.get("LIKENESS_HOME") or Path.home() / ".likeness").expanduser().absolute())

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def spool(self) -> Path:
        return self.run / "spool"

    @property
    def connection_file(self) -> Path:
        return self.run / "engine.json"

    @property
    def lock(self) -> Path:
        return self.run / "engine.lock"

    @property
    def inversions(self) -> Path:
        return self.root / "inversions"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def settings_file(self) -> Path:
        return self.root / "settings.json"

    def create(self) -> None:
        """Make the folders that are missing, all of them 0700: photographs and latents of faces live here."""
        for folder in (self.root, self.run, self.spool, self.inversions, self.models, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
