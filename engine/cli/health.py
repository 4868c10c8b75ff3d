"""What `doctor` looks at in LIKENESS_HOME: folders, settings, models, inversions, socket, engine, logs."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import BadRequest
from engine.paths import EMBEDDED_MODELS, Home
from engine.service.inversions import list_inversions
from engine.settings import Settings, load_settings
from plugin.likeness.client import Client, EngineProblem
from plugin.likeness.wire import read_connection_file

INSTALL_AGAIN = "Run ./run in the folder of Likeness."


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    level: Literal["ok", "warn", "bad"]
    sentence: str
    remedy: str = ""


def home_folder(home: Home) -> Iterator[Finding]:
    if not home.root.exists():
        above = next(folder for folder in home.root.parents if folder.exists())
        if os.access(above, os.W_OK):
            yield Finding("home", "ok", f"{home.root} will be made at the first start.")
        else:
            yield Finding(
                "home",
                "bad",
                f"{home.root} cannot be made: {above} is not to be written.",
                "Set LIKENESS_HOME to a folder that you can write.",
            )
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
    elif hasattr(os, "getuid") and home.root.stat().st_uid != os.getuid():
        yield Finding(
            "home", "bad", f"{home.root} belongs to another user.", "Set LIKENESS_HOME to a folder of yours."
        )
    else:
        yield Finding("home", "ok", f"{home.root}, private")


def models(home: Home) -> Iterator[Finding]:
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


def inversions(home: Home) -> Iterator[Finding]:
    if not home.inversions.is_dir():
        return
    files = {path.stem for path in home.inversions.glob("*.safetensors")}
    damaged = {path.stem for path in home.inversions.glob("*.damaged")}
    sound = list_inversions(home)
    damaged |= files - {info.id for info in sound}
    size = sum(info.bytes for info in sound) / 1e6
    yield Finding("inversions", "ok", f"{len(sound)} are kept, {size:.1f} MB")
    for name in sorted(damaged):
        yield Finding("inversions", "warn", f"{name} is damaged.", f"Run: python -m engine forget {name}")


def socket(home: Home) -> Iterator[Finding]:
    path = home.run / "engine.sock"
    with contextlib.suppress(EngineProblem):
        address = read_connection_file(home.connection_file)["address"]
        if address.startswith("tcp:"):
            yield Finding("socket", "ok", f"{address.removeprefix('tcp:')}, of this machine only")
            return
        path = Path(address.removeprefix("unix:"))
    if not path.exists():
        yield Finding("socket", "ok", f"There is none at {path} until the engine runs.")
        return
    for place, widest in ((path, 0o600), (path.parent, 0o700)):
        if stat.S_IMODE(place.stat().st_mode) & ~widest:
            yield Finding("socket", "bad", f"Others may use {place}.", f"Run: chmod {widest:o} '{place}'")
            return
    yield Finding("socket", "ok", f"{path}, private")


def engine(home: Home) -> Iterator[Finding]:
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


def _settings(home: Home) -> Settings:
    try:
        return load_settings(home)
    except BadRequest:
        return Settings()
