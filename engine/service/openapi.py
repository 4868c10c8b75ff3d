"""The interface's description, engine/service/openapi.json: `python -m engine.service.openapi` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path

from engine.paths import Home
from engine.service.app import create_app
from engine.service.core import Commands, Engine
from engine.settings import Settings

FILE = Path(__file__).with_name("openapi.json")


def described() -> str:
    """The description, as the file holds it. No engine is started for it."""
    engine = Engine(Home(Path("/nowhere")), Settings(), Commands())
    return json.dumps(create_app(engine).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(described(), "utf-8")
