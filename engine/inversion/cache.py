"""Inversions on disk, found again by what they were made of.

An inversion that was made here lies under its id, the hash of what went into it. One that comes from outside (a layer's
parasite) could claim any id, so it lies under the hash of its own bytes: nothing from outside is ever found in place of
something that was made here. How many stay, and for how long, the service sees to (engine/service/inversions.py).
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from engine.errors import InversionDamaged, InversionMissing
from engine.inversion.types import MAX_BYTES, Inversion, from_bytes, to_bytes
from engine.paths import inside
from engine.storage import write_whole

log = logging.getLogger("likeness.inversions")


class InversionCache:
    """A folder of inversion files, `<id>.safetensors`; damaged ones are set aside as `<id>.damaged`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, identity: str) -> Inversion | None:
        """The inversion, or None when there is none. A damaged file is set aside, and counts as none."""
        try:
            return self._read(identity)
        except InversionDamaged:
            return None

    def get(self, identity: str) -> Inversion:
        """As `find`. Raises `InversionMissing` when there is none, `InversionDamaged` that names what was set aside."""
        inversion = self._read(identity)
        if inversion is None:
            raise InversionMissing("This inversion is not in the engine's cache.", "Invert the face again.")
        return inversion

    def keep(self, inversion: Inversion) -> str:
        """Store an inversion that was made here; returns its id. Raises `DiskFull`."""
        self._write(inversion.id, to_bytes(inversion))
        return inversion.id

    def receive(self, data: bytes, inversion: Inversion) -> str:
        """Store a checked file from outside; returns the id under which it is found. `data` holds `inversion`.

        Raises `DiskFull`.
        """
        ours = self.find(inversion.id)
        if ours is not None and to_bytes(ours) == data:
            return inversion.id
        identity = hashlib.sha256(data).hexdigest()
        self._write(identity, data)
        return identity

    def _read(self, identity: str) -> Inversion | None:
        path = inside(self.folder, identity, ".safetensors")
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InversionDamaged("It is too large.")
            data = path.read_bytes()
            inversion = from_bytes(data)
            if identity not in (inversion.id, hashlib.sha256(data).hexdigest()):
                raise InversionDamaged("Its name is neither its id nor its hash.")
            os.utime(path)
        except FileNotFoundError:
            return None
        except InversionDamaged as error:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            log.warning("an inversion is damaged and was set aside as %s: %s", aside.name, error)
            raise InversionDamaged(
                f"A stored inversion was damaged and has been set aside as {aside.name}.",
                "Invert the face again.",
            ) from error
        return inversion

    def _write(self, identity: str, data: bytes) -> None:
        write_whole(inside(self.folder, identity, ".safetensors"), data)
