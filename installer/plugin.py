"""Copy the plug-in into a GIMP profile, and ask GIMP whether it took it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from installer.errors import InstallError

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "plugin" / "likeness"
NAME = "likeness"
PROCEDURES = ("plug-in-likeness-invert", "plug-in-likeness-edit", "plug-in-likeness-restore")
LOCATION = "location.json"
VERIFY_SECONDS = 300


def engine_command() -> list[str]:
    """How this environment starts the engine, from any folder."""
    return [sys.executable, str(REPOSITORY / "engine"), "serve"]


def plugin_folder(profile: Path) -> Path:
    return profile / "plug-ins" / NAME


def passing_folders(profile: Path) -> tuple[Path, Path]:
    """Where the new plug-in is laid out, and where the earlier one waits, while `install` is at work."""
    return profile / f".{NAME}-new", profile / f".{NAME}-old"


def check_free(profile: Path) -> None:
    """Raises `InstallError` when somebody else's plug-in has our place."""
    target = plugin_folder(profile)
    if (
        target.is_dir()
        and not target.is_symlink()
        and not (target / LOCATION).exists()
        and not all(
            path.is_dir() and not path.is_symlink() for path in target.rglob("*")
        )  # empty ones are nobody's
    ):
        raise InstallError(f"{target} is not ours: it has no {LOCATION}.", "Move it away and try again.")


def files(source: Path) -> list[Path]:
    """What belongs into GIMP's folder, relative to `source`: the modules and their catalogues."""
    return sorted(path.relative_to(source) for path in (*source.glob("*.py"), *source.glob("locale/**/*.mo")))


def install(profile: Path, home: Path, command: list[str], source: Path = SOURCE) -> Path:
    """Put the plug-in into a profile and return its folder there; an earlier one is replaced as a whole.

    The modules of `source` and their catalogues are copied verbatim; beside them comes `location.json`: the engine's
    home and how to start it. Raises `InstallError`.
    """
    check_free(profile)
    target = plugin_folder(profile)
    new, old = passing_folders(profile)
    try:
        (profile / "plug-ins").mkdir(parents=True, exist_ok=True)
        if old.exists() and not target.exists():  # an earlier installer was killed between the two
            old.rename(target)
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        _copy(source, new, home, command)
        if target.is_symlink():
            target.unlink()
        elif target.exists():
            target.rename(old)
        new.rename(target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        raise InstallError(f"{target} could not be written: {error}.", "Mend that, then try again.") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    _check(target)
    return target


def _copy(source: Path, folder: Path, home: Path, command: list[str]) -> None:
    folder.mkdir()
    for name in files(source):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, folder / name)
        (folder / name).chmod(0o644)
    (folder / f"{NAME}.py").chmod(0o755)
    location = {"home": str(home), "command": command}
    (folder / LOCATION).write_text(json.dumps(location, indent=1) + "\n", "utf-8")


def _check(folder: Path) -> None:
    """GIMP skips a plug-in silently whose script is misnamed or lacks its run bit."""
    script = folder / f"{folder.name}.py"
    if not script.is_file() or not os.access(script, os.X_OK):
        raise InstallError(f"{script} is not executable. Is {folder} on a file system without run bits?")


def verify(console: Path, profile: Path) -> None:
    """Start GIMP without a window on this profile; raise `InstallError` unless it has our procedures."""
    lookups = ", ".join(f"Gimp.get_pdb().lookup_procedure({name!r}) is not None" for name in PROCEDURES)
    command = [str(console), "-nidfs", "--batch-interpreter", "python-fu-eval"]
    try:
        done = subprocess.run(
            [*command, "-b", f"print('likeness:', all([{lookups}]))", "--quit"],
            env=os.environ | {"GIMP3_DIRECTORY": str(profile)},
            capture_output=True,
            text=True,
            check=False,
            timeout=VERIFY_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{console} does not answer.", "See that GIMP itself works.") from error
    if "likeness: True" not in done.stdout:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise InstallError(f"GIMP does not see the plug-in in {profile}. It says: {' / '.join(said)}")
