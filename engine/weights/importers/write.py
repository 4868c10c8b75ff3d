"""Tensors → a safetensors file, one after the other, so that no more than a piece of one is in memory.

Source of the format: github.com/huggingface/safetensors, README.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import TensorUnfit

_TYPES = {
    "<f4": "F32",
    "<f2": "F16",
    "<i8": "I64",
    "<i4": "I32",
    "<i2": "I16",
    "|i1": "I8",
    "|u1": "U8",
    "|b1": "BOOL",
}
_PIECE = 4 << 20  # elements


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """Write, and return the file's sha256. float64 becomes float32.

    Raises `TensorUnfit`: a tensor holds values that are not finite.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for key, array in arrays.items():
        dtype = _dtype(array)
        size = array.size * dtype.itemsize
        header[key] = {
            "dtype": _TYPES[dtype.str],
            "shape": list(array.shape),
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for piece in (len(text).to_bytes(8, "little"), text):
            file.write(piece)
            digest.update(piece)
        for key, array in arrays.items():
            for numbers in _pieces(key, array):
                file.write(numbers)
                digest.update(numbers)
    return digest.hexdigest()


def _dtype(array: np.ndarray) -> np.dtype[Any]:
    return np.dtype("<f4") if array.dtype.str == "<f8" else array.dtype


def _pieces(key: str, array: np.ndarray) -> Iterator[memoryview]:
    flat = np.ascontiguousarray(array, _dtype(array)).reshape(-1)
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        if piece.dtype.kind == "f" and not np.isfinite(piece).all():
            raise TensorUnfit(
                f"{key} holds values that are not finite.", "Use an earlier checkpoint of that training."
            )
        yield piece.view(np.uint8).data
