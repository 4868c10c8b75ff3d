"""The command line: `python -m engine COMMAND`. It talks to the engine like any other client; no torch here.

Exit codes: 0 done, 1 could not (with a sentence), 2 wrong usage, 130 interrupted. With `--json`, exactly one
JSON object goes to stdout: the command's result, or {"error": {"code", "sentence", "remedy"}}.
"""

from __future__ import annotations

import io
import json
import sys

from engine.cli.parser import make_parser
from engine.cli.report import Outcome
from engine.errors import LikenessError
from plugin.likeness import words
from plugin.likeness.client import EngineProblem, JobCancelled

DONE, COULD_NOT, INTERRUPTED = 0, 1, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words.in_english()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    options = make_parser().parse_args(arguments)
    try:
        outcome: Outcome = options.run(options)
    except (LikenessError, EngineProblem) as error:
        return _could_not(options.json, error.to_dict())
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _could_not(
            options.json, {"code": "internal", "sentence": f"{place}{error.strerror or error}.", "remedy": ""}
        )
    except JobCancelled:
        return _could_not(options.json, {"code": "cancelled", "sentence": "It was cancelled.", "remedy": ""})
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    if not outcome.is_said:
        print(json.dumps(outcome.data) if options.json else outcome.text)
    return outcome.exit_code


def _could_not(as_json: bool, error: dict[str, str]) -> int:
    if as_json:
        print(json.dumps({"error": error}))
    else:
        print(f"{error['sentence']} {error['remedy']}".strip(), file=sys.stderr)
    return COULD_NOT
