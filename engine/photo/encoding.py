"""Pictures into the bytes of files: what each type can hold, and how it is encoded."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from engine.errors import BadRequest
from engine.photo import exif

SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF",
    ".webp": "WEBP", ".bmp": "BMP",
}  # fmt: skip
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0, "optimize": True},
    "PNG": {},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
}
GREY = {"L", "LA", "I;16"}
WITH_ALPHA = {"PNG", "TIFF", "WEBP"}
LONGEST = {"JPEG": 65_500, "WEBP": 16_383}  # pixels
JPEG_EXIF_LIMIT = 65_533 - len(exif.PREFIX)


def output_format(path: Path, own: str) -> str:
    """Pillow's name of the type of file that `path` asks for; `own`, or PNG, where it has no suffix.

    Raises:
        BadRequest: the suffix is of no type that can be written.
    """
    suffix = path.suffix.lower()
    if not suffix:
        own = "JPEG" if own == "MPO" else own
        return own if own in SAVE_OPTIONS else "PNG"
    if suffix not in SUFFIXES:
        written = os.fsencode(suffix).decode("utf-8", "replace")
        raise BadRequest(
            f"Photographs cannot be written as “{written}”.", "Use .jpg, .png, .tif, .webp or .bmp."
        )
    return SUFFIXES[suffix]


def encode(
    image: Image.Image,
    kind: str,
    block: bytes = b"",
    profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    how: dict[str, Any] | None = None,
) -> memoryview:
    """A file of type `kind` as bytes.

    Args:
        block: EXIF without its prefix. profile: ICC; written if it is for the image's kind of colours. Both are
            left out where the type cannot hold them, or where they are so damaged that the encoder stumbles.
        how: Pillow's options in place of the usual ones.

    Raises:
        BadRequest: longer than the type allows.
    """
    longest = LONGEST.get(kind)
    if longest and max(image.size) > longest:
        raise BadRequest(f"A {kind} file holds {longest} pixels in a row at most.", "Use .png or .tif.")
    options = dict(SAVE_OPTIONS[kind] if how is None else how)
    if dpi:
        options["dpi"] = dpi
    metadata: dict[str, Any] = {}
    if profile and profile_space(profile) == ("GRAY" if image.mode in GREY else "RGB"):
        metadata["icc_profile"] = profile
    if block and (kind != "JPEG" or len(block) <= JPEG_EXIF_LIMIT):
        metadata["exif"] = exif.PREFIX + block
        options.pop("compression", None)  # libtiff's encoders cannot write the directories of an EXIF block
    while metadata:
        try:
            return _saved(image, kind, options | metadata)
        except MemoryError:
            raise
        except Exception:  # Pillow's encoders raise anything on damaged metadata
            metadata.popitem()
    return _saved(image, kind, options)


def profile_space(profile: bytes) -> str:
    """An ICC profile's colour space (ICC.1, bytes 16–19 of the header): "RGB", "GRAY", "CMYK" …"""
    return profile[16:20].decode("ascii", "replace").strip()


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> memoryview:
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getbuffer()
