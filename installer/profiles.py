"""Where GIMP 3 keeps its profiles (one folder for each minor version and each way of installing GIMP), and whether
the plug-in lies in one of them as GIMP wants it. Standard library only: the command line's doctor uses it, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CONSOLES = ("gimp-console-3.2", "gimp-console-3.0", "gimp-console")
FLATPAK = Path(".var/app/org.gimp.GIMP/config/GIMP")
SNAP = Path("snap/gimp/current/.config/GIMP")


@dataclass(frozen=True)
class Profile:
    """A profile's folder, such as ~/.config/GIMP/3.0; `sandboxed` where it cannot start the host's programs."""

    folder: Path
    sandboxed: bool = False


def find_profiles(home: Path, platform: str = sys.platform) -> list[Profile]:
    """All `3.*` profiles of the user whose home this is, native ones first."""
    found = [Profile(folder) for folder in _versions(native_folder(home, platform))]
    return found + [Profile(f, sandboxed=True) for box in (FLATPAK, SNAP) for f in _versions(home / box)]


def plugin_problem(profile: Path) -> str:
    """What keeps GIMP from finding the plug-in in a profile, as a sentence; empty when nothing does.

    GIMP skips a plug-in silently whose file has another name than its folder, or lacks the run bit.
    """
    folder = profile / "plug-ins" / "likeness"
    script = folder / "likeness.py"
    if not script.is_file():
        return "the plug-in is not installed there."
    if sys.platform != "win32" and not os.access(script, os.X_OK):
        return f"{script} lacks the run bit, so GIMP skips it."
    try:
        program = json.loads((folder / "location.json").read_text("utf-8"))["command"][0]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return f"{folder / 'location.json'} does not say where the engine is."
    if not Path(program).exists():
        return f"its engine, {program}, is no longer there."
    return ""


def native_folder(home: Path, platform: str = sys.platform) -> Path:
    """The folder in which GIMP, installed the usual way, keeps one profile for each minor version."""
    if platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData/Roaming") / "GIMP"
    if platform == "darwin":
        return home / "Library/Application Support/GIMP"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "GIMP"


def find_console() -> tuple[Path, str] | None:
    """This machine's own headless GIMP 3 and its minor version, such as `3.0`; None when there is none."""
    return next(iter(find_consoles()), None)


def find_consoles() -> list[tuple[Path, str]]:
    """All of them, one for each minor version."""
    found: dict[str, Path] = {}
    for name in CONSOLES:
        path = shutil.which(name)
        version = _minor_version(path) if path else None
        if path and version:
            found.setdefault(version, Path(path))
    return [(path, version) for version, path in found.items()]


def _versions(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("3.*") if re.fullmatch(r"3\.\d+", path.name) and path.is_dir())


def _minor_version(console: str) -> str | None:
    try:
        done = subprocess.run([console, "--version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\b(3\.\d+)\.\d+", done.stdout)
    return found[1] if found else None
