"""`doctor --bundle`: what helps to find a fault, in one ZIP, fit to be shown to strangers.

No picture, no inversion and no token is in it. Where a text names the user, the machine or the home folder, a word
in capitals stands; of the hashes that name pictures and inversions, the first digits.
"""

from __future__ import annotations

import contextlib
import getpass
import importlib.metadata
import io
import json
import os
import platform
import re
import zipfile
from pathlib import Path
from typing import Any

from engine.paths import Home
from engine.storage import shared_mode, write_whole
from plugin.likeness.client import EngineProblem
from plugin.likeness.wire import read_connection_file

LOGS = ("engine.log", "engine.log.1", "worker.log", "worker.log.1")
LOG_BYTES = 1_000_000  # of each, its end
_HASH = re.compile(r"[0-9a-f]{64}")


def write_bundle(path: Path, home: Home, report: dict[str, Any]) -> None:
    """Write report, versions, settings and logs. Raises `OSError`."""
    conceal = Concealment(home)
    texts = {
        "report.json": json.dumps(report, indent=1, ensure_ascii=False),
        "versions.txt": _versions(),
        "files.txt": _files(home),
    }
    with contextlib.suppress(OSError):
        texts["settings.json"] = home.settings_file.read_text("utf-8", "replace")
    for name in LOGS:
        with contextlib.suppress(OSError):
            texts[name] = (home.logs / name).read_bytes()[-LOG_BYTES:].decode("utf-8", "replace")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, conceal(text))
    write_whole(path, packed.getbuffer(), shared_mode(path))


class Concealment:
    """Replaces what tells who and where somebody is."""

    def __init__(self, home: Home) -> None:
        words = {str(home.root): "LIKENESS_HOME", str(Path.home()): "HOME", platform.node(): "MACHINE"}
        for name in _user_names():
            words.setdefault(name, "USER")
        with contextlib.suppress(EngineProblem):
            words[read_connection_file(home.connection_file)["token"]] = "TOKEN"
        self._words = {word.lower(): shown for word, shown in words.items() if len(word) > 1}
        longest_first = sorted(self._words, key=len, reverse=True)
        # Only as a word: a user called “in” must not tear every sentence.
        self._pattern = re.compile(
            rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])", re.IGNORECASE
        )

    def __call__(self, text: str) -> str:
        text = self._pattern.sub(lambda found: self._words[found[0].lower()], text)
        return _HASH.sub(lambda found: f"{found[0][:8]}…", text)


def _user_names() -> list[str]:
    """Login name, the home folder's, and, where the system knows it, the name in full and its parts."""
    names = [Path.home().name]
    with contextlib.suppress(OSError, KeyError, ImportError):
        names.append(getpass.getuser())
    with contextlib.suppress(OSError, KeyError, ImportError):
        import pwd

        full = pwd.getpwuid(os.getuid()).pw_gecos.split(",")[0]
        names += [full, *full.split()]
    return names


def _versions() -> str:
    packages = {f"{d.metadata['Name']} {d.version}" for d in importlib.metadata.distributions()}
    return "\n".join([platform.platform(), f"Python {platform.python_version()}", *sorted(packages)])


def _files(home: Home) -> str:
    """How many files of what size and kind lie in each folder; not their names."""
    lines = []
    for folder in (home.run, home.spool, home.inversions, home.models, home.logs):
        kinds: dict[str, list[int]] = {}
        if folder.is_dir():
            for path in folder.rglob("*"):
                with contextlib.suppress(OSError):
                    if path.is_file():
                        kinds.setdefault(path.suffix, []).append(path.stat().st_size)
        said = [
            f"{len(sizes)} × {suffix or 'no suffix'}, {sum(sizes):,} bytes" for suffix, sizes in kinds.items()
        ]
        lines.append(f"{folder.relative_to(home.root)}: {'; '.join(sorted(said)) or 'nothing'}")
    return "\n".join(lines)
