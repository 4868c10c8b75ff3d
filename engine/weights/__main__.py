"""`python -m engine.weights`: the models' commands for a caller without torch.

JSON objects on standard output, one a line: first any number of {"event": "progress", "fraction", "message"}, then

    import NAME FILE…           {"name", "folder", "sha256", "facts", "lines", "notes"}
    list                        {"models": [{"name", "embedded", "bytes", "problem", "facts", "lines"}, …],
                                 "model": the one in the settings, "catalogue":
                                 [{"name", "description", "bytes", "have", "files", "licences", "fetched"}, …]}
    use NAME                    {"model": NAME}: from now on the one in the settings
    download ENTRY NAME         as import; the licence was accepted by whoever calls this
    verify [NAME]               {"models": [{"name", "whole", "sentence", "remedy", "set_aside"}, …]}
    remove NAME                 {"removed": NAME}
    export NAME FILE            {"name", "file", "sha256"}
    directions NAME WISHES [FOLDER]  {"name", "directions", "correlations", "notes", "strips"}; WISHES: `Wishes` as JSON.
                                "strips" by direction: paths in FOLDER, or without one pictures in the spool

or {"error": {"code", "sentence", "remedy"}} and exit code 1.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

if not __package__:
    _folder = Path(__file__).resolve().parent
    sys.path = [str(_folder.parents[1]), *(path for path in sys.path if path != str(_folder))]

from engine.errors import InternalError, LikenessError
from engine.paths import Home
from engine.settings import change_settings, load_settings
from engine.spool import Spool
from engine.weights.acquire import acquire, arrived
from engine.weights.catalogue import entry_of, read_catalogue
from engine.weights.export import export_model
from engine.weights.header import check, read_header
from engine.weights.importing import Imported, import_model
from engine.weights.installed import installed_models, remove, verify
from engine.weights.model_directions import Wishes, change_directions
from engine.weights.store import EMBEDDED, WEIGHTS, model_folder
from engine.weights.strips import write_strips

Json = dict[str, Any]


def main(arguments: list[str]) -> int:
    try:
        command, *rest = arguments
        if command not in _COMMANDS:
            raise InternalError(f"“{command}” is no command.")
        answer = _COMMANDS[command](rest, Home.from_environment())
    except LikenessError as error:
        answer = {"error": error.to_dict()}
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        answer = {"error": InternalError(f"{place}{error.strerror or error}.").to_dict()}
    print(json.dumps(answer))
    return int("error" in answer)


def _import(arguments: list[str], home: Home) -> Json:
    name, *files = arguments
    return _made(import_model([Path(file) for file in files], name, home))


def _list(_arguments: list[str], home: Home) -> Json:
    models = [
        {
            "name": model.name,
            "embedded": model.embedded,
            "bytes": model.bytes,
            "problem": model.problem,
            "facts": model.facts and asdict(model.facts),
            "lines": model.facts.lines() if model.facts else [],
        }
        for model in installed_models(home)
    ]
    catalogue = [
        {**asdict(one), "bytes": one.bytes, "have": arrived(one, home), "fetched": one.fetched}
        for one in read_catalogue().values()
    ]
    return {"models": models, "model": load_settings(home).model, "catalogue": catalogue}


def _use(arguments: list[str], home: Home) -> Json:
    name = arguments[0]
    folder = model_folder(name, home)
    check(read_header(folder / WEIGHTS))
    home.create()
    change_settings(home, model=name)
    return {"model": name}


def _download(arguments: list[str], home: Home) -> Json:
    entry, name = arguments
    return _made(acquire(entry_of(entry), name, home, True, _report))


def _verify(arguments: list[str], home: Home) -> Json:
    names = arguments or [model.name for model in installed_models(home)]
    return {"models": [asdict(verify(name, home)) for name in names]}


def _remove(arguments: list[str], home: Home) -> Json:
    removed = remove(arguments[0], home).name
    if load_settings(home).model == removed:
        change_settings(home, model=EMBEDDED)
    return {"removed": removed}


def _export(arguments: list[str], home: Home) -> Json:
    name, file = arguments
    return {"name": name, "file": file, "sha256": export_model(name, Path(file), home)}


def _directions(arguments: list[str], home: Home) -> Json:
    name, wishes, *folder = arguments
    answer = change_directions(name, home, Wishes(**json.loads(wishes)), _report)
    return {
        "name": name,
        "directions": [asdict(direction) for direction in answer.directions],
        "correlations": answer.correlations,
        "notes": answer.notes,
        "strips": _kept(answer.strips, folder, home),
    }


def _kept(strips: Mapping[str, np.ndarray], folder: list[str], home: Home) -> Json:
    if folder:
        return {name: str(path) for name, path in write_strips(strips, Path(folder[0])).items()}
    home.create()
    spool = Spool(home.spool)
    return {name: spool.add(pixels).model_dump() for name, pixels in strips.items()}


def _made(made: Imported) -> Json:
    return {
        "name": made.name,
        "folder": str(made.folder),
        "sha256": made.sha256,
        "facts": asdict(made.facts),
        "lines": made.facts.lines(),
        "notes": list(made.notes),
    }


def _report(fraction: float, message: str) -> None:
    print(json.dumps({"event": "progress", "fraction": fraction, "message": message}), flush=True)


_COMMANDS: dict[str, Callable[[list[str], Home], Json]] = {
    "import": _import,
    "list": _list,
    "use": _use,
    "download": _download,
    "verify": _verify,
    "remove": _remove,
    "export": _export,
    "directions": _directions,
}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is half done is cleared away
    sys.exit(main(sys.argv[1:]))
