"""The engine as a wheel, default weights included, made from the sources alone; the same sources give the same bytes.

Files are stored, not compressed: weights hardly shrink, and compressors differ between machines. The wheel's layout
is that of PyPA's binary distribution format 1.0. Packages that constraints.txt pins are required by that version.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from installer.errors import InstallError

PACKAGES = ("engine", "installer", "models", "plugin")
_LEFT_OUT = {"__pycache__", ".DS_Store"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def wheel_name(tree: Path) -> str:
    """Such as `likeness-0.1.0-py3-none-any.whl`."""
    project = _project(tree)
    return f"{project['name']}-{project['version']}-py3-none-any.whl"


def build_wheel(tree: Path) -> bytes:
    """The wheel of a source tree: a checkout, or an unpacked bundle. Raises `InstallError`."""
    project = _project(tree)
    info = f"{project['name']}-{project['version']}.dist-info"
    content = [(path.relative_to(tree).as_posix(), path.read_bytes()) for path in sources(tree)]
    content += [
        (f"{info}/METADATA", _metadata(tree, project).encode()),
        (
            f"{info}/WHEEL",
            b"Wheel-Version: 1.0\nGenerator: likeness\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        (f"{info}/entry_points.txt", _entry_points(project).encode()),
        (f"{info}/licenses/LICENSE", (tree / "LICENSE").read_bytes()),
    ]
    lines = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in content]
    record = f"{info}/RECORD"
    content.append((record, "".join([*lines, f"{record},,\n"]).encode()))
    return pack_zip(content)


def sources(tree: Path) -> Iterator[Path]:
    """The files of our packages, in a fixed order."""
    for package in PACKAGES:
        for folder, folders, files in os.walk(tree / package):
            folders[:] = sorted(set(folders) - _LEFT_OUT)
            yield from (Path(folder, name) for name in sorted(files) if name not in _LEFT_OUT)


def pack_zip(content: list[tuple[str, bytes]], executable: frozenset[str] = frozenset()) -> bytes:
    """A zip archive without times, in the given order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # unix, on every system
            entry.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def requirement(wheel: Path, package: str) -> str:
    """What a wheel requires of a package, such as `torch==2.13.0`. Raises `InstallError`."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            found = re.search(rf"^Requires-Dist: ({package}\b\S*)$", archive.read(name).decode(), re.MULTILINE)
    except (OSError, zipfile.BadZipFile, StopIteration) as error:
        raise InstallError(f"{wheel} is damaged ({error}).", "Fetch Likeness again.") from error
    return found[1] if found else package


def _project(tree: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
    except (OSError, ValueError, KeyError) as error:
        raise InstallError(
            f"{tree} does not hold the sources of Likeness ({error}).", "Fetch Likeness again."
        ) from error


def _metadata(tree: Path, project: dict[str, Any]) -> str:
    pins = dict(re.findall(r"^([\w-]+)(==\S+)", (tree / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    required = [_pinned(line, pins) for line in project["dependencies"]]
    extras = project.get("optional-dependencies", {})
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {line}" for line in required),
    ]
    for extra, needed in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {line}; extra == "{extra}"' for line in needed]
    return "\n".join(lines) + "\n"


def _pinned(line: str, pins: dict[str, str]) -> str:
    name = re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0]
    return name + pins[name] if name in pins else line


def _entry_points(project: dict[str, Any]) -> str:
    lines = [f"{name} = {target}" for name, target in project["scripts"].items()]
    return "\n".join(["[console_scripts]", *lines]) + "\n"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
