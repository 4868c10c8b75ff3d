"""`doctor`: look at everything that Likeness stands on; every line says ok, warn or bad, and what to do."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from engine import __version__
from engine.cli.report import Outcome, reporter
from engine.errors import BadRequest
from engine.paths import EMBEDDED_MODELS, Home
from engine.settings import Settings, load_settings
from installer.profiles import find_profiles, plugin_problem
from plugin.likeness.client import Client, EngineProblem

TORCH_SECONDS = 120
GIGABYTE = 1e9
INSTALL_AGAIN = "Run ./run in the folder of Likeness."
INSTALL_PLUGIN = "Run `python -m installer install-plugin` in the folder of Likeness."

_ASK_TORCH = """
import json, torch
print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}))
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    level: Literal["ok", "warn", "bad"]
    sentence: str
    remedy: str = ""


def doctor(options: argparse.Namespace) -> Outcome:
    """Exit code 0 unless something is bad."""
    progress = reporter(options.json)
    home = Home.from_environment()
    findings: list[Finding] = []
    try:
        for check in _CHECKS:
            progress.say(f"Looking at {check.__name__.strip('_')}")
            findings += check(home)
    finally:
        progress.close()
    healthy = all(finding.level != "bad" for finding in findings)
    data = {"healthy": healthy, "version": __version__, "findings": [asdict(f) for f in findings]}
    lines = [f"{f.level:<4}  {f.subject}: {f.sentence} {f.remedy}".rstrip() for f in findings]
    return Outcome(data, "\n".join(lines), 0 if healthy else 1)


def _python(home: Home) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", "ok", f"{version}, {sys.executable}")
    for module, purpose in (("PyQt5", "the dialogs"), ("safetensors", "models and inversions")):
        if importlib.util.find_spec(module) is None:
            yield Finding(module, "bad", f"It is not installed; {purpose} need it.", INSTALL_AGAIN)


def _torch(home: Home) -> Iterator[Finding]:
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _ASK_TORCH],
            capture_output=True,
            text=True,
            timeout=TORCH_SECONDS,
            check=True,
        )
        facts = json.loads(answer.stdout)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield Finding("torch", "bad", f"It cannot be loaded: {reason}", INSTALL_AGAIN)
        return
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        yield Finding("torch", "bad", f"It cannot be loaded: {error}", INSTALL_AGAIN)
        return
    yield Finding("torch", "ok", f"{facts['version']}, {facts['threads']} threads")


def _home(home: Home) -> Iterator[Finding]:
    if not home.root.exists():
        yield Finding("home", "ok", f"{home.root} will be made at the first start.")
        return
    try:
        load_settings(home)
    except BadRequest as error:
        yield Finding("settings", "bad", error.sentence, error.remedy)
    folders = [home.root, home.run, home.spool, home.inversions, home.models, home.logs]
    wide = [f for f in folders if f.exists() and f.stat().st_mode & 0o077]
    if wide:
        names = " ".join(f"'{folder}'" for folder in wide)
        yield Finding("home", "bad", "Others may enter where photographs lie.", f"Run: chmod 700 {names}")
    elif not os.access(home.root, os.W_OK):
        yield Finding(
            "home", "bad", f"{home.root} cannot be written.", "Mend its permissions, or set LIKENESS_HOME."
        )
    else:
        yield Finding("home", "ok", f"{home.root}, private")


def _room(home: Home) -> Iterator[Finding]:
    existing = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / GIGABYTE
    level = "ok" if free >= 2 else "warn" if free >= 0.2 else "bad"
    yield Finding("disk", level, f"{free:.1f} GB free", "" if level == "ok" else "Make room.")
    memory = _available_memory()
    if memory is not None:
        level = "ok" if memory >= 2 else "warn" if memory >= 0.7 else "bad"
        yield Finding(
            "memory", level, f"{memory:.1f} GB available", "" if level == "ok" else "Close other programs."
        )


def _models(home: Home) -> Iterator[Finding]:
    wanted = _settings(home).model
    found = {"default": EMBEDDED_MODELS / "default"}
    if home.models.is_dir():
        found |= {path.name: path for path in sorted(home.models.iterdir()) if path.is_dir()}
    for name, folder in found.items():
        files = list(folder.glob("*.safetensors")) if folder.is_dir() else []
        size = sum(path.stat().st_size for path in files) / 1e6
        if files:
            yield Finding(f"model {name}", "ok", f"{len(files)} files of weights, {size:.1f} MB")
        else:
            level = "bad" if name == wanted else "warn"
            yield Finding(f"model {name}", level, f"There are no weights in {folder}.", INSTALL_AGAIN)
    if wanted not in found:
        yield Finding(
            f"model {wanted}", "bad", "The settings name it, but it is not installed.", "Set model: default."
        )


def _engine(home: Home) -> Iterator[Finding]:
    try:
        facts = Client.connect(home.root).status()
    except EngineProblem as problem:
        level = "ok" if problem.code == "engine_unavailable" else "bad"
        yield Finding(
            "engine", level, problem.sentence, problem.remedy if level == "bad" else "It starts by itself."
        )
    else:
        worker = facts["worker"]
        level = "bad" if worker["state"] == "stopped" else "ok"
        device = f" on {worker['device']}" if worker["device"] else ""
        sentence = (
            f"{facts['version']} runs as process {facts['pid']}, its worker is {worker['state']}{device}."
        )
        yield Finding("engine", level, sentence, f"See {home.logs / 'worker.log'}." if level == "bad" else "")
    for name in ("engine.log", "worker.log"):
        yield _log(home.logs / name)


def _log(path: Path) -> Finding:
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = [line for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        return Finding(path.name, "ok", "empty")
    return Finding(
        path.name, "warn", f"its last line is: {lines[-1][:200]}", f"Read {path} if something failed."
    )


def _gimp(home: Home) -> Iterator[Finding]:
    profiles = find_profiles(Path.home())
    if not profiles:
        yield Finding("GIMP", "warn", "No profile of GIMP 3 was found.", "Install GIMP 3 and start it once.")
    for profile in profiles:
        problem = plugin_problem(profile.folder)
        if problem:
            yield Finding("GIMP", "warn", f"{profile.folder}: {problem}", INSTALL_PLUGIN)
        else:
            yield Finding("GIMP", "ok", f"{profile.folder}: the plug-in is there.")


def _settings(home: Home) -> Settings:
    try:
        return load_settings(home)
    except BadRequest:
        return Settings()


def _available_memory() -> float | None:
    """In GB, where the system tells."""
    with contextlib.suppress(OSError, ValueError, StopIteration, IndexError):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return (
            int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024 / GIGABYTE
        )
    return None


_CHECKS: tuple[Callable[[Home], Iterator[Finding]], ...] = (
    _python,
    _torch,
    _home,
    _room,
    _models,
    _engine,
    _gimp,
)
