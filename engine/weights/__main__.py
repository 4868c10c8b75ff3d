"""`python -m engine.weights`: the models' commands for a caller without torch. One JSON object on standard output.

    import NAME FILE…   {"name", "folder", "sha256", "facts", "lines", "notes"}
    list                {"models": [{"name", "embedded", "bytes", "problem", "facts"}, …]}
    verify [NAME]       {"models": [{"name", "whole", "sentence", "remedy", "set_aside"}, …]}
    remove NAME         {"removed": NAME}

or {"error": {"code", "sentence", "remedy"}} and exit code 1.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

if not __package__:
    _folder = Path(__file__).resolve().parent
    sys.path = [str(_folder.parents[1]), *(path for path in sys.path if path != str(_folder))]

from engine.errors import InternalError, LikenessError
from engine.paths import Home
from engine.weights.importing import import_model
from engine.weights.installed import installed_models, remove, verify


def main(arguments: list[str]) -> int:
    try:
        answer = _run(arguments[0], arguments[1:], Home.from_environment())
    except LikenessError as error:
        answer = {"error": error.to_dict()}
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        answer = {"error": InternalError(f"{place}{error.strerror or error}.").to_dict()}
    print(json.dumps(answer))
    return int("error" in answer)


def _run(command: str, arguments: list[str], home: Home) -> dict[str, Any]:
    if command == "import":
        name, *files = arguments
        made = import_model([Path(file) for file in files], name, home)
        return {
            "name": made.name,
            "folder": str(made.folder),
            "sha256": made.sha256,
            "facts": asdict(made.facts),
            "lines": made.facts.lines(),
            "notes": list(made.notes),
        }
    if command == "list":
        return {
            "models": [
                {
                    "name": model.name,
                    "embedded": model.embedded,
                    "bytes": model.bytes,
                    "problem": model.problem,
                    "facts": model.facts and asdict(model.facts),
                }
                for model in installed_models(home)
            ]
        }
    if command == "verify":
        names = arguments or [model.name for model in installed_models(home)]
        return {"models": [asdict(verify(name, home)) for name in names]}
    if command == "remove":
        return {"removed": remove(arguments[0], home).name}
    raise InternalError(f"“{command}” is no command.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
