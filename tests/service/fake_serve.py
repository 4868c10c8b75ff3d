"""The real service with another worker, another dialog and shorter deadlines.

python fake_serve.py '{"worker": […], "dialog": […], "weights": […], "deadlines": {"a.module.SECONDS": 0.3}}'
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.errors import LikenessError
from engine.paths import Home
from engine.service.core import Commands
from engine.service.server import serve


def main() -> int:
    options = json.loads(sys.argv[1])
    for name, seconds in options["deadlines"].items():
        module, _, attribute = name.rpartition(".")
        setattr(importlib.import_module(module), attribute, seconds)
    try:
        commands = Commands(options["worker"], options["dialog"], options["weights"])
        served = serve(Home.from_environment(), commands)
    except LikenessError as error:
        print(error, file=sys.stderr)
        return 1
    print("served" if served else "runs already", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
