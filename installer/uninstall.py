"""Remove what the manifest names, and what the engine has made beside it; ask about what may be missed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from installer import service
from installer.environment import tree_bytes
from installer.errors import InstallError
from installer.locks import LOCK, locked
from installer.manifest import NAME, Manifest, load
from installer.plugin import LOCATION
from installer.report import Report, size_text
from installer.running import let_finish, stop_engine

ENGINES_OWN = ("run", "logs")  # sockets, spool, logs


@dataclass(frozen=True)
class Belongings:
    """Things of the user's in the home. They stay unless the user says otherwise."""

    what: str
    patterns: tuple[str, ...]

    def paths(self, home: Path) -> list[Path]:
        return [path for pattern in self.patterns for path in sorted(home.glob(pattern))]


BELONGINGS = (
    Belongings("downloaded and imported models", ("models/*",)),
    Belongings("cached inversions, faces in numbers", ("inversions/*",)),
    Belongings("settings and presets", ("settings.json", "dialog-*.ini", "presets*")),
)


def uninstall(home: Path, yes: bool, dry_run: bool) -> int:
    """Exit code. With `yes` nothing is asked, and the user's belongings stay."""
    manifest = load(home)
    if manifest is None:
        return _nothing(home)
    if dry_run:
        _tell(home, manifest)
        return 0
    report = Report(2)
    with locked(home):
        manifest = load(home)  # another installer may have been at work until now
        if manifest is None:
            return _nothing(home)
        doomed = [home / name for name in ENGINES_OWN]
        if not yes:
            doomed += [path for things in BELONGINGS if _asked(home, things) for path in things.paths(home)]
        with report.step("Stopping the engine"):
            let_finish(home, report.detail)
            switch_off(home)
            stop_engine(home)
        with report.step("Removing"):
            freed = remove(home, manifest, doomed)
    remove_last(home, manifest)
    print(f"Likeness is gone; {size_text(freed)} are free again.")
    if home.exists() and (stays := ", ".join(sorted(path.name for path in home.iterdir()))):
        print(f"What stays is yours, in {home}: {stays}.")
    return 0


def remove(home: Path, manifest: Manifest, doomed: list[Path]) -> int:
    """Remove all that the manifest names, and `doomed`; returns the bytes freed. The manifest itself stays."""
    freed = 0
    files = [Path(name) for name in manifest.files]
    theirs = {path.parent for path in files if path.name == LOCATION and not _is_ours(path, home)}
    for folder in {path.parent for path in files if path.name == LOCATION} - theirs:
        freed += _remove_tree(folder / "__pycache__")
    for path in sorted(
        files, key=lambda path: path.name == LOCATION
    ):  # what says that the plug-in is ours: last
        if theirs.isdisjoint(path.parents) and _is_ours(path, home):
            freed += _remove_file(path)
    for path in (*(Path(tree) for tree in manifest.trees), *doomed):
        freed += _remove_tree(path)
    for folder in (home / "models", home / "inversions", *(Path(name) for name in reversed(manifest.folders))):
        with contextlib.suppress(OSError):  # not empty, or gone
            folder.rmdir()
    service.reload()
    return freed


def switch_off(home: Path) -> None:
    """Switch the service off, unless it is another home's."""
    if all(_is_ours(path, home) for path in service.unit_files(Path.home(), home, [])):
        service.switch_off()


def _nothing(home: Path) -> int:
    _remove_empty(home)
    print(f"Likeness is not installed in {home}.")
    return 0


def _asked(home: Path, things: Belongings) -> bool:
    """Whether the user wants them removed as well."""
    paths = things.paths(home)
    if not paths:
        return False
    size = size_text(sum(_bytes(path) for path in paths))
    try:
        answer = input(f"Remove {things.what} as well ({size})? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


def _is_ours(path: Path, home: Path) -> bool:
    """False for a plug-in or a service that another home has taken over since."""
    claims = {
        LOCATION: f'"home": {json.dumps(str(home))}',
        "likeness.service": f'"{service.escaped(home)}/{service.WANTED}"',
        "likeness.path": "=" + f"{home}/{service.WANTED}".replace("%", "%%"),
    }
    try:
        return path.name not in claims or claims[path.name] in path.read_text("utf-8")
    except OSError:
        return True


def _remove_file(path: Path) -> int:
    try:
        size = path.lstat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise InstallError(
            f"{path} cannot be removed: {error.strerror}.", "Mend that, then run this again."
        ) from error
    return size


def _remove_tree(path: Path) -> int:
    if not path.is_dir() or path.is_symlink():
        return _remove_file(path)
    size = tree_bytes(path)
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise InstallError(
            f"{error.filename} cannot be removed: {error.strerror}.", "Mend that, then run this again."
        ) from error
    return size


def remove_last(home: Path, manifest: Manifest) -> None:
    """Remove the lock and the manifest, when all else is gone, and the home if the installer made it.

    The manifest comes last: whoever is killed before that can be finished.
    """
    for name in (LOCK, f".{NAME}", NAME):
        (home / name).unlink(missing_ok=True)
    for folder in reversed(manifest.folders):
        with contextlib.suppress(OSError):  # not empty, or gone
            Path(folder).rmdir()


def _remove_empty(home: Path) -> None:
    """A home in which there is nothing, or nothing but the lock, as after an installer that was killed at once."""
    with contextlib.suppress(OSError):
        found = list(home.iterdir())
        if {path.name for path in found} <= {LOCK, f".{NAME}"}:
            for path in found:
                path.unlink()
            home.rmdir()


def _bytes(path: Path) -> int:
    return tree_bytes(path) if path.is_dir() else path.lstat().st_size


def _tell(home: Path, manifest: Manifest) -> None:
    print("This would be removed:")
    for name in (*manifest.files, *manifest.trees, *(str(home / name) for name in ENGINES_OWN)):
        if os.path.lexists(name):
            print(f"  {name}  {size_text(_bytes(Path(name)))}")
    for things in BELONGINGS:
        if paths := things.paths(home):
            print(f"  if you say so: {things.what}  {size_text(sum(_bytes(path) for path in paths))}")
