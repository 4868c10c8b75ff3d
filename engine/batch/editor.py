"""What a batch's workers run: the engine's pipeline, from a photograph's bytes to the result's.

python -m engine.batch.editor DESCRIPTOR FOLDER      an inherited end of a socketpair (engine/worker/link.py),
                                                     and a folder of its own, which is removed at the end

    to the editor    {"check": EditRequest but for its picture}
                     {"edit": the same, "name": FILE}, with the photograph's bytes
    its answer       the facts, with the result's bytes; or {"error": {…}}
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import signal
import socket
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine import compose
from engine.errors import InternalError, LikenessError, OutOfMemory, PhotoTooLarge, UnknownDirection
from engine.messages import EditRequest, EditResult
from engine.paths import Home
from engine.photo import load_photo, save_photo
from engine.settings import load_settings
from engine.spool import Spool
from engine.weights.store import model_folder
from engine.worker.link import MAX_DATA, Link, pack
from engine.worker.pipeline import Pipeline

Json = dict[str, Any]
_NO_PICTURE = "0" * 64
log = logging.getLogger("likeness.batch")


@dataclass(frozen=True)
class _PrivateHome(Home):
    """A home whose inversions lie in a private folder."""

    private: Path

    @property
    def inversions(self) -> Path:
        return self.private / "inversions"


class Editor:
    """Edits one photograph after another. Its pictures and inversions lie in a private folder, away from a running
    engine's, and go with each photograph.
    """

    def __init__(self, home: Home, private: Path) -> None:
        self._home = _PrivateHome(home.root, private)
        self._photographs, self._results, spool = (
            private / name for name in ("photographs", "results", "spool")
        )
        for folder in (self._photographs, self._results, spool):
            folder.mkdir()
        self._spool = Spool(spool)

    def answer(self, header: Json, data: bytes) -> tuple[Json, bytes]:
        """See the module's text. Raises nothing."""
        try:
            if "check" in header:
                return self._check(EditRequest(picture=_NO_PICTURE, **header["check"])), b""
            return self._edit(header["name"], data, header["edit"])
        except LikenessError as error:
            return {"error": error.to_dict()}, b""
        except MemoryError:
            error = OutOfMemory("There was not enough memory for this photograph.", "Take fewer --jobs.")
        except Exception as mistake:
            log.exception("a photograph failed")
            error = InternalError(f"The engine made a mistake ({type(mistake).__name__}).", "Please report it.")
        return {"error": error.to_dict()}, b""

    @cached_property
    def _pipeline(self) -> Pipeline:
        """On one thread: there are other workers, and the bytes are the same however many."""
        self._home.create()
        return Pipeline(self._home, replace(load_settings(self._home), threads=1))

    def _check(self, request: EditRequest) -> Json:
        """The model's digest. Raises `UnknownModel`, `UnknownDirection` before anything long is done."""
        known = self._pipeline.directions(request.model)
        names = [direction.name for direction in known.directions]
        if unknown := [name for name in request.edits if name not in names]:
            raise UnknownDirection(
                f"The model “{known.model}” has no direction “{unknown[0]}”.", f"It has: {', '.join(names)}."
            )
        digest = hashlib.sha256()
        for path in sorted(model_folder(known.model, self._home).glob("*.*")):
            if path.suffix in (".safetensors", ".toml"):
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return {"model": known.model, "digest": digest.hexdigest()}

    def _edit(self, name: str, data: bytes, request: Json) -> tuple[Json, bytes]:
        source, target = (folder / Path(name).name for folder in (self._photographs, self._results))
        try:
            source.write_bytes(data)
            facts = self._edit_file(source, target, request)
            if target.stat().st_size > MAX_DATA:
                raise PhotoTooLarge(
                    f"The result has more than {MAX_DATA >> 20} MB.", "Edit it alone: python -m engine edit"
                )
            return facts, target.read_bytes()
        finally:
            for path in (source, target, *self._home.inversions.glob("*")):
                path.unlink(missing_ok=True)
            self._spool.clear()

    def _edit_file(self, source: Path, target: Path, request: Json) -> Json:
        photo = load_photo(source)
        alpha = np.full(photo.pixels.shape[:2], 255, np.uint8) if photo.alpha is None else photo.alpha
        picture = self._spool.add(np.dstack([photo.pixels, alpha]))
        asked = EditRequest(picture=picture.id, **request)
        result = self._pipeline.run(asked, self._spool, lambda fraction, message: None)
        assert isinstance(result, EditResult)
        pixels = photo.pixels
        for face in result.faces:
            layer, layer_mask = (self._spool.read(one.id) for one in (face.layer, face.layer_mask))
            pixels = compose.over(pixels, layer, layer_mask, face.rect)
        save_photo(photo, pixels, target)
        return {
            "faces": len(result.faces),
            "identity_similarity": [round(face.identity_similarity, 4) for face in result.faces],
            "notes": [*photo.notes, *result.notes, *(face.warning for face in result.faces if face.warning)],
        }


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[1]))
    private = Path(sys.argv[2])
    try:
        link, editor = Link(sock), Editor(Home.from_environment(), private)
        while frame := link.receive():
            sock.sendall(pack(*editor.answer(frame.header, frame.data)))
    finally:
        shutil.rmtree(private, ignore_errors=True)


if __name__ == "__main__":
    main()
