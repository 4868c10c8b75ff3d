"""What must hold before anything is written. Each problem is a sentence with its remedy, and nothing is half done."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

from installer.errors import InstallError
from installer.locks import LOCK
from installer.manifest import NAME
from installer.plugin import LOCATION, plugin_folder
from installer.report import size_text

SUMS = "SHA256SUMS"

# What may be in a home in which nothing is installed: an engine's, or what an uninstall or a killed installer left.
_IN_HOME = ("models", "inversions", "settings.json", "dialog-*.ini*", "presets*", "part-*", LOCK, f".{NAME}")
_IN_FOLDERS = {
    "run": ("engine.json", "engine.lock", "engine.sock", "start.lock", "spool", "batch", "wanted", "part-*"),
    "logs": ("engine.log*", "worker.log*"),
}


def check_user() -> None:
    """Not by sudo: the files would belong to root, in root's home or in the user's."""
    if os.environ.get("SUDO_USER") and hasattr(os, "geteuid") and os.geteuid() == 0:
        raise InstallError("Likeness is installed for one user, without sudo.", "Run this as yourself.")


def check_home(home: Path) -> None:
    """Raises `InstallError` when a folder that is to be a new home holds anything but Likeness's own things."""
    if not home.is_dir():
        return
    strange = _strangers(home, (*_IN_HOME, *_IN_FOLDERS))
    for name, known in _IN_FOLDERS.items():
        if not strange and (home / name).is_dir():
            strange = _strangers(home / name, known)
    if strange:
        raise InstallError(
            f"{strange[0]} is not Likeness's; {home} holds other things.",
            "Move that away, or name an empty or a new folder with --prefix.",
        )


def check_alone(profile: Path, home: Path) -> None:
    """Raises `InstallError` when the plug-in in a profile belongs to an installation in another home."""
    try:
        other = Path(json.loads((plugin_folder(profile) / LOCATION).read_text("utf-8"))["home"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if other.resolve() != home.resolve() and (other / NAME).is_file():
        raise InstallError(
            f"{profile} has the plug-in of the installation in {other}.",
            f"Uninstall that first, or name it: --prefix {other}.",
        )


def check_writable(folder: Path) -> None:
    """Raises `InstallError` when this folder could not be made or written."""
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise InstallError(
            f"{existing} is in the way: it is no folder.", "Move it away, or name another with --prefix."
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InstallError(
            f"{existing} cannot be written.", "Mend its permissions, or name another folder with --prefix."
        )


def check_room(folder: Path, needed: int) -> None:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise InstallError(
            f"The disk of {folder} has {size_text(free)} free; {size_text(needed)} are needed.",
            "Make room, or name a folder on another disk with --prefix.",
        )


def check_bundle(tree: Path) -> None:
    """Raises `InstallError` when a bundle does not hold what its checksums promise; a checkout has none."""
    try:
        lines = (tree / SUMS).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            with (tree / name).open("rb") as file:
                is_whole = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            is_whole = False
        if not is_whole:
            raise InstallError(f"{tree / name} is not what was packed.", "Fetch or unpack the bundle again.")


def default_python() -> Path:
    """The interpreter that runs us; from within an environment, the one that made it."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def _strangers(folder: Path, known: tuple[str, ...]) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if not any(fnmatch(path.name, name) for name in known)]
