"""What is given away: the wheel with the default weights, the plug-in as a zip, and a bundle that needs no network.

The same sources and the same wheels give the same bytes: fixed order, no times, no owners, nothing compressed.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from installer.checks import SUMS
from installer.errors import InstallError
from installer.plugin import NAME, REPOSITORY, SOURCE, files
from installer.report import size_text
from installer.wheel import build_wheel, pack_zip, sources, wheel_name

TREE_FILES = ("CHANGELOG.md", "LICENSE", "README.md", "constraints.txt", "pyproject.toml")
RUNNABLE = ("installer/install",)


def package(output: Path, wheels: Path | None) -> int:
    """Write all three into `output`, and their checksums. Without `wheels` pip downloads those that are needed."""
    output.mkdir(parents=True, exist_ok=True)
    name = wheel_name(REPOSITORY)
    stem = "-".join(name.split("-")[:2])
    (output / name).write_bytes(build_wheel(REPOSITORY))
    (output / f"{stem}-plugin.zip").write_bytes(_plugin())
    with tempfile.TemporaryDirectory(prefix="wheels-", dir=output) as fresh:
        if wheels is None:
            wheels = Path(fresh)
            _download(output / name, wheels)
        _write_bundle(output / f"{stem}-offline.tar", stem, wheels)
    made = [output / name, output / f"{stem}-plugin.zip", output / f"{stem}-offline.tar"]
    (output / SUMS).write_text("".join(f"{_digest(path)}  {path.name}\n" for path in made), "utf-8")
    for path in made:
        print(f"{path}  {size_text(path.stat().st_size)}")
    return 0


def _plugin() -> bytes:
    """For GIMP's folder plug-ins. Where the engine is, only the installer can say."""
    content = [(f"{NAME}/{name.as_posix()}", (SOURCE / name).read_bytes()) for name in files(SOURCE)]
    return pack_zip(content, executable=frozenset({f"{NAME}/{NAME}.py"}))


def _download(wheel: Path, folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--only-binary",
        ":all:",
        "--dest",
        str(folder),
    ]
    if subprocess.run([*command, str(wheel)], check=False).returncode:
        raise InstallError(
            "The wheels for the bundle could not be fetched (pip says why, above).",
            "See to the network, or name a folder of wheels with --wheels.",
        )
    (folder / wheel.name).unlink(missing_ok=True)


def _write_bundle(path: Path, stem: str, wheels: Path) -> None:
    """A source tree with the wheels beside it, and the checksums of both."""
    found = sorted(wheels.glob("*.whl"))
    if not found:
        raise InstallError(f"There are no wheels in {wheels}.", "Name a folder of wheels with --wheels.")
    content = [(file.relative_to(REPOSITORY).as_posix(), file) for file in sources(REPOSITORY)]
    content += [(name, REPOSITORY / name) for name in TREE_FILES]
    content += [(f"wheels/{file.name}", file) for file in found]
    sums = "".join(f"{_digest(file)}  {name}\n" for name, file in sorted(content)).encode()
    part = path.with_suffix(".part")
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, file in sorted(content):
            entry = _entry(f"{stem}/{name}", file.stat().st_size, executable=name in RUNNABLE)
            with file.open("rb") as data:
                archive.addfile(entry, data)
        archive.addfile(_entry(f"{stem}/{SUMS}", len(sums), executable=False), io.BytesIO(sums))
    part.replace(path)


def _entry(name: str, size: int, *, executable: bool) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o755 if executable else 0o644
    return entry


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
