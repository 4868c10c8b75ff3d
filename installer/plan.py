"""What an installation will do, found out without writing anything."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from installer import checks, environment
from installer.environment import Ingredients
from installer.errors import InstallError
from installer.gimps import Gimps, find_gimps
from installer.manifest import PROGRAM, Manifest, missing_folders
from installer.plugin import REPOSITORY, check_free
from installer.report import size_text
from installer.wheel import build_wheel, wheel_name

Action = Literal["install", "upgrade", "repair"]


@dataclass(frozen=True)
class Request:
    """What the user typed. `None` and `auto`: as it was installed before, else what suits the machine."""

    action: Action
    home: Path
    python: Path | None = None
    offline: Path | None = None
    torch: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class Plan:
    """`reused` is the environment that is there already and whole.

    `new_folders` come with the home; it is one of them unless it was there, empty.
    """

    home: Path
    version: str
    wheel: bytes
    ingredients: Ingredients
    gimps: Gimps
    reused: Path | None
    needed: int
    new_folders: list[Path]


def look(request: Request, manifest: Manifest | None) -> Plan:
    """Raises `InstallError` for everything that stands in the way."""
    if manifest is None and request.action != "install":
        raise InstallError(f"Likeness is not installed in {request.home}.", "Use `install`.")
    checks.check_user()
    if manifest is None:
        checks.check_home(request.home)
    checks.check_bundle(REPOSITORY)
    gimps = find_gimps(Path.home())
    known = manifest or Manifest()
    name, wheel = _wheel(Path(known.environment))
    offline = request.offline or (_wheels(known) if request.torch == "auto" else None)
    ingredients = Ingredients(
        python=request.python or Path(known.python or checks.default_python()),
        wheel=request.home / PROGRAM / "scratch" / name,
        digest=hashlib.sha256(wheel).hexdigest(),
        torch=request.torch if request.torch != "auto" else known.torch or environment.detect_torch(),
        offline=offline,
    )
    reused = _reusable(request, known, ingredients)
    needed = 0 if reused else environment.needed_bytes(ingredients.torch, offline) + 2 * len(wheel)
    _check(request.home, ingredients.python, gimps, needed)
    return Plan(
        request.home,
        name.split("-")[1],
        wheel,
        ingredients,
        gimps,
        reused,
        needed,
        _new_folders(request.home) if manifest is None else [],
    )


def tell(plan: Plan) -> None:
    """Say what will be done, and how much room it takes."""
    ingredients = plan.ingredients
    print(f"Likeness {plan.version} for {plan.home}")
    print(f"  Python    {ingredients.python}")
    if plan.reused:
        print(f"  packages  are there, in {plan.reused}")
    elif ingredients.offline:
        print(
            f"  packages  from {ingredients.offline}, nothing is downloaded; about {size_text(plan.needed)} on disk"
        )
    else:
        download = size_text(environment.DOWNLOAD_BYTES[ingredients.torch])
        build = {"cpu": "torch for the CPU", "cuda": "torch for NVIDIA cards"}[ingredients.torch]
        print(f"  packages  {build}: about {download} to download, {size_text(plan.needed)} on disk")
    print("  model     the embedded default, which comes along")
    for profile in plan.gimps.profiles:
        print(f"  GIMP      {profile.folder}{', in a sandbox' if profile.sandboxed else ''}")
    free = shutil.disk_usage(next(path for path in (plan.home, *plan.home.parents) if path.exists())).free
    print(f"  disk      {size_text(free)} free")


def _wheel(installed: Path) -> tuple[str, bytes]:
    """The engine's wheel and its name: made from the sources, or as it was installed when there are none here."""
    if (REPOSITORY / "pyproject.toml").is_file():
        return wheel_name(REPOSITORY), build_wheel(REPOSITORY)
    kept = next(installed.glob("likeness-*.whl"), None)
    if kept is None:
        raise InstallError(
            "There is nothing to install from here.", "Run it in a checkout or in an unpacked bundle."
        )
    return kept.name, kept.read_bytes()


def _wheels(known: Manifest) -> Path | None:
    """The folder of wheels that was used before, if it is still there; a bundle has one beside the sources."""
    folders = [Path(known.offline)] if known.offline else []
    return next((folder for folder in (*folders, REPOSITORY / "wheels") if folder.is_dir()), None)


def _reusable(request: Request, known: Manifest, ingredients: Ingredients) -> Path | None:
    """An environment that is as it is wanted, of this installation or of one that was killed."""
    if request.torch not in ("auto", known.torch):
        return None
    for name in known.trees:
        folder = Path(name)
        if environment.is_made_of(folder, ingredients):
            return None if request.action == "repair" and environment.damage(folder) else folder
    return None


def _new_folders(home: Path) -> list[Path]:
    """What an uninstall takes away with the home."""
    if home.is_dir():
        return [home] if any(home.iterdir()) else []
    return missing_folders(home)


def _check(home: Path, python: Path, gimps: Gimps, needed: int) -> None:
    environment.check_python(python)
    checks.check_writable(home)
    for profile in gimps.profiles:
        checks.check_writable(profile.folder)
        check_free(profile.folder)
        checks.check_alone(profile.folder, home)
    checks.check_room(home, needed)
