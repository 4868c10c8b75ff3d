"""Which GIMPs this user has, in whatever packaging, and which profile each of them reads. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from installer.errors import InstallError
from installer.profiles import FLATPAK, SNAP, Profile, find_consoles, find_profiles, native_folder

GET_GIMP = "Install GIMP 3 (https://www.gimp.org/downloads), then try again."
SNAP_FACTS = Path("/snap/gimp/current/meta/snap.yaml")
APPIMAGE_FOLDERS = ("Applications", "Downloads", "Desktop", ".local/bin", "bin")


@dataclass(frozen=True)
class Gimps:
    """`consoles`: a headless GIMP for a minor version, such as `3.0`. Profiles need not exist yet."""

    profiles: tuple[Profile, ...]
    consoles: dict[str, Path]

    def console_of(self, profile: Profile) -> Path | None:
        """Who can say whether this profile's GIMP takes the plug-in; a profile called otherwise: any."""
        if profile.sandboxed or not self.consoles:
            return None
        if re.fullmatch(r"3\.\d+", profile.folder.name):
            return self.consoles.get(profile.folder.name)
        return next(iter(self.consoles.values()))


def find_gimps(home: Path, platform: str = sys.platform) -> Gimps:
    """Raises `InstallError` where there is no GIMP 3."""
    consoles = {version: path for path, version in find_consoles()}
    profiles = find_profiles(home, platform)
    named = os.environ.get("GIMP3_DIRECTORY")
    if named:
        profiles.insert(0, Profile(Path(named).expanduser().absolute()))
    native = native_folder(home, platform)
    profiles += [Profile(native / version) for version in (*consoles, *_appimages(home))]
    profiles += [Profile(home / FLATPAK / version, sandboxed=True) for version in _flatpak()]
    profiles += [Profile(home / SNAP / version, sandboxed=True) for version in _snap()]
    unique = tuple(dict.fromkeys(profiles))
    if not unique:
        raise _none_found(home, platform)
    return Gimps(unique, consoles)


def _none_found(home: Path, platform: str) -> InstallError:
    folders = (native_folder(home, platform), home / FLATPAK, home / SNAP)
    old = [path.name for folder in folders for path in sorted(folder.glob("2.*")) if path.is_dir()]
    old += [name for name in ("gimp-2.10", "gimp-console-2.10") if shutil.which(name)]
    if not old and (program := shutil.which("gimp")):
        old = re.findall(r"\b2\.\d+\.\d+", _said(program, "--version"))
    if old:
        return InstallError("The only GIMP here is 2.10 or older; Likeness needs GIMP 3.", GET_GIMP)
    return InstallError(
        "No GIMP was found.",
        f"{GET_GIMP} One that was unpacked by hand: start it once, or set GIMP3_DIRECTORY.",
    )


def _appimages(home: Path) -> list[str]:
    """Minor versions of GIMP's AppImages where people keep such things. They read the native profiles."""
    files = [path.name for folder in APPIMAGE_FOLDERS for path in (home / folder).glob("GIMP-*.AppImage")]
    return _minor_versions(" ".join(files))


def _flatpak() -> list[str]:
    program = shutil.which("flatpak")
    return _minor_versions(_said(program, "info", "org.gimp.GIMP")) if program else []


def _snap() -> list[str]:
    try:
        return _minor_versions(SNAP_FACTS.read_text("utf-8"))
    except OSError:
        return []


def _minor_versions(text: str) -> list[str]:
    return sorted(set(re.findall(r"(?:\b[Vv]ersion: |\bGIMP-)'?(3\.\d+)\.\d+", text)))


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
