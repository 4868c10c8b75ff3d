"""Inversions on disk, found again by what they were made of.

An inversion that was made here lies under its id, the hash of what went into it. One that comes from outside (a layer's
parasite) could claim any id, so it lies under the hash of its own bytes: nothing from outside is ever found in place of
something that was made here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path

from engine.errors import InversionDamaged, InversionMissing
from engine.inversion.types import MAX_BYTES, Inversion, from_bytes, to_bytes
from engine.paths import inside

log = logging.getLogger("likeness.inversions")


class InversionCache:
    """A folder of inversion files, `<id>.safetensors`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, identity: str) -> Inversion | None:
        """The inversion, or None when there is none. A damaged file is set aside, and counts as none."""
        path = inside(self.folder, identity, ".safetensors")
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InversionDamaged("It is too large.")
            data = path.read_bytes()
            inversion = from_bytes(data)
            if identity not in (inversion.id, hashlib.sha256(data).hexdigest()):
                raise InversionDamaged("Its name is neither its id nor its hash.")
        except FileNotFoundError:
            return None
        except InversionDamaged as error:
            log.warning("inversion %s is damaged and was set aside: %s", identity, error)
            path.replace(path.with_suffix(".damaged"))
            return None
        os.utime(path)
        return inversion

    def get(self, identity: str) -> Inversion:
        """As `find`. Raises `InversionMissing` when there is none."""
        inversion = self.find(identity)
        if inversion is None:
            raise InversionMissing("This inversion is not in the engine's cache.", "Invert the face again.")
        return inversion

    def keep(self, inversion: Inversion) -> str:
        """Store an inversion that was made here; returns its id."""
        self._write(inversion.id, to_bytes(inversion))
        return inversion.id

    def receive(self, data: bytes, inversion: Inversion) -> str:
        """Store a checked file from outside; returns the id under which it is found. `data` holds `inversion`."""
        ours = self.find(inversion.id)
        if ours is not None and to_bytes(ours) == data:
            return inversion.id
        identity = hashlib.sha256(data).hexdigest()
        self._write(identity, data)
        return identity

    def _write(self, identity: str, data: bytes) -> None:
        """Whole or not at all."""
        path = inside(self.folder, identity, ".safetensors")
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
