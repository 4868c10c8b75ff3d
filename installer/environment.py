"""The engine's own Python environment: made, held against what was promised, asked for its paths."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.child import ChildFailed, run
from installer.errors import InstallError
from installer.wheel import requirement

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DOWNLOAD_BYTES = {"cpu": 400_000_000, "cuda": 3_500_000_000}  # about, with all other packages
DISK_BYTES = {"cpu": 1_700_000_000, "cuda": 8_500_000_000}
STAMP = "likeness.json"
_FACTS = "import ensurepip, sys, venv; print(*sys.version_info[:2])"


@dataclass(frozen=True)
class Ingredients:
    """`torch` is `cpu` or `cuda`; without a folder of wheels (`offline`) packages come from the index."""

    python: Path
    wheel: Path  # of the engine
    digest: str  # sha256 of it, hexadecimal
    torch: str
    offline: Path | None

    def stamp(self) -> dict[str, str]:
        """What an environment of these is known by."""
        return {"wheel": self.digest, "python": str(self.python)}


def check_python(python: Path) -> None:
    """Raises `InstallError` unless environments can be made with it."""
    try:
        done = subprocess.run([python, "-c", _FACTS], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(
            f"There is no Python at {python} ({error}).", "Name one of 3.11 or newer with --python."
        ) from error
    if "ensurepip" in done.stderr or "venv" in done.stderr:
        raise InstallError(
            f"{python} cannot make environments.", "On Debian and Ubuntu, install python3-venv, then try again."
        )
    found = re.fullmatch(r"(\d+) (\d+)\n", done.stdout)
    if not found:
        raise InstallError(f"{python} is not a working Python.", "Name one of 3.11 or newer with --python.")
    if (int(found[1]), int(found[2])) < (3, 11):
        raise InstallError(
            f"{python} is Python {found[1]}.{found[2]}.",
            "Likeness needs 3.11 or newer; name one with --python.",
        )


def detect_torch() -> str:
    """`cuda` where an NVIDIA card answers, else `cpu`."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "cpu"
    try:
        done = subprocess.run([program, "--list-gpus"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return "cpu"
    return "cuda" if done.returncode == 0 and done.stdout.strip() else "cpu"


def needed_bytes(torch: str, offline: Path | None) -> int:
    """About how much room an environment takes. Raises `InstallError` for a folder without wheels."""
    if offline is None:
        return DISK_BYTES[torch]
    largest: dict[str, int] = {}
    for path in sorted(offline.glob("*.whl")):
        name = path.name.partition("-")[0].lower()
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
        except (OSError, zipfile.BadZipFile) as error:
            raise InstallError(f"{path} is damaged ({error}).", "Fetch it again.") from error
        largest[name] = max(size, largest.get(name, 0))
    if not largest:
        raise InstallError(f"There are no wheels in {offline}.", "Name a folder of wheels with --offline.")
    return sum(largest.values()) + 60_000_000  # pip, and bytecode


def make(folder: Path, ingredients: Ingredients, scratch: Path, lock: int, say: Callable[[str], None]) -> None:
    """Make the environment `folder` anew. `scratch` takes temporary files, and downloads: those of a killed run count.

    The engine's wheel is kept in it, so that it can be repaired from itself; the stamp comes last.
    Raises `InstallError`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(scratch / "tmp", ignore_errors=True)
    (scratch / "tmp").mkdir(parents=True)
    environment = {"TMPDIR": str(scratch / "tmp"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    if ingredients.offline:
        environment["PIP_CONFIG_FILE"] = os.devnull
    for command in ([str(ingredients.python), "-m", "venv", str(folder)], *_pip(folder, ingredients, scratch)):
        try:
            run(command, environment, lock, on_line=lambda line: _tell(line, say))
        except ChildFailed as failed:
            raise _explained(failed, ingredients) from failed
    shutil.move(ingredients.wheel, folder)
    (folder / STAMP).write_text(json.dumps(ingredients.stamp()), "utf-8")


def is_made_of(folder: Path, ingredients: Ingredients) -> bool:
    """Whether `make` has ended there with the same ingredients."""
    try:
        return json.loads((folder / STAMP).read_text("utf-8")) == ingredients.stamp()
    except (OSError, ValueError):
        return False


def damage(folder: Path) -> list[str]:
    """The files of the environment's packages that are not what was installed, at most ten."""
    found: list[str] = []
    packages = site_packages(folder)
    for record in sorted(packages.glob("*.dist-info/RECORD")):
        with record.open(encoding="utf-8", newline="") as lines:
            for name, digest, _ in csv.reader(lines):
                if digest and _digest(packages / name, digest.partition("=")[0]) != digest.partition("=")[2]:
                    found.append(name)
                    if len(found) == 10:
                        return found
    return found if interpreter(folder).exists() and packages.is_dir() else [str(interpreter(folder))]


def interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def site_packages(folder: Path) -> Path:
    """Where our own packages lie in an environment."""
    return next(iter(folder.glob("lib/python3.*/site-packages")), folder / "Lib/site-packages")


def engine_command(folder: Path) -> list[str]:
    """How the engine of an environment is started, from anywhere."""
    return [str(interpreter(folder)), str(site_packages(folder) / "engine"), "serve"]


def _pip(folder: Path, ingredients: Ingredients, scratch: Path) -> list[list[str]]:
    pip = [str(interpreter(folder)), "-m", "pip"]
    quiet = ["--no-input", "--progress-bar", "off", "--disable-pip-version-check", "--no-warn-script-location"]
    if ingredients.offline is not None:
        where = ["--no-index", "--no-cache-dir", "--find-links", str(ingredients.offline)]
        return [[*pip, "--isolated", "install", *quiet, *where, str(ingredients.wheel)]]
    install = [*pip, "install", *quiet, "--cache-dir", str(scratch / "downloads")]
    index = ["--index-url", CPU_INDEX] if ingredients.torch == "cpu" and sys.platform != "darwin" else []
    return [
        [*install, *index, requirement(ingredients.wheel, "torch")],
        [*install, str(ingredients.wheel)],
    ]


def _tell(line: str, say: Callable[[str], None]) -> None:
    """Of what pip prints: what it downloads, and how large that is."""
    found = re.match(r"\s*Downloading (\S+?)([^/\s]+) \((.+)\)$", line)
    if found:
        say(f"downloading {found[2]} ({found[3]})")
    elif line.startswith("Installing collected packages"):
        say(f"unpacking {line.count(',') + 1} packages")


def _explained(failed: ChildFailed, ingredients: Ingredients) -> InstallError:
    said = failed.said
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return InstallError("The disk is full.", "Make room, then try again.")
    missing = re.search(r"No matching distribution found for (\S+)", said)
    if missing and ingredients.offline:
        return InstallError(
            f"{ingredients.offline} has no wheel of {missing[1]} that fits {ingredients.python}.",
            "Add it, or name with --python the Python that the wheels are for.",
        )
    if missing or re.search(r"Connection|Temporary failure|timed out|ProxyError|SSLError", said):
        return InstallError(
            f"Packages could not be fetched: {failed.last_words}.",
            "See to the network, or install with --offline from a folder of wheels.",
        )
    return InstallError(
        f"The environment could not be made: {failed.last_words}.", "Mend that, then try again."
    )


def _digest(path: Path, algorithm: str) -> str:
    """As RECORD has it; empty for a file that is not there."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, algorithm).digest()
    except OSError:
        return ""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def tree_bytes(folder: Path) -> int:
    """The size of all files in a folder; 0 where there is none."""
    return sum(os.lstat(Path(place, name)).st_size for place, _, files in os.walk(folder) for name in files)
