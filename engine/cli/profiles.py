"""Where GIMP 3 keeps its profiles, and whether the plug-in lies in one of them as GIMP wants it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def gimp_profiles() -> list[Path]:
    """The folders of all GIMP 3 versions that have been started here, of every packaging."""
    return sorted(
        profile for base in _bases() if base.is_dir() for profile in base.glob("3.*") if profile.is_dir()
    )


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


def _bases() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        return [Path(os.environ.get("APPDATA", home / "AppData/Roaming")) / "GIMP"]
    if sys.platform == "darwin":
        return [home / "Library/Application Support/GIMP"]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [
        config / "GIMP",
        home / ".var/app/org.gimp.GIMP/config/GIMP",
        home / "snap/gimp/current/.config/GIMP",
    ]
