"""The two things in a photograph's EXIF that must change when its pixels do; all other bytes stay as they are.

Rewriting a whole EXIF block moves maker notes and loses what the writer does not know, so the block is patched
in place. Format: a TIFF header and its directories (CIPA DC-008, "Exif 2.32"; TIFF 6.0).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

PREFIX = b"Exif\x00\x00"
ORIENTATION = 0x0112
THUMBNAIL_OFFSET, THUMBNAIL_LENGTH = 0x0201, 0x0202
SHORT = 3  # TIFF's type of two bytes


class Entry(NamedTuple):
    """One line of a directory: its tag, its type, how many values, and where its four bytes of value lie."""

    tag: int
    kind: int
    values: int
    value_at: int


class Directory(NamedTuple):
    """A TIFF directory: its entries, and where the offset of the next one lies."""

    entries: list[Entry]
    next_at: int


def orientation_of(exif: bytes) -> int:
    """1..8 as TIFF 6.0 numbers them; 1 where there is none, or the block cannot be read."""
    try:
        order, directory = _first_directory(_without_prefix(exif))
    except (struct.error, ValueError):
        return 1
    for entry in directory.entries:
        if entry.tag == ORIENTATION and entry.kind == SHORT and entry.values == 1:
            value = struct.unpack_from(order + "H", _without_prefix(exif), entry.value_at)[0]
            return value if 1 <= value <= 8 else 1
    return 1


def upright(exif: bytes) -> bytes:
    """The same block, without the prefix, for pixels that have been turned upright and perhaps changed.

    The orientation becomes 1; the thumbnail, which shows the old picture, is blanked and taken off the chain. A
    block that cannot be read becomes empty.
    """
    block = bytearray(_without_prefix(exif))
    try:
        order, directory = _first_directory(bytes(block))
        for entry in directory.entries:
            if entry.tag == ORIENTATION:
                struct.pack_into(order + "HIHH", block, entry.value_at - 6, SHORT, 1, 1, 0)
        _remove_thumbnail(block, order, directory)
    except (struct.error, ValueError):
        return b""
    return bytes(block)


def _remove_thumbnail(block: bytearray, order: str, directory: Directory) -> None:
    following = struct.unpack_from(order + "I", block, directory.next_at)[0]
    struct.pack_into(order + "I", block, directory.next_at, 0)
    if not following:
        return
    values = {
        entry.tag: struct.unpack_from(order + "I", block, entry.value_at)[0]
        for entry in _directory_at(bytes(block), order, following).entries
    }
    start, length = values.get(THUMBNAIL_OFFSET, 0), values.get(THUMBNAIL_LENGTH, 0)
    end = min(start + length, len(block))
    if 8 <= start < end:
        block[start:end] = bytes(end - start)


def _without_prefix(exif: bytes) -> bytes:
    return exif.removeprefix(PREFIX)


def _first_directory(block: bytes) -> tuple[str, Directory]:
    """The byte order, as `struct` writes it, and the first directory. Raises `ValueError` or `struct.error`."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None:
        raise ValueError("not a TIFF header")
    return order, _directory_at(block, order, struct.unpack_from(order + "I", block, 4)[0])


def _directory_at(block: bytes, order: str, offset: int) -> Directory:
    (count,) = struct.unpack_from(order + "H", block, offset)
    entries = []
    for at in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", block, at)
        entries.append(Entry(tag, kind, values, at + 8))
    next_at = offset + 2 + 12 * count
    struct.unpack_from(order + "I", block, next_at)  # raises if the block ends before
    return Directory(entries, next_at)
