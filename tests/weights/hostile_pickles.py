"""Pickles that would run code, under any suffix, and tensors and storages that lie."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.weights import layouts
from tests.weights.corpus import (
    CORPUS,
    DAMAGED,
    HEAD,
    UNFIT,
    UNSAFE,
    UNSUPPORTED,
    call,
    case,
    checkpoint,
    name_of,
    older,
    tensor,
    text,
    zipped,
)

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
