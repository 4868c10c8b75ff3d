"""The engine itself: start it, ask it, end it; and what its model can do."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import filelock

import engine
from engine.cli.report import Outcome, Silence, reporter
from engine.errors import EngineUnavailable
from engine.paths import Home
from engine.service.dialogs import of_the_desktop
from plugin.likeness.client import Client, EngineProblem
from plugin.likeness.launch import ensure_engine

STOP_SECONDS = 15.0
_START = [sys.executable, str(Path(engine.__file__).parent), "serve"]


def running_engine(progress: Silence) -> Client:
    """The running engine, or a new one. Raises `EngineProblem`."""
    return ensure_engine(
        Home.from_environment().root, _START, on_wait=lambda: progress.say("Starting the engine")
    )


def serve(options: argparse.Namespace) -> Outcome:
    """Be the engine, until stopped."""
    from engine.service.server import serve as serve_home  # FastAPI: half a second that other commands save

    def ready(address: str) -> None:
        if options.json:
            print(json.dumps({"socket": address.removeprefix("unix:")}), flush=True)
        else:
            print(f"The engine listens at {address.removeprefix('unix:')}; Ctrl+C ends it.", flush=True)

    if options.memory:
        os.environ["LIKENESS_MEMORY"] = str(options.memory)  # engine/worker/frugal.py reads it
    home = Home.from_environment()
    if serve_home(home, on_ready=ready):
        return Outcome({}, "", is_said=True)
    return Outcome({"running": True, "home": str(home.root)}, f"An engine runs already in {home.root}.")


def status(options: argparse.Namespace) -> Outcome:
    """Ask the running engine how it is; none is exit code 1."""
    facts = Client.connect(Home.from_environment().root).status()
    worker = facts["worker"]
    lines = [
        f"Engine {facts['version']} runs (process {facts['pid']}, {facts['uptime_seconds']:.0f} s).",
        f"Worker: {worker['state']}" + (f" on {worker['device']}." if worker["device"] else "."),
        *(
            f"Job {job['id'][:8]}: {job['kind']}, {job['state']}, {job['fraction']:.0%}"
            for job in facts["jobs"]
        ),
    ]
    return Outcome(facts, "\n".join(lines))


def stop(options: argparse.Namespace) -> Outcome:
    """End the running engine and wait until it has gone."""
    home = Home.from_environment()
    try:
        client = Client.connect(home.root)
    except EngineProblem as problem:
        if problem.code != "engine_unavailable":
            raise
        return Outcome({"stopped": False}, "No engine is running.")
    client.stop()
    try:
        with filelock.FileLock(home.lock, timeout=STOP_SECONDS):
            return Outcome({"stopped": True}, "The engine has ended.")
    except filelock.Timeout:
        raise EngineUnavailable("The engine does not end.", f"Its log is {home.logs / 'engine.log'}.") from None


def settings(options: argparse.Namespace) -> Outcome:
    """Open the window with the settings, until it is closed."""
    return open_window(options, "settings")


def open_window(options: argparse.Namespace, window: str) -> Outcome:
    """One of the windows that need no photograph (`engine.service.models.ModelsDialog`)."""
    progress = reporter(options.json)
    try:
        running_engine(progress).models_dialog(of_the_desktop(os.environ), progress.event, window)
    finally:
        progress.close()
    return Outcome({"closed": True}, "The window is closed.")


def directions(options: argparse.Namespace) -> Outcome:
    """List what can be edited."""
    progress = reporter(options.json)
    try:
        found = running_engine(progress).directions(options.model)
    finally:
        progress.close()
    width = max((len(d["name"]) for d in found["directions"]), default=0)
    lines = [f"{found['model']}: {found['notice']}".strip(": ")]
    for direction in found["directions"]:
        bounds = f"{direction['minimum']:+g} … {direction['maximum']:+g}"
        lines.append(
            f"  {direction['name']:<{width}}  {bounds:<14}  {direction['label']}. {direction['hint']}".rstrip()
        )
    return Outcome(found, "\n".join(lines))
