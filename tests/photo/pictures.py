"""Pictures and blocks of EXIF that the tests of engine.photo are made of."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

from engine.photo import Photo

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (40, 60, 3), np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = [".png", ".tif", ".webp", ".bmp"]


def exif_with(orientation: int) -> bytes:
    """A block with a maker, an orientation, an exposure time and a place."""
    tags = Image.Exif()
    tags[0x010F] = "Maker"
    tags[0x0112] = orientation
    tags.get_ifd(0x8769)[0x829A] = 0.008
    tags.get_ifd(0x8825)[1] = "N"
    return tags.tobytes()


def tags_of(photo: Photo) -> Image.Exif:
    tags = Image.Exif()
    tags.load(photo.exif)
    return tags


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG from its parts, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
