"""The child process that reads foreign files. Started by `engine.weights.importing`.

Its only argument is a folder of its own with `request.json`: {"files": [path, …]}. It writes there `answer.json`
({"report": {…}} or {"error": {code, sentence, remedy}}), and on success `model.safetensors` (and `directions.toml`).

Before a file is opened it limits itself: memory, processor time, sizes of files it writes; and it forbids itself to
start programs, to open sockets and to execute anything that was not loaded by then. None of that should ever be
needed, because nothing here executes what it reads.
"""

from __future__ import annotations

import codecs
import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    _folder = Path(__file__).resolve().parent
    _root = str(_folder.parents[2])
    sys.path = [_root, *(path for path in sys.path if path != str(_folder))]

from engine.errors import FileDamaged, FileUnsafe, ImportRefused
from engine.weights.importers import assemble, files, recognise, write

_MEMORY = 3 << 30
_SECONDS = 60
_SECONDS_PER_GIGABYTE = 60
_FORBIDDEN = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "subprocess.Popen",
    "socket.",
    "ctypes.",
    "pickle.find_class",
    "exec",
    "webbrowser.open",
)


def main(folder: Path) -> int:
    """Exit code 0 where `answer.json` has a report, 1 where it has an error."""
    request = json.loads((folder / "request.json").read_text("utf-8"))
    paths = [Path(path) for path in request["files"]]
    _limit(sum(path.stat().st_size for path in paths if path.is_file()))
    codecs.lookup("cp437")  # names in archives; from here on nothing more can be loaded
    sys.addaudithook(_forbid)
    try:
        answer = {"report": _convert(paths, folder)}
    except ImportRefused as error:
        answer = {"error": error.to_dict()}
    except OSError as error:
        said = f"The model could not be written: {error.strerror or error}."
        answer = {"error": ImportRefused(said, "See whether there is space for it.").to_dict()}
    except MemoryError:
        answer = {"error": FileUnsafe("Reading it would take too much memory.").to_dict()}
    except RecursionError:
        answer = {"error": FileUnsafe("It is nested too deeply.").to_dict()}
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        # A lie that no check foresaw. It is a refusal all the same, and says what was met.
        answer = {"error": FileDamaged(f"Its parts do not fit together: {str(error)[:200]}.").to_dict()}
    (folder / "answer.json").write_text(json.dumps(answer), "utf-8")
    return 0 if "report" in answer else 1


def _convert(paths: list[Path], folder: Path) -> dict[str, Any]:
    contents = [files.read_file(path) for path in paths]
    parts = [recognise.recognise(content) for content in contents]
    model = assemble.assemble(contents, parts)
    digest = write.write_safetensors(folder / "model.safetensors", model.arrays, model.metadata)
    if model.table:
        (folder / "directions.toml").write_text(model.table, "utf-8")
    sources = [assemble.source_of(content, part) for content, part in zip(contents, parts, strict=True)]
    return {"sha256": digest, "sources": sources, "notes": list(model.notes)}


def _limit(size: int) -> None:
    """`size`: bytes of all files together."""
    try:
        import resource
    except ImportError:  # Windows: the parent's deadline remains
        return
    seconds = _SECONDS + _SECONDS_PER_GIGABYTE * (size >> 30)
    limits = {
        "RLIMIT_DATA": _MEMORY,  # mapped files do not count
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": 4 * size + (64 << 20),  # bfloat16 and float16 may grow
        "RLIMIT_CORE": 0,
    }
    for name, value in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))


def _forbid(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise FileUnsafe(f"Reading it led to “{event}”, which was stopped.")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
