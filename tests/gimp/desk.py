"""A desk to test at: a GIMP profile, an engine's home and a folder that both see, all under one short path."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from installer.plugin import install
from plugin.likeness.client import Client, EngineProblem
from tests.gimp.chroot import Gimp3

REPOSITORY = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).parent / "inside"
PHOTOS = REPOSITORY / "tests" / "photos"
SETTINGS = {"refine_steps": 10, "idle_seconds": 600}


class Desk:
    """Made once a session; `close` ends what still runs and removes the folder."""

    def __init__(self, gimp: Gimp3) -> None:
        self.gimp = gimp
        self.share = Path(tempfile.mkdtemp(prefix="lk-", dir="/tmp"))
        self.home = self.share / "home"
        self.profile = self.share / "gimp"
        self.plugin = self.profile / "plug-ins" / "likeness"
        try:
            self._lay_out()
        except BaseException:
            shutil.rmtree(self.share)
            raise

    def _lay_out(self) -> None:
        shutil.copytree(INSIDE, self.share / "inside")
        for name in ("astronaut.png", "grace_hopper.jpg"):
            shutil.copyfile(PHOTOS / name, self.share / name)
        two_faces().save(self.share / "two.png")
        self.home.mkdir(mode=0o700)
        (self.home / "settings.json").write_text(json.dumps(SETTINGS))
        self.profile.mkdir()
        (self.profile / "gimprc").write_text(
            f'(config-version "{self._version()}")\n(show-welcome-dialog no)\n(check-updates no)\n'
            "(color-profile-policy keep)\n(save-session-info no)\n"
        )
        start = self.gimp.on_host([sys.executable, str(REPOSITORY / "engine"), "serve"])
        install(self.profile, self.home, start)
        for name in ("bridge", "compat"):
            shutil.copytree(INSIDE / name, self.profile / "plug-ins" / name)
        for script in (INSIDE / "classic").glob("*.py"):
            (self.profile / "plug-ins" / script.stem).mkdir()
            shutil.copy(script, self.profile / "plug-ins" / script.stem)

    def _version(self) -> str:
        said = subprocess.run(self.command([self.gimp.console, "--version"]), capture_output=True, text=True)
        return said.stdout.split()[-1]

    # --- GIMP ---------------------------------------------------------------------------------------------

    def command(self, argv: list[str], **environment: str) -> list[str]:
        """The command line of a program beside GIMP, such as GIMP itself."""
        ours = {
            "GIMP3_DIRECTORY": str(self.profile),
            "LIKENESS_TEST_SHARE": str(self.share),
            "LIKENESS_TEST_COMPAT": str(self.plugin),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return self.gimp.command(self.share, ours | environment, *argv)

    def start_batch(self, module: str) -> subprocess.Popen[str]:
        """Start a headless GIMP that runs a module of tests/gimp/inside."""
        run = f"import sys; sys.path.insert(0, {str(self.share / 'inside')!r}); import {module}"
        return self._start_headless(module, "python-fu-eval", run)

    def script_fu(self, code: str, seconds: float = 600) -> str:
        """Run Script-Fu in a headless GIMP and return what it said, with `gimp-message` as well."""
        process = self._start_headless("script-fu", "plug-in-script-fu-eval", code)
        try:
            process.wait(seconds)
        finally:
            process.kill()
            process.wait()
        return (self.share / "script-fu.log").read_text("utf-8", "replace")

    def _start_headless(self, name: str, interpreter: str, run: str) -> subprocess.Popen[str]:
        argv = [self.gimp.console, "-nidfs", "--batch-interpreter", interpreter, "-b", run, "--quit"]
        with (self.share / f"{name}.log").open("w") as log:
            return subprocess.Popen(
                self.command(argv, LIKENESS_TEST_REPORT=str(self.share / f"{name}.json")),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def batch(self, module: str, seconds: float = 600) -> dict[str, Any]:
        """Run such a module to its end and return what its scenarios report."""
        process = self.start_batch(module)
        try:
            code = process.wait(seconds)
        finally:
            process.kill()
            process.wait()
        said = (self.share / f"{module}.log").read_text("utf-8", "replace")
        assert code == 0, f"GIMP ended with {code}:\n{said[-3000:]}"
        return json.loads((self.share / f"{module}.json").read_text())

    def batch_without_crash(self, module: str) -> dict[str, Any]:
        """`batch`, for modules of which every scenario has to come to its end."""
        report = self.batch(module)
        crashed = [said["crashed"] for said in report.values() if isinstance(said, dict) and "crashed" in said]
        assert not crashed, "\n".join(crashed)
        return report

    # --- the engine ---------------------------------------------------------------------------------------

    def client(self) -> Client:
        return Client.connect(self.home)

    def jobs(self) -> list[dict[str, Any]]:
        """The engine's jobs that have not ended."""
        return [job for job in self.client().status()["jobs"] if job["state"] != "ended"]

    def dialogs(self) -> list[int]:
        """The processes of this home's dialogs."""
        return [pid for pid in self._engine_processes() if b"plugin.dialogs" in _arguments(pid)]

    def plugins(self) -> list[int]:
        """The processes of the plug-in, as GIMP starts them."""
        return [pid for pid in _processes() if str(self.plugin / "likeness.py").encode() in _arguments(pid)]

    def _engine_processes(self) -> list[int]:
        wanted = f"LIKENESS_HOME={self.home}".encode()
        return [pid for pid in _processes() if wanted in _environment(pid)]

    def came_to_rest(self, seconds: float = 60) -> None:
        """Wait until no dialog and no plug-in runs; who still does is said, and what the engine is at."""
        if not until(lambda: not self.dialogs() and not self.plugins(), seconds):
            log = "\n".join(path.read_text("utf-8", "replace")[-3000:] for path in self.home.glob("*/*.log"))
            raise AssertionError(
                f"after {seconds} s: dialogs {self.dialogs()}, plug-ins {self.plugins()}, {self.jobs()}\n{log}"
            )

    def close(self) -> None:
        with contextlib.suppress(EngineProblem):
            self.client().stop()
        for pid in self.plugins():
            os.kill(pid, signal.SIGKILL)
        if not until(lambda: not self._engine_processes(), 15):
            for pid in self._engine_processes():
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.share)


def two_faces() -> Image.Image:
    """Both photographs beside one another."""
    left = Image.open(PHOTOS / "astronaut.png").convert("RGB")
    right = Image.open(PHOTOS / "grace_hopper.jpg").convert("RGB")
    both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both


def until(happened: Callable[[], Any], seconds: float) -> bool:
    """Wait until something holds; False when it does not in that time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _arguments(pid: int) -> list[bytes]:
    return _of_process(pid, "cmdline")


def _environment(pid: int) -> list[bytes]:
    return _of_process(pid, "environ")


def _of_process(pid: int, file: str) -> list[bytes]:
    """Empty for a process that has ended, and for one that is not ours."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().split(b"\0")
    except OSError:
        return []
