"""The proof that it works: a GIMP without windows has our procedures, and an inversion comes back through them.

It happens in a scratch folder: a GIMP profile of its own that links to the installed plug-in, an engine's home of
its own. The user's profile, settings, engine and cache are not touched.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from installer.child import ChildFailed, run
from installer.errors import InstallError
from installer.plugin import NAME, PROCEDURES, plugin_folder
from installer.running import stop_engine

SAMPLE = Path(__file__).parent / "sample.jpg"  # NASA's portrait of Eileen Collins, public domain
INSIDE = Path(__file__).parent / "inside_gimp.py"
SETTINGS = {"refine_steps": 5, "idle_seconds": 120}
SECONDS = 900


def prove_in_gimp(console: Path, profile: Path, scratch: Path, lock: int) -> None:
    """Raises `InstallError` unless this GIMP, with this profile's plug-in, inverts the sample."""
    with _laid_out(scratch) as photo:
        _link_plugin(scratch, profile)
        call = f"report({str(photo)!r}, {list(PROCEDURES)!r})"
        program = f"exec({INSIDE.read_text('utf-8') + call!r}, {{}})"
        said = _run(
            [str(console), "-nidfs", "--batch-interpreter", "python-fu-eval", "-b", program, "--quit"],
            {"GIMP3_DIRECTORY": str(scratch / "gimp"), **_environment(scratch)},
            lock,
        )
    answer = next((line for line in said.splitlines() if line.startswith("likeness-self-test:")), "")
    facts = json.loads(answer.partition(":")[2] or "{}")
    if "missing" not in facts:
        last = " / ".join(said.strip().splitlines()[-3:])
        raise InstallError(f"GIMP could not be asked. It says: {last[:600]}", "See that GIMP itself works.")
    if facts["missing"]:
        raise InstallError(
            f"GIMP does not see the plug-in in {profile}.", "Start GIMP once, close it, then try again."
        )
    if not facts.get("layers"):
        raise InstallError(
            f"No inversion came back in GIMP: {facts.get('error', '')}",
            "Run this again; if it stays, report it.",
        )


def prove_engine(engine: list[str], scratch: Path, lock: int) -> None:
    """Raises `InstallError` unless the engine inverts the sample, without GIMP."""
    with _laid_out(scratch) as photo:
        command = [*engine[:-1], "invert", str(photo), "-o", str(scratch / "result")]
        _run(command, _environment(scratch), lock)
        if not (scratch / "result/result.png").is_file():
            raise InstallError("No inversion came back.", "Run this again; if it stays, report it.")


@contextlib.contextmanager
def _laid_out(scratch: Path) -> Iterator[Path]:
    """The scratch folder with the sample in it, whose path this yields; afterwards it is gone."""
    stop_engine(scratch / "home")  # of a test that was killed
    shutil.rmtree(scratch, ignore_errors=True)
    for name in ("home", "gimp", "xdg"):
        (scratch / name).mkdir(mode=0o700, parents=True)
    (scratch / "home/settings.json").write_text(json.dumps(SETTINGS), "utf-8")
    photo = scratch / SAMPLE.name
    shutil.copyfile(SAMPLE, photo)
    try:
        yield photo
    finally:
        stop_engine(scratch / "home")
        shutil.rmtree(scratch, ignore_errors=True)


def _link_plugin(scratch: Path, profile: Path) -> None:
    place = scratch / "gimp/plug-ins"
    place.mkdir()
    (place / NAME).symlink_to(plugin_folder(profile), target_is_directory=True)


def _environment(scratch: Path) -> dict[str, str]:
    folders = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(scratch / "xdg"))
    return {**folders, "LIKENESS_HOME": str(scratch / "home"), "PYTHONDONTWRITEBYTECODE": "1"}


def _run(command: list[str], environment: dict[str, str], lock: int) -> str:
    try:
        return run(command, environment, lock, timeout=SECONDS)
    except ChildFailed as failed:
        raise InstallError(
            f"The self-test failed: {failed.last_words}", "Mend that, then try again."
        ) from failed
