"""A path → what lies in the file. The content decides what is read how; a suffix that promises otherwise is a lie."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import (
    FileDamaged,
    FileUnreadable,
    FileUnsafe,
    FileUnsupported,
    ImportRefused,
)
from engine.weights.importers import tensor_files, torch_files

_LARGEST = 8 << 30
_CHUNK = 64 << 20
_PROMISES = {
    ".safetensors": "safetensors",
    ".npy": "npy",
    ".npz": "npz",
    ".toml": "toml",
}


@dataclass(frozen=True)
class Content:
    """One file, read.

    Attributes:
        name: the file's, without its folder; printable.
        form: "safetensors", "npy", "npz", "toml", "torch" or "pickle".
        value: tensors (`inert.StoredTensor`), alone or in dicts, and plain data; of a `toml`, its text.
        metadata: of a safetensors file.
    """

    name: str
    bytes: int
    sha256: str
    form: str
    value: Any
    metadata: dict[str, str] = field(default_factory=dict)


def read_file(path: Path) -> Content:
    """Read one file; its tensors stay mapped. Raises `ImportRefused` and what is under it, with the file's name."""
    name = printable(path)
    with _naming(name):
        data = _mapped(path)
        form, value, metadata = _read(data, path.suffix.lower())
        return Content(name, len(data), _digest(data), form, value, metadata)


def printable(path: Path) -> str:
    """A file's name as valid UTF-8 without control characters."""
    text = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Begin every refusal with the name of the file that it is about."""
    try:
        yield
    except ImportRefused as error:
        error.sentence = f"{name}: {error.sentence}"
        error.args = (error.sentence,)
        raise
    except (RecursionError, MemoryError):
        raise FileUnsafe(f"{name}: It is nested too deeply, or asks for too much memory.") from None


def _mapped(path: Path) -> memoryview:
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    if path.is_symlink():
        raise FileUnreadable("It is a link; links are not followed.", "Give the file that it points to.")
    try:
        handle = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no usable path"
        raise FileUnreadable(
            f"It cannot be opened: {reason}.", "Look at its path and its permissions."
        ) from None
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise FileUnreadable("It is no file but a folder or a device.", "Give the checkpoint itself.")
        if not facts.st_size:
            raise FileUnreadable("It is empty.", "Fetch it again.")
        if facts.st_size > _LARGEST:
            raise FileUnsupported(f"It has {facts.st_size:,} bytes.", f"More than {_LARGEST:,} are not taken.")
        return memoryview(mmap.mmap(handle, facts.st_size, access=mmap.ACCESS_READ))
    finally:
        os.close(handle)


def _read(data: memoryview, suffix: str) -> tuple[str, Any, dict[str, str]]:
    form = _form(data)
    promised = _PROMISES.get(suffix)
    if promised == "npz" and form == "zip":
        return "npz", tensor_files.read_npz(data), {}
    if promised == "toml":
        return "toml", _text(data), {}
    if promised == "safetensors" and form == "unknown":
        form = "safetensors"  # let its own reader say what is wrong with it
    if promised and promised != form:
        raise FileUnsafe(f"Its name ends in {suffix}, but that is not what it holds; it was not read.")
    match form:
        case "safetensors":
            tensors, metadata = tensor_files.read_safetensors(data)
            return form, tensors, metadata
        case "npy":
            return form, tensor_files.read_npy(data), {}
        case "zip":
            return "torch", torch_files.read_zip(data), {}
        case "pickle":
            return form, torch_files.read_pickled(data), {}
    if bytes(data[257:262]) == b"ustar":
        raise FileUnsupported("It is a tar archive.", "Unpack it, and give the checkpoint itself.")
    raise FileUnsupported(
        "It is neither a checkpoint of torch's or NVIDIA's nor safetensors nor a numpy array.",
        "Give a .pt, .pkl, .pth, .safetensors or .npy file.",
    )


def _form(data: memoryview) -> str:
    head = bytes(data[:4])
    if head in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if tensor_files.is_npy(data):
        return "npy"
    if head[:1] == b"\x80" and len(data) > 1 and 2 <= data[1] <= 5:
        # A safetensors header of 640 or so bytes begins with the same byte.
        return "safetensors" if tensor_files.is_safetensors(data) and not any(data[4:8]) else "pickle"
    return "safetensors" if tensor_files.is_safetensors(data) else "unknown"


def _text(data: memoryview) -> str:
    if len(data) > 1 << 20:
        raise FileUnsafe("It is far too long for a table of directions.")
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise FileDamaged("It is no text.") from None


def _digest(data: memoryview) -> str:
    made = hashlib.sha256()
    for at in range(0, len(data), _CHUNK):
        made.update(data[at : at + _CHUNK])
    return made.hexdigest()
