"""What is given away: twice the same bytes, whole, and installable."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from installer import package
from installer.checks import default_python
from installer.wheel import build_wheel, requirement
from tests.installer.stand_in import ROOT, User


def packed(user: User, name: str) -> Path:
    output = user.home.parent / name
    done = user.installer("package", "-o", str(output), "--wheels", str(user.wheels))
    assert done.returncode == 0, done.stderr
    return output


def test_the_same_bytes_twice(user: User) -> None:
    first, second = packed(user, "first"), packed(user, "second")
    names = {"likeness-0.1.0-py3-none-any.whl", "likeness-0.1.0-plugin.zip", "likeness-0.1.0-offline.tar"}
    assert {path.name for path in first.iterdir()} == names | {"SHA256SUMS"}
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    for line in (first / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((first / name).read_bytes()).hexdigest() == digest

    with zipfile.ZipFile(first / "likeness-0.1.0-plugin.zip") as archive:
        assert archive.getinfo("likeness/likeness.py").external_attr >> 16 == 0o100755
        for name in ("client.py", "locale/de/LC_MESSAGES/likeness.mo"):
            assert archive.read(f"likeness/{name}") == (ROOT / "plugin/likeness" / name).read_bytes()


def test_what_lies_in_the_output_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "wheels/mine-1.0-py3-none-any.whl"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")

    def pip(command: list[str], *, check: bool) -> subprocess.CompletedProcess[bytes]:
        folder = Path(command[command.index("--dest") + 1])
        (folder / "numpy-2.0-py3-none-any.whl").write_bytes(b"fetched")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(package.subprocess, "run", pip)
    monkeypatch.setattr(package, "build_wheel", lambda _: b"wheel")
    monkeypatch.setattr(package, "sources", lambda _: [])
    assert package.package(tmp_path, None) == 0
    assert mine.read_bytes() == b"mine"
    with tarfile.open(tmp_path / "likeness-0.1.0-offline.tar") as bundle:
        wheels = [name for name in bundle.getnames() if "/wheels/" in name]
    assert wheels == ["likeness-0.1.0/wheels/numpy-2.0-py3-none-any.whl"]
    assert len(list(tmp_path.iterdir())) == 5, "the bundle, its two parts, the checksums, and what was there"


def test_the_bundle_installs_as_it_is(user: User) -> None:
    place = user.home.parent / "unpacked"
    with tarfile.open(packed(user, "packages") / "likeness-0.1.0-offline.tar") as bundle:
        bundle.extractall(place, filter="data")
    command = [str(place / "likeness-0.1.0/installer/install"), "--yes"]
    quick = ["--python", str(user.programs / "quick-python")]

    def install() -> subprocess.CompletedProcess[str]:
        environment = user.environment(PATH=f"{user.programs}:{default_python().parent}:/usr/bin:/bin")
        return subprocess.run(
            [*command, *quick], cwd="/", env=environment, capture_output=True, text=True, check=False
        )

    done = install()
    assert done.returncode == 0, done.stderr
    assert "nothing is downloaded" in done.stdout
    next(place.glob("*/wheels/numpy-*")).write_bytes(b"damaged")
    assert "is not what was packed" in install().stderr


def test_the_wheel_holds_the_default_model_and_its_requirements(tmp_path: Path) -> None:
    path = tmp_path / "likeness-0.1.0-py3-none-any.whl"
    path.write_bytes(build_wheel(ROOT))
    assert requirement(path, "torch") == "torch==2.13.0"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        metadata = archive.read("likeness-0.1.0.dist-info/METADATA").decode()
        weights = archive.read("models/default/model.safetensors")
    assert weights == (ROOT / "models/default/model.safetensors").read_bytes()
    for name in (
        "engine/__main__.py",
        "plugin/likeness/likeness.py",
        "installer/sample.jpg",
        "models/catalogue.toml",
    ):
        assert name in names
    assert not [name for name in names if "__pycache__" in name]
    assert 'Requires-Dist: numba>=0.61; extra == "faces"' in metadata
    checked = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "--quiet", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
