"""Zip files as torch and numpy write them, and no others.

Every entry stays a view of the file. Refused are names that occur twice or lead elsewhere, encryption, entries that
overlap or reach beyond the file, wrong checksums; compression, save for numpy's `.npz`, and there within a limit.
Source of the format: PKWARE's APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from itertools import pairwise

from engine.errors import FileDamaged, FileUnsafe

_LOCAL = struct.Struct("<4s5H3I2H")  # 30 bytes, then the name and an extra field
_MOST_ENTRIES = 50_000
_ENCRYPTED = 0x1 | 0x40
_CHUNK = 64 << 20


def read_archive(data: memoryview, largest_inflated: int = 0) -> dict[str, memoryview]:
    """name → bytes. `largest_inflated`: how many bytes compressed entries may grow to, together; 0: none may be.

    Raises `FileUnsafe`, `FileDamaged`.
    """
    entries: dict[str, memoryview] = {}
    ranges: list[tuple[int, int]] = []
    left = largest_inflated
    for info in _directory(data):
        name = info.orig_filename
        _check_name(name)
        if name in entries:
            raise FileUnsafe(f"The archive has “{name[:80]}” twice.")
        if info.flag_bits & _ENCRYPTED:
            raise FileUnsafe(f"“{name[:80]}” in the archive is encrypted.")
        start = _start(data, info)
        stored = data[start : start + info.compress_size]
        if len(stored) != info.compress_size:
            raise FileDamaged(f"“{name[:80]}” in the archive reaches beyond the file.")
        ranges.append((info.header_offset, start + info.compress_size))
        content = stored
        if info.compress_type != zipfile.ZIP_STORED:
            if info.compress_type != zipfile.ZIP_DEFLATED or info.file_size > left:
                raise FileUnsafe(f"“{name[:80]}” in the archive is compressed; checkpoints are not.")
            content = _inflated(stored, info.file_size, name)
            left -= info.file_size
        if len(content) != info.file_size or _checksum(content) != info.CRC:
            raise FileDamaged(f"“{name[:80]}” in the archive has another length or checksum than promised.")
        entries[name] = content
    ranges.sort()
    if any(end > following for (_, end), (following, _) in pairwise(ranges)):
        raise FileUnsafe("Entries of the archive overlap.")
    return entries


def _directory(data: memoryview) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(_ViewFile(data)) as archive:
            found = archive.infolist()
    except (
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,  # zipfile, of a compression or a version that it does not know
        struct.error,
        OverflowError,
        EOFError,
    ) as error:
        raise FileDamaged(f"Its archive cannot be read: {error}.") from None
    if len(found) > _MOST_ENTRIES:
        raise FileUnsafe(f"Its archive has {len(found):,} entries; no checkpoint has so many.")
    return found


def _check_name(name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if (
        name.startswith(("/", "\\"))
        or ".." in parts
        or ":" in name
        or not name.isprintable()
        or len(name) > 300
    ):
        raise FileUnsafe(f"The archive has an entry named “{ascii(name)[1:80]}”, which leads elsewhere.")


def _start(data: memoryview, info: zipfile.ZipInfo) -> int:
    """Where the entry's bytes begin; its own head must agree with the directory."""
    head = data[info.header_offset : info.header_offset + _LOCAL.size] if info.header_offset >= 0 else data[:0]
    if len(head) != _LOCAL.size:
        raise FileDamaged("An entry of the archive begins beyond its end.")
    signature, _, flags, method, *_, name_length, extra_length = _LOCAL.unpack(head)
    at = info.header_offset + _LOCAL.size
    name = bytes(data[at : at + name_length])
    if signature != b"PK\3\4" or method != info.compress_type or flags & _ENCRYPTED:
        raise FileUnsafe(f"“{info.orig_filename[:80]}” in the archive has two descriptions that differ.")
    if name.decode("utf-8", "replace") != info.orig_filename and name.decode("cp437") != info.orig_filename:
        raise FileUnsafe(f"“{info.orig_filename[:80]}” in the archive has two names.")
    return at + name_length + extra_length


def _inflated(stored: memoryview, size: int, name: str) -> memoryview:
    inflater = zlib.decompressobj(-15)
    try:
        content = inflater.decompress(stored, size + 1)
    except zlib.error:
        raise FileDamaged(f"“{name[:80]}” in the archive cannot be unpacked.") from None
    return memoryview(content)


def _checksum(content: memoryview) -> int:
    value = 0
    for at in range(0, len(content), _CHUNK):
        value = zlib.crc32(content[at : at + _CHUNK], value)
    return value


class _ViewFile(io.RawIOBase):
    """A view of memory as a file: `zipfile` wants one, and a `BytesIO` would copy it."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._at = data, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._at, len(self._data))[whence]
        if base + offset < 0:
            raise ValueError("a place before its beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = len(self._data) if size is None or size < 0 else self._at + size
        taken = bytes(self._data[self._at : end])
        self._at += len(taken)
        return taken
