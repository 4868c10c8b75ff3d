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
from dataclasses import asdict
from pathlib import Path

from engine import __version__
from engine.cli import health
from engine.cli.bundle import write_bundle
from engine.cli.health import INSTALL_AGAIN, Finding
from engine.cli.report import Outcome, reporter
from engine.errors import BadRequest
from engine.paths import Home
from engine.settings import load_settings
from installer.profiles import find_profiles, plugin_problem

Check = Callable[[Home], Iterator[Finding]]
TORCH_SECONDS = 120
GIGABYTE = 1e9
INSTALL_PLUGIN = "Run `python -m installer install-plugin` in the folder of Likeness."

_ASK_TORCH = """
import json, torch
devices = [f"cpu ({torch.get_num_threads()} threads)"]
for number in range(torch.cuda.device_count()):
    free, whole = torch.cuda.mem_get_info(number)
    name = torch.cuda.get_device_name(number)
    devices.append(f"cuda:{number} ({name}, {free / 1e9:.1f} of {whole / 1e9:.1f} GB free)")
if torch.backends.mps.is_available():
    devices.append("mps")
print(json.dumps({"version": torch.__version__, "devices": devices}))
"""
_ASK_QT = "from PyQt5.QtWidgets import QApplication"


def doctor(options: argparse.Namespace) -> Outcome:
    """Exit code 0 unless something is bad."""
    progress = reporter(options.json)
    home = Home.from_environment()
    findings: list[Finding] = []
    try:
        for check in _CHECKS:
            subject = check.__name__.strip("_").replace("_", " ")
            progress.say(f"Looking at {subject}")
            findings += _found(subject, check, home)
    finally:
        progress.close()
    healthy = all(finding.level != "bad" for finding in findings)
    data = {"healthy": healthy, "version": __version__, "findings": [asdict(f) for f in findings]}
    lines = [f"{f.level:<4}  {f.subject}: {f.sentence} {f.remedy}".rstrip() for f in findings]
    if options.bundle:
        write_bundle(options.bundle, home, data)
        data["bundle"] = str(options.bundle.absolute())
        lines.append(f"Written: {options.bundle}")
    return Outcome(data, "\n".join(lines), 0 if healthy else 1)


def _found(subject: str, check: Check, home: Home) -> Iterator[Finding]:
    try:
        yield from check(home)
    except OSError as error:
        yield Finding(subject, "bad", f"It cannot be looked at: {error}.", "Mend its permissions.")
    except subprocess.SubprocessError as error:
        yield Finding(subject, "bad", f"It cannot be looked at: {error}.", "Try again when less is running.")


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
    yield Finding("torch", "ok", f"{facts['version']}, on {', '.join(facts['devices'])}")
    yield from _device(home, facts["devices"])


def _device(home: Home, found: list[str]) -> Iterator[Finding]:
    """Whether the setting `device` can be had. `found` as `_ASK_TORCH` says it: “cuda:0 (…)” and the like."""
    kinds = list(dict.fromkeys(name.partition(" ")[0].partition(":")[0] for name in found))
    with contextlib.suppress(BadRequest):  # which home_folder tells
        wish = load_settings(home).device
        if wish not in ("auto", *kinds):
            yield Finding(
                "device",
                "bad",
                f"The setting “device” is “{wish[:20]}”, which this machine does not have.",
                f"Set it to “auto”, or to what is there: {', '.join(kinds)}.",
            )


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


def _dialogs(home: Home) -> Iterator[Finding]:
    if sys.platform == "linux":
        found = [
            f"{name}={os.environ[name]}" for name in ("DISPLAY", "WAYLAND_DISPLAY") if os.environ.get(name)
        ]
        if found:
            yield Finding("display", "ok", ", ".join(found))
        else:
            yield Finding(
                "display",
                "warn",
                "Neither DISPLAY nor WAYLAND_DISPLAY is set: from here no dialog can open.",
                "Ask from a terminal on the desktop. Scripts need no display.",
            )
    loaded = subprocess.run(
        [sys.executable, "-c", _ASK_QT], capture_output=True, text=True, timeout=TORCH_SECONDS
    )
    if loaded.returncode:
        reason = (loaded.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield Finding("dialogs", "bad", f"Qt cannot be loaded: {reason}", INSTALL_AGAIN)


def _gimp(home: Home) -> Iterator[Finding]:
    profiles = find_profiles(Path.home())
    if not profiles:
        yield Finding("GIMP", "warn", "No profile of GIMP 3 was found.", "Install GIMP 3 and start it once.")
    for profile in profiles:
        problem = plugin_problem(profile.folder)
        if problem:
            yield Finding("GIMP", "warn", f"{profile.folder}: {problem}", INSTALL_PLUGIN)
        else:
            yield _registration(profile.folder)


def _registration(profile: Path) -> Finding:
    """Whether GIMP has taken the plug-in: `pluginrc` lists the procedures that it found at its last start."""
    listed = ""
    with contextlib.suppress(OSError):
        listed = (profile / "pluginrc").read_text("utf-8", "replace")
    if '"plug-in-likeness-edit"' in listed:
        return Finding("GIMP", "ok", f"{profile}: the plug-in is there and registered.")
    return Finding(
        "GIMP",
        "warn",
        f"{profile}: the plug-in is there, but GIMP has not registered it yet.",
        "Start GIMP; if it stays so, start it from a terminal, which shows why.",
    )


def _available_memory() -> float | None:
    """In GB, where the system tells."""
    with contextlib.suppress(OSError, ValueError, StopIteration, IndexError):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return (
            int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024 / GIGABYTE
        )
    return None


_CHECKS: tuple[Check, ...] = (
    _python,
    _torch,
    health.home_folder,
    _room,
    health.models,
    health.inversions,
    health.socket,
    health.engine,
    _dialogs,
    _gimp,
)
