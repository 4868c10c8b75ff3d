"""`python -m engine models`: import or download checkpoints, list, choose, verify, remove, export; their directions.

The command line stays free of torch: `engine.weights`, a process of its own, does the work.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import engine
from engine.cli.control import open_window
from engine.cli.report import Outcome, Silence, reporter
from engine.errors import InternalError, LicenceNotAccepted, UnknownModel, from_dict

_WEIGHTS = Path(engine.__file__).parent / "weights"
COULD_NOT = 1


def import_(options: argparse.Namespace) -> Outcome:
    """Make one model of the files, and say what it is."""
    progress = reporter(options.json)
    progress.say("Reading")
    try:
        made = _ask("import", options.name, *map(str, options.files), progress=progress)
    finally:
        progress.close()
    return _imported(made)


def _imported(made: dict[str, Any]) -> Outcome:
    lines = [f"Imported as “{made['name']}”."]
    lines += [f"{_source(source)}" for source in made["facts"]["sources"]]
    return Outcome(made, "\n".join([*lines, *made["lines"], *(f"Note: {note}" for note in made["notes"])]))


def list_(options: argparse.Namespace) -> Outcome:
    """The models that are installed; with --all those that can be downloaded as well."""
    found = _ask("list")
    lines = []
    for model in found["models"]:
        facts = model["facts"]
        what = f"{facts['resolution']} px" if facts else f"damaged: {model['problem']}"
        more = (
            [facts["encoder"] and f"encoder {facts['encoder']}", facts["has_samm"] and "SAMM"] if facts else []
        )
        more.append("embedded" if model["embedded"] else f"{model['bytes'] / 1e6:.0f} MB")
        more.append(model["name"] == found["model"] and "in use")
        lines.append(f"{model['name']}: {', '.join([what, *filter(None, more)])}")
    if options.all:
        lines += ["", "To be downloaded:", *map(_offer, found["catalogue"])]
    return Outcome(found, "\n".join(lines))


def use(options: argparse.Namespace) -> Outcome:
    """Choose the model that is used where none is named."""
    found = _ask("use", options.name)
    return Outcome(found, f"“{found['model']}” is used from now on, where no other is named.")


def dialog(options: argparse.Namespace) -> Outcome:
    """Open the window that does all this, until it is closed."""
    return open_window(options, "models")


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


def download(options: argparse.Namespace) -> Outcome:
    """Fetch a model of the catalogue once its terms are accepted, and import it."""
    entries = {entry["name"]: entry for entry in _ask("list")["catalogue"]}
    if options.name not in entries:
        raise UnknownModel(
            f"“{options.name}” is not in the catalogue.", f"It has: {', '.join(entries) or 'nothing'}."
        )
    if not options.accept_licence:
        _ask_for_acceptance(entries[options.name])
    progress = reporter(options.json)
    try:
        made = _ask("download", options.name, options.as_ or options.name, progress=progress)
    finally:
        progress.close()
    return _imported(made)


def export(options: argparse.Namespace) -> Outcome:
    """Write a model, its directions inside, as one file."""
    found = _ask("export", options.name, str(options.output.absolute()))
    return Outcome(found, f"Wrote {options.output}, sha256 {found['sha256']}.")


def directions(options: argparse.Namespace) -> Outcome:
    """List, discover, name, flip, scale, hide and show a model's directions."""
    wishes = {
        "discover": options.discover or "",
        "count": options.count,
        "flip": options.flip,
        "scale": options.scale,
        "hide": options.hide,
        "show": options.show,
        "rename": options.rename,
        "strips": "all" if options.strips else "",
    }
    folder = [str(options.strips.absolute())] if options.strips else []
    progress = reporter(options.json)
    try:
        found = _ask("directions", options.name, json.dumps(wishes), *folder, progress=progress)
    finally:
        progress.close()
    lines = [_direction(one) for one in found["directions"]]
    lines += [_correlations(vector, row) for vector, row in found["correlations"].items()]
    lines += [f"Note: {note}" for note in found["notes"]]
    lines += [f"Wrote {path}" for path in found["strips"].values()]
    return Outcome(found, "\n".join(lines) or "It has no directions.")


def _direction(one: dict[str, Any]) -> str:
    rows = (
        f"rows {one['layers'][0]}–{one['layers'][1] - 1} of w_plus, scale {one['scale']:g}, "
        if one["vector"]
        else ""
    )
    hidden = " (hidden)" if one["hidden"] else ""
    return f"{one['name']}: {one['label']}, {rows}{one['minimum']:+g} … {one['maximum']:+g}{hidden}"


def _correlations(vector: str, row: dict[str, float]) -> str:
    """A line of the table: the three attributes that a direction moves most."""
    most = sorted(row.items(), key=lambda item: -abs(item[1]))[:3]
    return f"{vector} correlates with " + ", ".join(f"{attribute} {r:+.2f}" for attribute, r in most)


def _offer(entry: dict[str, Any]) -> str:
    size = f"{entry['bytes'] / 1e6:.0f} MB" if entry["bytes"] else "size not published"
    licences = "; ".join(licence["name"] for licence in entry["licences"])
    fetched = "" if entry["fetched"] else ", never fetched by us"
    return f"{entry['name']}: {entry['description']}, {size}, {licences}{fetched}"


def _ask_for_acceptance(entry: dict[str, Any]) -> None:
    """Show the terms on the terminal and ask. Raises `LicenceNotAccepted`, also where nobody can be asked."""
    refused = LicenceNotAccepted(
        f"“{entry['name']}” was not downloaded: its terms were not accepted.",
        f"Read them ({', '.join(licence['address'] for licence in entry['licences'])}), and give --accept-licence.",
    )
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise refused
    for licence in entry["licences"]:
        print(f"{licence['name']}\n{licence['text']}\n{licence['address']}\n", file=sys.stderr)
    print("Do you accept these terms? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise refused


def _source(source: dict[str, Any]) -> str:
    known = f", {source['published_as']} as published" if source["published_as"] else ""
    return f"{source['name']}: {source['layout']}, {source['bytes'] / 1e6:.1f} MB{known}; {source['licence']}."


def _ask(*arguments: str, progress: Silence | None = None) -> dict[str, Any]:
    """Run `engine.weights`; its errors are raised as they are, what it says on the way goes to `progress`."""
    answer: dict[str, Any] = {}
    for line in _lines(*arguments):
        answer = json.loads(line)
        if progress and answer.get("event") == "progress":
            progress.event({"seconds_left": None, **answer})
    if "error" in answer:
        raise from_dict(answer["error"])
    return answer


def _lines(*arguments: str) -> Iterator[str]:
    """What the process prints, line by line; it ends with us."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        command = [sys.executable, str(_WEIGHTS), *arguments]
        line = ""
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            try:
                for line in process.stdout or ():
                    yield line
            except BaseException:
                process.terminate()
                raise
        if not line or "event" in json.loads(line):
            log.seek(0)
            last = log.read().strip().splitlines()[-1:]
            raise InternalError(
                f"The process that handles models ended without an answer: {''.join(last)[:300]}."
            )
