"""A whole user to install for: a small source tree, tiny wheels, a GIMP that only answers the self-test, and a Python
whose environments have a pip that only unpacks.

What is installed is the real plug-in and the real installer; only what is heavy is missing.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from installer.wheel import pack_zip

ROOT = Path(__file__).resolve().parents[2]
TREE_FILES = (
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
    "models/catalogue.toml",
)
YOURS = ("models", "inversions", "settings.json")

# Answers as the installed plug-in deserves: it must be whole, and its engine's environment must have the packages.
GIMP = """#!{python}
import json, os, subprocess, sys
from pathlib import Path
if "--version" in sys.argv:
    sys.exit(print("GNU Image Manipulation Program version {version}.4"))
profile = Path(os.environ["GIMP3_DIRECTORY"])
plugin = profile / "plug-ins/likeness"
(profile / "pluginrc").write_text("what GIMP leaves")
answer = {{"missing": ["plug-in-likeness-invert"]}}
if os.access(plugin / "likeness.py", os.X_OK):
    (plugin / "__pycache__").mkdir(exist_ok=True)
    (plugin / "__pycache__/client.pyc").write_text("what Python leaves")
    python, engine, _ = json.loads((plugin / "location.json").read_text())["command"]
    works = subprocess.run([python, "-c", "import torch, fastapi"]).returncode == 0 and Path(engine).is_dir()
    answer = {{"missing": [], "layers": 1}} if works else {{"missing": [], "error": "the engine does not start"}}
print("likeness-self-test:", json.dumps(answer))
"""

PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec {python} "$@"
{python} -m venv --without-pip "$3" && cp -r {pip} "$3"/lib/python3.*/site-packages/
"""

# Unpacks a wheel and what it requires. Where it is told to, it kills the installer half-way, waits until a file is
# gone, and goes on.
PIP = """
import os, re, signal, sys, sysconfig, time, zipfile
from pathlib import Path
wheel, folder = Path(sys.argv[-1]), Path(sys.argv[sys.argv.index("--find-links") + 1])
target = sysconfig.get_path("purelib")
with zipfile.ZipFile(wheel) as archive:
    metadata = next(name for name in archive.namelist() if name.endswith("METADATA"))
    names = re.findall("^Requires-Dist: ([a-zA-Z0-9-]+)[^;\\n]*$", archive.read(metadata).decode(), re.MULTILINE)
    if held := os.environ.get("LIKENESS_TEST_KILL_IN_PIP"):
        os.kill(os.getppid(), signal.SIGKILL)
        while os.path.exists(held):
            time.sleep(0.05)
    archive.extractall(target)
for name in names:
    found = [*folder.glob(name.replace("-", "_") + "-*.whl")]
    if not found:
        sys.exit(f"ERROR: No matching distribution found for {name}")
    zipfile.ZipFile(found[0]).extractall(target)
print("Installing collected packages: likeness")
"""


@dataclass(frozen=True)
class User:
    """`home` is the user's, `tree` the sources, `programs` what is on PATH beside the system's."""

    home: Path
    tree: Path
    wheels: Path
    programs: Path

    @property
    def likeness(self) -> Path:
        return self.home / ".likeness"

    @property
    def plugin(self) -> Path:
        return self.home / ".config/GIMP/3.0/plug-ins/likeness"

    def environment(self, **more: str) -> dict[str, str]:
        path = f"{self.programs}:/usr/bin:/bin"
        return {
            "HOME": str(self.home),
            "PATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            **more,
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.tree / "installer"), *arguments]

    def installer(self, *arguments: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run the installer; `said` is what the user types."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.home,
            env=self.environment(**more),
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.installer("install", *self.ingredients(), *arguments)

    def ingredients(self) -> list[str]:
        return ["--yes", "--offline", str(self.wheels), "--python", str(self.programs / "quick-python")]

    def gather(self) -> dict[str, str]:
        """Have the user gather things in the home; their content by name."""
        for name in ("models/mine/model.safetensors", "inversions/a.safetensors", "settings.json"):
            path = self.likeness / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{{}} {name}")
        return {name: text for name, text in fingerprint(self.likeness).items() if name.split("/")[0] in YOURS}

    def make_newer(self) -> None:
        """Version 0.2.0 of the sources; a module of the plug-in is another."""
        project, module = self.tree / "pyproject.toml", self.tree / "plugin/likeness/job.py"
        project.write_text(project.read_text().replace('version = "0.1.0"', 'version = "0.2.0"'))
        module.write_text(module.read_text() + "\n# newer\n")

    def add_gimp(self, version: str) -> None:
        program = self.programs / f"gimp-console-{version}"
        program.write_text(GIMP.format(python=sys.executable, version=version))
        program.chmod(0o755)


def make_user(folder: Path) -> User:
    user = User(folder / "home", folder / "tree", folder / "wheels", folder / "programs")
    for made in (user.home, user.wheels, user.programs):
        made.mkdir()
    _copy_tree(user.tree)
    _make_wheels(user.wheels)
    (user.home / "a picture.xcf").write_text("the user's")
    user.add_gimp("3.0")
    pip = user.programs / "pip"
    pip.mkdir()
    (pip / "__main__.py").write_text(PIP)
    python = user.programs / "quick-python"
    python.write_text(PYTHON.format(python=sys.executable, pip=pip))
    python.chmod(0o755)
    return user


def fingerprint(folder: Path) -> dict[str, str]:
    """All files, links and folders below a folder, and what is in them."""
    return {path.relative_to(folder).as_posix(): _content(path) for path in sorted(folder.rglob("*"))}


def tiny_wheel(name: str, version: str) -> tuple[str, bytes]:
    """File name and bytes of a package with one empty module."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content = [
        (f"{name.replace('-', '_')}/__init__.py", b""),
        (f"{stem}.dist-info/METADATA", metadata.encode()),
        (f"{stem}.dist-info/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        (f"{stem}.dist-info/RECORD", b""),
    ]
    return f"{stem}-py3-none-any.whl", pack_zip(content)


def _copy_tree(tree: Path) -> None:
    for package in ("engine", "installer", "plugin"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "models").mkdir()
    for name in TREE_FILES:
        shutil.copyfile(ROOT / name, tree / name)


def _make_wheels(folder: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    for line in project["dependencies"]:
        name, version = re.split(r"[>=]=", line)
        file, data = tiny_wheel(name, pins.get(name, version))
        (folder / file).write_bytes(data)


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"→ {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
