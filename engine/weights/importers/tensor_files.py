"""Files that hold tensors and nothing else: safetensors, numpy's `.npy` and `.npz`.

Sources of the formats: github.com/huggingface/safetensors, README; numpy/lib/format.py.
"""

from __future__ import annotations

import json
import re
import struct
from typing import Any

from engine.errors import FileDamaged, FileUnsafe, FileUnsupported
from engine.weights.importers.archive import read_archive
from engine.weights.importers.inert import ELEMENTS, ElementType, StoredTensor, contiguous

_LENGTH = struct.Struct("<Q")
_LONGEST_HEADER = 32 << 20
_LARGEST_NPZ = 256 << 20
_NPY_MAGIC = b"\x93NUMPY"
_NPY_HEADER = re.compile(
    r"\{'descr': '([<|=>]?[a-zA-Z]\d*)', 'fortran_order': (True|False), 'shape': \(([\d, ]{0,100})\),? ?\}\s*"
)
_NPY_TYPES = {"f8": "F64", "f4": "F32", "f2": "F16"}


def is_safetensors(data: memoryview) -> bool:
    """Whether it begins like one; it may still lie."""
    return len(data) > _LENGTH.size and data[_LENGTH.size] == ord("{")


def read_safetensors(data: memoryview) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """Tensors and metadata. Raises `FileDamaged`, `FileUnsafe` where header and data do not fit together exactly."""
    if len(data) < _LENGTH.size:
        raise FileDamaged("It is shorter than the shortest safetensors file.")
    length = _LENGTH.unpack(data[: _LENGTH.size])[0]
    if length > _LONGEST_HEADER:
        raise FileUnsafe(f"Its header claims {length:,} bytes.")
    if _LENGTH.size + length > len(data):
        raise FileDamaged("It ends in the middle of its header.")
    header = _json_object(data[_LENGTH.size : _LENGTH.size + length])
    body = data[_LENGTH.size + length :]
    metadata = header.pop("__metadata__", {})
    if type(metadata) is not dict or not all(isinstance(value, str) for value in metadata.values()):
        raise FileDamaged("Its metadata are no texts.")
    tensors, ranges = {}, []
    for name, entry in header.items():
        tensors[name], place = _described(name, entry, body)
        ranges.append(place)
    at = 0
    for start, end in sorted(ranges):
        if start != at:
            raise FileDamaged("Its tensors overlap, or leave gaps between them.")
        at = end
    if at != len(body):
        raise FileDamaged("Its data are longer or shorter than its header says.")
    return tensors, metadata


def _json_object(text: memoryview) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a name occurs twice")
        return made

    try:
        header = json.loads(bytes(text), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise FileDamaged(f"Its header cannot be read: {str(error)[:100]}.") from None
    if type(header) is not dict:
        raise FileDamaged("Its header is no object.")
    return header


def _described(name: str, entry: Any, body: memoryview) -> tuple[StoredTensor, tuple[int, int]]:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(start), int(end)], **rest} if (
            not rest
        ):
            pass
        case _:
            raise FileDamaged(f"Its header describes “{name[:100]}” in a way that makes no sense.")
    if dtype not in ELEMENTS:
        raise FileUnsupported(
            f"“{name[:100]}” is of the type {dtype[:20]}.", "Save it with float32 or float16."
        )
    if not 0 <= start <= end <= len(body) or not all(type(n) is int and 0 <= n < 1 << 48 for n in shape):
        raise FileDamaged(f"“{name[:100]}” has a shape or a place that makes no sense.")
    element = ElementType(dtype)
    elements = 1
    for n in shape:
        elements *= n
    if elements * element.bytes != end - start:
        raise FileDamaged(f"“{name[:100]}” has {end - start:,} bytes, its shape asks for another number.")
    return contiguous(body[start:end], element, tuple(shape)), (start, end)


def is_npy(data: memoryview) -> bool:
    return bytes(data[:6]) == _NPY_MAGIC


def read_npy(data: memoryview) -> StoredTensor:
    """An array of floating-point numbers. Raises `FileDamaged`, `FileUnsafe`, `FileUnsupported`."""
    if not is_npy(data) or len(data) < 12:
        raise FileDamaged("It is no numpy array.")
    wide = data[6] > 1
    length, start = (_number("<I", data, 8), 12) if wide else (_number("<H", data, 8), 10)
    if length > 10_000:
        raise FileUnsafe(f"Its header claims {length:,} bytes.")
    match = _NPY_HEADER.fullmatch(bytes(data[start : start + length]).decode("latin1"))
    if not match:
        raise FileUnsupported(
            "Its numpy header is cut, or describes what is no plain array.", "Save a plain float32 array."
        )
    kind = match[1].lstrip("<|=")
    if kind not in _NPY_TYPES:
        if kind.startswith("O"):
            raise FileUnsafe("It is a numpy array of Python objects: a pickle in disguise.")
        raise FileUnsupported(f"It is a numpy array of the type {match[1]}.", "Save it as float32.")
    try:
        shape = tuple(int(n) for n in match[3].split(",") if n.strip())
    except ValueError:
        raise FileDamaged("Its shape makes no sense.") from None
    element = ElementType(_NPY_TYPES[kind])
    content = data[start + length :]
    elements = 1
    for n in shape:
        elements *= n
    if len(content) != elements * element.bytes:
        raise FileDamaged(f"Its shape {list(shape)} and its {len(content):,} bytes do not fit together.")
    if match[2] == "True":
        reversed_shape = contiguous(content, element, shape[::-1])
        return StoredTensor(reversed_shape.storage, 0, shape, reversed_shape.strides[::-1])
    return contiguous(content, element, shape)


def read_npz(data: memoryview) -> dict[str, StoredTensor]:
    """The arrays of an `.npz` by name; those that are not floating-point numbers are left out. Raises as `read_npy`."""
    arrays = {}
    for name, content in read_archive(data, _LARGEST_NPZ).items():
        if not is_npy(content):
            raise FileUnsafe(f"“{name[:80]}” in the archive is no numpy array.")
        try:
            arrays[name.removesuffix(".npy")] = read_npy(content)
        except FileUnsupported:
            continue
    return arrays


def _number(form: str, data: memoryview, at: int) -> int:
    return struct.unpack_from(form, data, at)[0]
