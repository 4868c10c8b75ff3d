"""Pictures on their way between clients, service and worker: raw files in `run/spool`, named by content.

The service writes what clients send, the worker maps it into memory and writes what it made; nothing is copied
through a pipe. The folder is private and emptied when the engine starts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np

from engine.errors import BadRequest
from engine.messages import BYTES_PER_PIXEL, Picture, PixelFormat
from engine.paths import inside
from engine.storage import PART, STRAY_SECONDS, beside

_SHAPES: dict[str, tuple[type, int]] = {
    "RGBA u8": (np.uint8, 4),
    "RGBA float": (np.float32, 4),
    "RGB u8": (np.uint8, 3),
    "Y u8": (np.uint8, 1),
}


def picture_id(width: int, height: int, pixel_format: str, pixels: bytes | bytearray) -> str:
    """The id of a picture: sha256 over its size, format and bytes."""
    digest = hashlib.sha256(f"{width}x{height} {pixel_format}\n".encode())
    digest.update(pixels)
    return digest.hexdigest()


class Spool:
    """The folder of pictures. Any process may open it; files appear whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add_bytes(
        self, width: int, height: int, pixel_format: PixelFormat, pixels: bytes | bytearray
    ) -> Picture:
        """Store raw pixels.

        Raises `BadRequest` when their length is not width · height · bytes per pixel, and `DiskFull`.
        """
        expected = width * height * BYTES_PER_PIXEL[pixel_format]
        if len(pixels) != expected:
            raise BadRequest(
                f"{len(pixels)} bytes were sent for {width}×{height} {pixel_format}, which takes {expected}."
            )
        picture = Picture(
            id=picture_id(width, height, pixel_format, pixels), width=width, height=height, format=pixel_format
        )
        path = inside(self.folder, picture.id, ".raw")
        description = path.with_suffix(".json")
        if path.exists() and description.exists():
            os.utime(path)
            return picture
        self._write(description, picture.model_dump_json().encode())
        self._write(path, pixels)  # what is described is there: this one last
        return picture

    def add(self, pixels: np.ndarray) -> Picture:
        """Store an array [H, W, 4 | 3] or [H, W] of uint8, or [H, W, 4] of float32."""
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        for name, (dtype, count) in _SHAPES.items():
            if pixels.dtype == dtype and channels == count:
                pixel_format: PixelFormat = name  # type: ignore[assignment]
                return self.add_bytes(pixels.shape[1], pixels.shape[0], pixel_format, pixels.tobytes())
        raise ValueError(f"no picture format holds {pixels.shape} {pixels.dtype}")

    def describe(self, identity: str) -> Picture:
        """What is known of a picture. Raises `BadRequest` when it is not (or no longer) here."""
        try:
            inside(self.folder, identity, ".raw").stat()
            return Picture(**json.loads(inside(self.folder, identity, ".json").read_bytes()))
        except FileNotFoundError:
            raise BadRequest("The picture is no longer with the engine.", "Send it again.") from None

    def read(self, identity: str) -> np.ndarray:
        """The pixels, mapped read-only: [H, W, C], or [H, W] for one channel."""
        picture = self.describe(identity)
        dtype, channels = _SHAPES[picture.format]
        shape = (picture.height, picture.width) + ((channels,) if channels > 1 else ())
        return np.memmap(inside(self.folder, identity, ".raw"), dtype=dtype, mode="r", shape=shape)

    def path(self, identity: str) -> Path:
        """The raw file of a picture that is here."""
        self.describe(identity)
        return inside(self.folder, identity, ".raw")

    def trim(self, limit_bytes: int, keep: Collection[str] = ()) -> None:
        """Remove the oldest pictures until the rest fits, but none whose id is in `keep`.

        Mapped files live on until their reader ends. What a writer that was killed left goes, too.
        """
        self._remove_stray()
        files = sorted(self.folder.glob("*.raw"), key=lambda p: p.stat().st_mtime)
        total = sum(p.stat().st_size for p in files)
        for path in files:
            if total <= limit_bytes:
                break
            if path.stem in keep:
                continue
            total -= path.stat().st_size
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)

    def clear(self) -> None:
        for path in self.folder.iterdir():
            path.unlink(missing_ok=True)

    def _remove_stray(self) -> None:
        oldest = time.time() - STRAY_SECONDS
        alone = (path for path in self.folder.glob("*.json") if not path.with_suffix(".raw").exists())
        for path in (*self.folder.glob(f"{PART}*"), *alone):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _write(self, path: Path, data: bytes | bytearray) -> None:
        with beside(path, len(data)) as file:  # not synced: no picture outlives the engine
            file.write(data)
