"""`python -m engine models`: import checkpoints that you bring, list, verify and remove models.

The command line stays free of torch: `engine.weights`, a process of its own, does the work.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import engine
from engine.cli.report import Outcome, reporter
from engine.errors import InternalError, from_dict

_WEIGHTS = Path(engine.__file__).parent / "weights"
COULD_NOT = 1


def import_(options: argparse.Namespace) -> Outcome:
    """Make one model of the files, and say what it is."""
    progress = reporter(options.json)
    progress.say("Reading")
    try:
        made = _ask("import", options.name, *map(str, options.files))
    finally:
        progress.close()
    lines = [f"Imported as “{made['name']}”."]
    lines += [f"{_source(source)}" for source in made["facts"]["sources"]]
    return Outcome(made, "\n".join([*lines, *made["lines"], *(f"Note: {note}" for note in made["notes"])]))


def list_(options: argparse.Namespace) -> Outcome:
    """The models that are installed."""
    found = _ask("list")
    lines = []
    for model in found["models"]:
        facts = model["facts"]
        what = f"{facts['resolution']} px" if facts else f"damaged: {model['problem']}"
        more = (
            [facts["encoder"] and f"encoder {facts['encoder']}", facts["has_samm"] and "SAMM"] if facts else []
        )
        more.append("embedded" if model["embedded"] else f"{model['bytes'] / 1e6:.0f} MB")
        if facts and not facts["is_conditional"]:
            more.append("not usable for edits yet")
        lines.append(f"{model['name']}: {', '.join([what, *filter(None, more)])}")
    return Outcome(found, "\n".join(lines))


def verify(options: argparse.Namespace) -> Outcome:
    """Whether the files are still what was installed; exit code 1 where one is not."""
    found = _ask("verify", *filter(None, [options.name]))
    lines = []
    for verdict in found["models"]:
        aside = f"It was set aside as “{verdict['set_aside']}”." if verdict["set_aside"] else ""
        lines.append(f"{verdict['name']}: {verdict['sentence']} {aside} {verdict['remedy']}".strip())
    whole = all(verdict["whole"] for verdict in found["models"])
    return Outcome(found, "\n".join(" ".join(line.split()) for line in lines), 0 if whole else COULD_NOT)


def remove(options: argparse.Namespace) -> Outcome:
    """Delete an imported model."""
    found = _ask("remove", options.name)
    return Outcome(found, f"Removed “{found['removed']}”.")


def _source(source: dict[str, Any]) -> str:
    known = f", {source['published_as']} as published" if source["published_as"] else ""
    return f"{source['name']}: {source['layout']}, {source['bytes'] / 1e6:.1f} MB{known}; {source['licence']}."


def _ask(*arguments: str) -> dict[str, Any]:
    """Run `engine.weights`; its errors are raised as they are."""
    answered = subprocess.run(
        [sys.executable, str(_WEIGHTS), *arguments], stdin=subprocess.DEVNULL, capture_output=True
    )
    try:
        answer = json.loads(answered.stdout)
    except ValueError:
        last = answered.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise InternalError(
            f"The process that handles models ended without an answer: {''.join(last)[:300]}."
        ) from None
    if "error" in answer:
        raise from_dict(answer["error"])
    return answer
