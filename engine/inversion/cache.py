"""Inversions on disk, found again by what they were made of."""

from __future__ import annotations

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
            inversion = from_bytes(path.read_bytes())
            if inversion.id != identity:
                raise InversionDamaged("Its id is not its name.")
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

    def keep(self, inversion: Inversion) -> int:
        """Store an inversion (whole or not at all); returns its size in bytes."""
        data = to_bytes(inversion)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(inside(self.folder, inversion.id, ".safetensors"))
        return len(data)
