"""Files that lie, or would run something if anybody let them: each builder writes one and says what must become of it.

`CORPUS` maps a file's name to (builder, code of the error). A builder gets the path to write and the canary: a file
that exists afterwards only if something was executed.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.weights import layouts

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


# Pickles that would run code

CALLS = {
    "os-system.pkl": ("os", "system"),
    "posix-system.pt": ("posix", "system"),
    "nt-system.pth": ("nt", "system"),
    "builtins-eval.pt": ("builtins", "eval"),
    "builtins-exec.bin": ("builtins", "exec"),
    "builtins-getattr.pt": ("builtins", "getattr"),
    "builtins-import.pt": ("builtins", "__import__"),
    "popen.pt": ("subprocess", "Popen"),
    "run-module.pt": ("runpy", "run_path"),
    "import-module.pt": ("importlib", "import_module"),
    "webbrowser.pt": ("webbrowser", "open"),
    "torch-load.pt": ("torch.serialization", "load"),
    "torch-hub.pt": ("torch.hub", "load"),
    "dotted-name.pt": ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    "numpy-run.pt": ("numpy.testing._private.utils", "runstring"),
    "bdb.pt": ("bdb", "Bdb"),
    "tensorflow.pkl": ("dnnlib.tflib.network", "Network"),
}
for _file, (_module, _name) in CALLS.items():

    def _call(path: Path, canary: Path, module: str = _module, name: str = _name) -> None:
        argument = f"open({str(canary)!r}, 'w')" if name in ("eval", "exec") else f"touch {canary}"
        path.write_bytes(call(module, name, argument))

    CORPUS[_file] = (_call, UNSUPPORTED if _file == "tensorflow.pkl" else UNSAFE)


class Runs:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


for _protocol in (2, 3, 4, 5):

    def _dumped(path: Path, canary: Path, protocol: int = _protocol) -> None:
        path.write_bytes(pickle.dumps({"g_ema": Runs(canary)}, protocol))

    CORPUS[f"protocol-{_protocol}.pt"] = (_dumped, UNSAFE)


@case("protocol-0.pt", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(Runs(canary), 0))


@case("zip-with-code.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    torch.save({"g_ema": Runs(canary)}, path)


@case("older-form-with-code.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    torch.save({"g_ema": Runs(canary)}, path, _use_new_zipfile_serialization=False)


@case("code-in-storage.pkl", UNSAFE)
def _(path: Path, canary: Path) -> None:
    inner = older(call("os", "system", f"touch {canary}"))
    path.write_bytes(b"\x80\x04" + name_of("torch.storage", "_load_from_bytes") + _bytes(inner) + b"\x85R.")


@case("storage-in-storage.pkl", UNSAFE)
def _(path: Path, canary: Path) -> None:
    load = name_of("torch.storage", "_load_from_bytes")
    inner = older(HEAD + load + _bytes(older(HEAD + b"N.")) + b"\x85R.")
    path.write_bytes(b"\x80\x04" + load + _bytes(inner) + b"\x85R.")


@case("plain-pickle-in-storage.pkl", UNSAFE)
def _(path: Path, canary: Path) -> None:
    inner = call("os", "system", f"touch {canary}")
    path.write_bytes(b"\x80\x04" + name_of("torch.storage", "_load_from_bytes") + _bytes(inner) + b"\x85R.")


def _bytes(content: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(content)) + content


@case("source-of-nvidia.pkl", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    """Well-formed, its module's source hostile: the source is a text, and the rest is no generator."""
    source = f"open({str(canary)!r}, 'w')"
    layouts.write_nvidia(path, {"synthesis.input.weight": torch.zeros(2)}, None, source)


@case("python-class.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    torch.save(nn.Linear(2, 2), path)


@case("state-of-a-list.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"]}b.")


@case("code-after-the-end.pkl", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(HEAD + b"}." + call("os", "system", f"touch {canary}"))


# Under a suffix that promises something else


@case("pickle.safetensors", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(Runs(canary)))


@case("pickle.npy", UNSAFE)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(Runs(canary)))


@case("objects.npy", UNSAFE)
def _(path: Path, canary: Path) -> None:
    np.save(path, np.array([Runs(canary)], dtype=object), allow_pickle=True)


@case("objects.npz", UNSUPPORTED)
def _(path: Path, canary: Path) -> None:
    path.write_bytes(zipped({"lat.npy": b"\x93NUMPY\1\0\x04\0{}  "}))


@case("checkpoint.npz", UNSAFE)
def _(path: Path, canary: Path) -> None:
    torch.save({"g_ema": Runs(canary)}, path)


# Tensors and storages that lie


@case("sparse.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    torch.save(torch.eye(3).to_sparse(), path)


@case("complex.pt", UNSAFE)
def _(path: Path, canary: Path) -> None:
    torch.save(torch.zeros(3, dtype=torch.complex64), path)


LIES = {
    "offset-beyond.pt": tensor(offset=3),
    "offset-negative.pt": tensor(offset=-4),
    "stride-beyond.pt": tensor(shape=(2, 2), strides=(1 << 40, 1)),
    "stride-negative.pt": tensor(strides=(-1,)),
    "shape-huge.pt": tensor(shape=(1 << 60,)),
    "shape-negative.pt": tensor(shape=(-4,)),
    "shape-expanded.pt": tensor(shape=(1 << 40,), strides=(0,)),
    "ranks-differ.pt": tensor(shape=(2, 2)),
    "axes-many.pt": tensor(shape=(1,) * 100, strides=(1,) * 100),
    "storage-too-short.pt": tensor(count=1 << 30),
    "storage-missing.pt": tensor(key="../../../etc/passwd"),
    "storage-count-negative.pt": tensor(count=-1),
    "storage-described-twice.pt": tensor() + b"0" + tensor(count=2, shape=(2,)),
}
for _file, _pickled in LIES.items():

    def _lie(path: Path, canary: Path, pickled: bytes = _pickled) -> None:
        path.write_bytes(zipped(checkpoint(HEAD + pickled + b".")))

    CORPUS[_file] = (_lie, DAMAGED)


@case("older-form-cut.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    torch.save(torch.zeros(100), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-100])


@case("older-form-count.pt", DAMAGED)
def _(path: Path, canary: Path) -> None:
    keys = HEAD + b"]" + text("0") + b"a."
    path.write_bytes(older(HEAD + tensor() + b".", keys, struct.pack("<q", 1 << 50) + bytes(16)))


@case("nan.pt", UNFIT)
def _(path: Path, canary: Path) -> None:
    state = layouts.generator_state()
    state["convs.2.conv.weight"][0, 0, 0, 0, 0] = float("nan")
    torch.save({"g_ema": state}, path)


@case("infinite.pt", UNFIT)
def _(path: Path, canary: Path) -> None:
    torch.save({"g_ema": {**layouts.generator_state(), "latent": torch.tensor([float("inf")])}}, path)


@case("key-leads-elsewhere.pt", UNFIT)
def _(path: Path, canary: Path) -> None:
    torch.save({"g_ema": {**layouts.generator_state(), "../../home/x": torch.zeros(1)}}, path)


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
