"""Archives, safetensors and numpy files that lie or exhaust, and what is no file."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

from tests.weights import layouts
from tests.weights.corpus import (
    CORPUS,
    DAMAGED,
    GOOD,
    HEAD,
    UNREADABLE,
    UNSAFE,
    UNSUPPORTED,
    case,
    checkpoint,
    name_of,
    tensor,
    text,
    zipped,
)

# Zip files


@case("zip-name-twice.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped(GOOD, twice="archive/data.pkl"))


@case("zip-parent-folder.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({**GOOD, "archive/../../x": b""}))


@case("zip-absolute.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({**GOOD, "/tmp/x": b""}))


@case("zip-drive-letter.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({**GOOD, "C:\\x": b""}))


@case("zip-bomb.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped(checkpoint(HEAD + tensor() + b".", bytes(50 << 20)), zipfile.ZIP_DEFLATED))


@case("bomb.npz", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({"a.npy": bytes(300 << 20)}, zipfile.ZIP_DEFLATED))


def _patched(path: Path, content: bytes, at: int, new: bytes) -> None:
    path.write_bytes(content[:at] + new + content[at + len(new) :])


@case("zip-encrypted.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    made = zipped(GOOD)
    _patched(path, made, made.index(b"PK\1\2") + 8, b"\1\0")


@case("zip-checksum.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    made = zipped(GOOD)
    _patched(path, made, made.index(b"_rebuild_tensor_v2"), b"_rebuild_tensor_v3")


@case("zip-two-names.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    made = zipped(GOOD)
    _patched(path, made, made.index(b"archive/data.pkl"), b"archive/evil.pkl")


@case("zip-beyond.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    made = zipped(GOOD)
    _patched(path, made, made.index(b"PK\1\2") + 42, struct.pack("<I", len(made) - 4))


@case("zip-overlapping.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    """Two entries of the directory are one place in the file; the place calls itself by both names."""
    made = bytearray(zipped({"archive/data.pkl": b"1", "archive/data.pkm": b"1"}))
    second = made.index(b"PK\1\2", made.index(b"PK\1\2") + 1)
    made[second + 42 : second + 46] = struct.pack("<I", 0)
    made[second + 46 : second + 62] = b"ARCHIVE/data.pkl"
    path.write_bytes(bytes(made))


@case("zip-truncated.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped(GOOD)[:-40])


@case("zip-of-something.pt", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({"a.txt": b"hello"}))


@case("torchscript.pt", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({**GOOD, "archive/constants.pkl": b"", "archive/code/__torch__.py": b""}))


@case("big-endian.pt", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({**GOOD, "archive/byteorder": b"big"}))


# Exhaustion


@case("deep-tuples.pt", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b")" + b"\x85" * 1_000_000 + b".")


@case("deep-key.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"})" + b"\x85" * 100_000 + b"Ns.")


@case("many-steps.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"N0" * 1_100_000 + b"N.")


@case("many-memos.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(b"\x80\x04N" + b"\x94" * 2_100_000 + b".")


@case("memo-at-the-end-of-the-world.pt", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"Nr\xff\xff\xff\xff.")


@case("billion-laughs.pt", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    lists = b"]q\x00" + b"".join(
        b"0](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(100)
    )
    path.write_bytes(HEAD + lists + b".")


@case("module-in-itself.pkl", DAMAGED)
def _(path: Path, canary: Path) -> None:
    """A module that is its own child."""
    empty = b"".join(text(key) + b"}" for key in ("_parameters", "_buffers"))
    modules = text("_modules") + b"}" + text("again") + b"h\x00s"
    holder = name_of("argparse", "Namespace") + b")\x81q\x00" + b"}(" + empty + modules + b"ub"
    path.write_bytes(HEAD + b"}" + text("G_ema") + holder + b"s.")


@case("long-integer.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"\x8b" + struct.pack("<i", 1 << 20) + b"\xff" * (1 << 20) + b".")


@case("negative-length.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"\x8b" + struct.pack("<i", -5) + b".")


@case("text-without-end.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(b"\x80\x04\x8d" + struct.pack("<Q", 1 << 63) + b"x.")


@case("bytes-without-end.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.")


@case("frame-lies.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.")


@case("empty-stack.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"R.")


@case("no-mark.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"]e.")


@case("cut.pkl", DAMAGED)
def _(path: Path, canary: Path) -> None:
    layouts.write_nvidia(path, layouts.nvidia_names(layouts.generator_state()), None)
    path.write_bytes(path.read_bytes()[:5000])


@case("only-a-head.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD)


@case("unknown-opcode.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"\xf0.")


@case("extension-registry.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"\x82\x01.")


# safetensors and numpy


def safetensors(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


ONE = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
SAFETENSORS = {
    "short.safetensors": (b"\x08", DAMAGED),
    "header-huge.safetensors": (safetensors(ONE + b"}", bytes(8), 1 << 60), UNSAFE),
    "header-cut.safetensors": (safetensors(ONE + b"}", b"", 5000), DAMAGED),
    "header-deep.safetensors": (safetensors(b'{"a":' + b"[" * 200_000), DAMAGED),
    "header-no-object.safetensors": (safetensors(b"[1]"), DAMAGED),
    "name-twice.safetensors": (safetensors(ONE + b"," + ONE[1:] + b"}", bytes(8)), DAMAGED),
    "overlapping.safetensors": (
        safetensors(ONE + b"," + ONE[1:].replace(b'"a"', b'"b"') + b"}", bytes(8)),
        DAMAGED,
    ),
    "trailing.safetensors": (safetensors(ONE + b"}", bytes(9)), DAMAGED),
    "hole.safetensors": (safetensors((ONE + b"}").replace(b"[0,8]", b"[4,12]"), bytes(12)), DAMAGED),
    "shape.safetensors": (
        safetensors((ONE + b"}").replace(b"[2]", b"[4611686018427387906]"), bytes(8)),
        DAMAGED,
    ),
    "negative.safetensors": (safetensors((ONE + b"}").replace(b"[0,8]", b"[-8,0]"), bytes(8)), DAMAGED),
    "type.safetensors": (safetensors((ONE + b"}").replace(b"F32", b"F8_E4M3"), bytes(2)), UNSUPPORTED),
    "noise.pt": (bytes(range(1, 255)) * 20, UNSUPPORTED),
    "text.pt": (b"<html>Too many users have viewed or downloaded this file recently.</html>", UNSUPPORTED),
    "protocol-9.pt": (b"\x80\x09N.", UNSUPPORTED),
    "shape-huge.npy": (
        b"\x93NUMPY\1\0\x50\0"
        + b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }".ljust(80),
        DAMAGED,
    ),
    "header.npy": (
        b"\x93NUMPY\1\0\x30\0" + b"{'descr': __import__('os').system('true')}".ljust(48),
        UNSUPPORTED,
    ),
}
for _file, (_content, _code) in SAFETENSORS.items():
    CORPUS[_file] = (lambda path, canary, content=_content: path.write_bytes(content), _code)


# What is no file


@case("empty.pt", UNREADABLE)
def _(path: Path, canary: Path) -> None:
    path.touch()


@case("folder.pt", UNREADABLE)
def _(path: Path, canary: Path) -> None:
    path.mkdir()


@case("missing.pt", UNREADABLE)
def _(path: Path, canary: Path) -> None:
    return


@case("link.pt", UNREADABLE)
def _(path: Path, canary: Path) -> None:
    path.symlink_to("/etc/passwd")


@case("link-to-itself.pt", UNREADABLE)
def _(path: Path, canary: Path) -> None:
    path.symlink_to(path)


@case("pipe.pt", UNREADABLE)
def _(path: Path, canary: Path) -> None:
    os.mkfifo(path)
