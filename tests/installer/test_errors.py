"""What stands in the way is told in a sentence with its remedy, and nothing is half done."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from installer.checks import check_bundle, check_user
from installer.child import ChildFailed, run
from installer.environment import check_python, detect_torch, needed_bytes
from installer.errors import InstallError
from installer.gimps import find_gimps
from installer.plugin import verify
from installer.profiles import find_consoles
from tests.installer.stand_in import User, fingerprint, tiny_wheel

needs_mounts = pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0
    if sys.platform == "linux"
    else True,
    reason="needs a mount namespace",
)


def refused(user: User, *arguments: str, **more: str) -> str:
    """What an installation that must fail says; nothing may have been written."""
    before = fingerprint(user.home)
    done = user.installer("install", *user.ingredients(), *arguments, **more)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert fingerprint(user.home) == before
    return done.stderr


def test_no_gimp_or_an_old_one(user: User) -> None:
    (user.programs / "gimp-console-3.0").unlink()
    assert "No GIMP was found. Install GIMP 3" in refused(user)
    (user.home / ".config/GIMP/2.10").mkdir(parents=True)
    assert "2.10 or older; Likeness needs GIMP 3. Install GIMP 3" in refused(user)


def test_pythons_that_cannot(user: User) -> None:
    assert "There is no Python at /nowhere" in refused(user, "--python", "/nowhere")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo 3 10", "is Python 3.10. Likeness needs 3.11"),
        ("echo \"No module named 'ensurepip'\" >&2; exit 1", "install python3-venv"),
        ("exit 3", "is not a working Python"),
    ],
)
def test_what_pythons_answer(tmp_path: Path, script: str, sentence: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    with pytest.raises(InstallError, match=sentence):
        check_python(python)


def test_a_wheel_that_lacks_is_named(user: User) -> None:
    next(user.wheels.glob("safetensors-*")).unlink()
    assert "has no wheel of safetensors that fits" in refused(user)
    for wheel in user.wheels.glob("*.whl"):
        wheel.unlink()
    assert "There are no wheels in" in refused(user)


def test_a_damaged_wheel_is_named(tmp_path: Path) -> None:
    name, data = tiny_wheel("numpy", "2.0")
    (tmp_path / name).write_bytes(data[:-40])
    with pytest.raises(InstallError, match=r"numpy-2\.0-py3-none-any\.whl is damaged"):
        needed_bytes("cpu", tmp_path)


def test_somebody_elses_plugin(user: User) -> None:
    user.plugin.mkdir(parents=True)
    (user.plugin / "likeness.py").write_text("theirs")
    assert "is not ours: it has no location.json. Move it away" in refused(user)


def test_a_self_test_that_fails_is_undone(user: User) -> None:
    console = user.programs / "gimp-console-3.0"
    console.write_text(console.read_text().replace('print("likeness-self-test:"', 'print("crashed:"'))
    assert "GIMP could not be asked. It says: crashed:" in refused(user)


@needs_mounts
@pytest.mark.parametrize(
    ("mount", "sentence"),
    [
        (
            "mount --bind {home} {home} && mount -o remount,bind,ro {home}",
            "cannot be written. Mend its permissions",
        ),
        ("mount -t tmpfs -o size=20M tmpfs {home}", "are needed. Make room"),
    ],
)
def test_a_home_that_is_read_only_or_full(user: User, mount: str, sentence: str) -> None:
    before = fingerprint(user.home)
    home = shlex.quote(str(user.home))
    command = shlex.join(user.command("install", *user.ingredients()))
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            f"{mount.format(home=home)} && {command}; code=$?; ls -A {home} && exit $code",
        ],
        env=user.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert ".likeness" not in done.stdout.splitlines()
    assert fingerprint(user.home) == before


def test_not_by_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "me")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(InstallError, match="without sudo"):
        check_user()


def test_a_damaged_bundle(tmp_path: Path) -> None:
    check_bundle(tmp_path)  # a checkout
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  engine/errors.py\n")
    with pytest.raises(InstallError, match=r"engine/errors\.py is not what was packed. Fetch or unpack"):
        check_bundle(tmp_path)


def prepared(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("prepare", "found"),
    [
        (lambda home: prepared(home, ".config/GIMP/3.0", ".config/GIMP/2.10"), [".config/GIMP/3.0"]),
        (
            lambda home: prepared(home, "snap/gimp/current/.config/GIMP/3.2", ".config/GIMP/3.0"),
            [".config/GIMP/3.0", "snap/gimp/current/.config/GIMP/3.2"],
        ),
        (lambda home: prepared(home, "Downloads/GIMP-3.0.4-x86_64.AppImage"), [".config/GIMP/3.0"]),
    ],
)
def test_every_packaging_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None], found: list[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for name in ("XDG_CONFIG_HOME", "GIMP3_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    prepare(tmp_path)
    assert [str(p.folder.relative_to(tmp_path)) for p in find_gimps(tmp_path, "linux").profiles] == found
    monkeypatch.setenv("GIMP3_DIRECTORY", str(tmp_path / "mine"))
    assert find_gimps(tmp_path, "linux").profiles[0].folder == tmp_path / "mine"


def test_a_flatpak_that_never_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flatpak = tmp_path / "flatpak"
    flatpak.write_text("#!/bin/sh\necho '        ID: org.gimp.GIMP'; echo '   Version: 3.0.4'\n")
    flatpak.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("GIMP3_DIRECTORY", raising=False)
    (profile,) = (p for p in find_gimps(tmp_path, "linux").profiles if p.sandboxed)
    assert profile.folder == tmp_path / ".var/app/org.gimp.GIMP/config/GIMP/3.0"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: [Errno 28] No space left on device", "The disk is full. Make room"),
        ("NewConnectionError: Connection refused", "See to the network, or install with --offline"),
        ("ERROR: it is broken", "could not be made: ERROR: it is broken"),
    ],
)
def test_what_pip_says_is_told(user: User, said: str, sentence: str) -> None:
    (user.programs / "pip/__main__.py").write_text(f"raise SystemExit({said!r})")
    assert sentence in refused(user)


def test_what_was_downloaded_stays_for_the_next_try(user: User) -> None:
    before = fingerprint(user.home)
    (user.programs / "pip/__main__.py").write_text(
        "import pathlib, sys\n"
        "cache = pathlib.Path(sys.argv[sys.argv.index('--cache-dir') + 1])\n"
        "cache.mkdir(exist_ok=True)\n"
        "(cache / 'torch').write_text('large')\n"
        "sys.exit('Connection refused')\n"
    )
    quick = ["--yes", "--cpu", "--python", str(user.programs / "quick-python")]
    for _ in range(2):
        failed = user.installer("install", *quick)
        assert "See to the network" in failed.stderr
        program = user.likeness / "program"
        assert [path.name for path in program.rglob("*")] == ["scratch", "downloads", "torch"]
        assert "stays in" in failed.stdout
    assert not (user.home / ".config").exists()
    assert user.installer("uninstall", "--yes").returncode == 0
    assert fingerprint(user.home) == before


def test_programs_that_never_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nvidia-smi", "gimp-console-3.0"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)

    def never(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", never)
    assert detect_torch() == "cpu"
    assert find_consoles() == []
    with pytest.raises(InstallError, match=r"does not answer\. See that GIMP itself works"):
        verify(tmp_path / "gimp-console-3.0", tmp_path)


def test_a_deadline_ends_what_the_program_had_started(tmp_path: Path) -> None:
    begun = time.monotonic()
    with (tmp_path / "lock").open("w") as lock, pytest.raises(ChildFailed):
        run(["/bin/sh", "-c", "sleep 300; true"], {}, lock.fileno(), timeout=0.5)
    assert time.monotonic() - begun < 200
