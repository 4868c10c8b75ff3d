"""Files that lie, or would run something if anybody let them: each builder writes one and says what must become of it.

`CORPUS` maps a file's name to (builder, code of the error); `hostile_pickles` and `hostile_files` fill it. A builder gets
the path to write and the canary: a file that exists afterwards only if something was executed.
"""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

Builder = Callable[[Path, Path], object]
UNSAFE, DAMAGED, UNSUPPORTED = "file_unsafe", "file_damaged", "file_unsupported"
UNREADABLE, UNFIT = "file_unreadable", "tensor_unfit"
CORPUS: dict[str, tuple[Builder, str]] = {}
HEAD = b"\x80\x02"


def case(name: str, code: str) -> Callable[[Builder], Builder]:
    def keep(builder: Builder) -> Builder:
        assert name not in CORPUS
        CORPUS[name] = (builder, code)
        return builder

    return keep


# Pickles by hand


def name_of(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def call(module: str, name: str, argument: str) -> bytes:
    return HEAD + name_of(module, name) + text(argument) + b"\x85R."


def tensor(
    count: int = 4,
    offset: int = 0,
    shape: tuple[int, ...] = (4,),
    strides: tuple[int, ...] = (1,),
    key: str = "0",
) -> bytes:
    """`torch._utils._rebuild_tensor_v2` of a storage, without the pickle's head and end."""
    storage = (
        b"(" + text("storage") + name_of("torch", "FloatStorage") + text(key) + text("cpu") + number(count)
    )
    ordered = name_of("collections", "OrderedDict") + b")R"
    arguments = storage + b"tQ" + number(offset) + numbers(shape) + numbers(strides) + b"\x89" + ordered
    return name_of("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED, twice: str = "") -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, content in [*entries.items(), *([(twice, b"another")] if twice else [])]:
            archive.writestr(name, content)
    return made.getvalue()


def checkpoint(pickled: bytes, storage: bytes = bytes(16), **more: bytes) -> dict[str, bytes]:
    return {"archive/data.pkl": pickled, "archive/data/0": storage, "archive/version": b"3\n", **more}


GOOD = checkpoint(HEAD + tensor() + b".")


def older(value: bytes, keys: bytes = HEAD + b"].", storages: bytes = b"") -> bytes:
    magic = HEAD + b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    machine = HEAD + b"}" + text("little_endian") + b"\x88s."
    return magic + HEAD + b"M\xe9\x03." + machine + value + keys + storages
