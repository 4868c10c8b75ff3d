"""What stands in, inert, for the objects that checkpoints mention; and the table of all names they may mention.

Tensors become `StoredTensor`: where in the file their numbers are. Nothing is copied before `array()` is asked for.
Objects of NVIDIA's networks become a `Holder` of their state; the source code that they carry stays a text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import FileDamaged, FileUnsafe, FileUnsupported
from engine.weights.importers.pickles import Buildable, Callee

_MOST_AXES = 8
_NUMPY = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # numpy has no such type: read as bits
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
ELEMENTS = frozenset(_NUMPY)  # safetensors' names of the types of elements


@dataclass(frozen=True)
class ElementType:
    """What a storage is made of."""

    name: str

    @property
    def bytes(self) -> int:
        return np.dtype(_NUMPY[self.name]).itemsize


@dataclass
class Storage:
    """A row of `count` elements; `data` comes later in torch's older files."""

    element: ElementType
    count: int
    data: memoryview | None = None

    def fill(self, data: memoryview, name: str) -> None:
        """Raises `FileDamaged` where the file does not hold what it promised."""
        if len(data) != self.count * self.element.bytes:
            raise FileDamaged(
                f"Its storage {name} should have {self.count * self.element.bytes:,} bytes and has {len(data):,}."
            )
        self.data = data


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in the file: element i,j,… is number offset + i·strides[0] + j·strides[1] + … of the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raises `FileDamaged` where it reaches beyond its storage, or has more elements than that."""
        whole = (self.offset, *self.shape, *self.strides)
        if not all(type(n) is int and 0 <= n < 1 << 48 for n in whole) or len(self.shape) != len(self.strides):
            raise FileDamaged("A tensor in it has a size, stride or offset that makes no sense.")
        if len(self.shape) > _MOST_AXES:
            raise FileDamaged(f"A tensor in it has {len(self.shape)} axes.")
        elements = math.prod(self.shape)
        last = self.offset + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        if elements and (last >= self.storage.count or elements > self.storage.count):
            raise FileDamaged(
                f"A tensor of shape {list(self.shape)} in it reaches beyond its storage of {self.storage.count:,} elements."
            )

    def array(self) -> np.ndarray:
        """A view of the file, read-only; bfloat16 becomes a copy in float32."""
        if self.storage.data is None:
            raise FileDamaged("A tensor in it has no storage.")
        name = self.storage.element.name
        dtype = np.dtype(_NUMPY[name])
        if not math.prod(self.shape):
            return np.zeros(self.shape, dtype)
        strides = tuple(stride * dtype.itemsize for stride in self.strides)
        view = np.ndarray(self.shape, dtype, self.storage.data, self.offset * dtype.itemsize, strides)
        if name == "BF16":
            return (view.astype("<u4") << 16).view("<f4")
        view.flags.writeable = False
        return view


def contiguous(data: memoryview, element: ElementType, shape: tuple[int, ...]) -> StoredTensor:
    """The tensor whose elements are `data`, rows last."""
    storage = Storage(element, len(data) // element.bytes, data)
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return StoredTensor(storage, 0, shape, tuple(reversed(strides)))


@dataclass
class Holder:
    """An object of a class that stays unknown: its class's name, and its attributes."""

    class_name: str
    state: dict[str, Any] = field(default_factory=dict)

    def build(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2 and state[0] is None:
            state = state[1]
        if type(state) is not dict:
            raise FileDamaged(f"An object “{self.class_name[:60]}” in it has no attributes.")
        self.state = state


@dataclass
class NumpyType:
    """A dtype of numpy, little-endian numbers only."""

    element: ElementType

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", "|", "="):
            raise FileUnsupported(
                "It holds numpy arrays of another byte order.", "Save it again on this machine."
            )


@dataclass
class NumpyArray:
    """An array of numpy; its numbers come with its state."""

    tensor: StoredTensor | None = None

    def build(self, state: Any) -> None:
        match state:
            case (int(), tuple(shape), NumpyType(element=element), bool(fortran), memoryview() as data):
                contiguous_shape = tuple(reversed(shape)) if fortran else shape
                made = contiguous(data, element, contiguous_shape)
                if fortran:
                    made = StoredTensor(made.storage, 0, shape, tuple(reversed(made.strides)))
                self.tensor = made
            case _:
                raise FileDamaged("A numpy array in it makes no sense.")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_rest: Any) -> StoredTensor:
    if not isinstance(storage, Storage) or type(shape) is not tuple or type(strides) is not tuple:
        raise ValueError("no storage, shape or strides")
    return StoredTensor(storage, offset, shape, strides)


def _parameter(tensor: Any, *_rest: Any) -> Any:
    if not isinstance(tensor, StoredTensor):
        raise ValueError("no tensor")
    return tensor


def _persistent_object(meta: Any) -> Holder:
    """NVIDIA's `_reconstruct_persistent_obj`: would run `module_src` and then set `state`. Only the latter here."""
    if type(meta) is not dict or not isinstance(meta.get("class_name"), str):
        raise ValueError("no class name")
    holder = Holder(meta["class_name"])
    holder.build(meta.get("state"))
    return holder


def _numpy_type(description: Any, *_rest: Any) -> NumpyType:
    if not isinstance(description, str) or not re.fullmatch(r"[<|=]?[fiub][1248]", description):
        raise FileUnsafe("It holds numpy values that are no numbers.")
    kind, size = description[-2], int(description[-1])
    name = "BOOL" if kind == "b" else f"{kind.upper()}{8 * size}"
    if name not in ELEMENTS:
        raise FileUnsupported(f"It holds numpy values of the type {description}.", "Save it with float32.")
    return NumpyType(ElementType(name))


def _numpy_scalar(kind: Any, data: Any) -> int | float | bool:
    if not isinstance(kind, NumpyType) or not isinstance(data, memoryview | bytes):
        raise ValueError("no number")
    return contiguous(memoryview(data), kind.element, ()).array().item()


def _encoded(text: Any, encoding: Any = "latin1") -> memoryview:
    """How Python 3 writes bytes in protocol 2."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("no latin1")
    return memoryview(text.encode("latin1"))


def _ordered_dict(pairs: Any = ()) -> dict[Any, Any]:
    made = {}
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2 or type(pair[0]) not in (str, int):
            raise ValueError("no pairs")
        made[pair[0]] = pair[1]
    return made


def _set(values: Any = ()) -> set[Any]:
    if not all(value is None or type(value) in (str, int, float, bool) for value in values):
        raise ValueError("no plain values")
    return set(values)


def _size(values: Any = ()) -> tuple[Any, ...]:
    return tuple(values)


def _joined(*parts: Any) -> str:
    """A path stays a text; nothing is ever opened by it."""
    return "/".join(str(part) for part in parts)


def _of_tensorflow(*_: Any) -> Any:
    raise FileUnsupported(
        "It is a pickle of the TensorFlow StyleGAN, which holds its weights in another way.",
        "Convert it to a PyTorch pickle with NVIDIA's legacy.py, and give that.",
    )


_STORAGES = {
    "Double": "F64",
    "Float": "F32",
    "Half": "F16",
    "BFloat16": "BF16",
    "Long": "I64",
    "Int": "I32",
    "Short": "I16",
    "Char": "I8",
    "Byte": "U8",
    "Bool": "BOOL",
}
_CALLEES = {
    "collections OrderedDict": _ordered_dict,
    "dnnlib.util EasyDict": _ordered_dict,
    "argparse Namespace": lambda: Holder("argparse.Namespace"),
    "torch_utils.persistence _reconstruct_persistent_obj": _persistent_object,
    "dnnlib.tflib.network Network": _of_tensorflow,
    "torch._utils _rebuild_tensor": _tensor,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
    "torch._utils _rebuild_parameter_with_state": _parameter,
    "torch Size": _size,
    "torch device": _joined,
    "builtins set": _set,
    "__builtin__ set": _set,
    "_codecs encode": _encoded,
    "pathlib PosixPath": _joined,
    "pathlib WindowsPath": _joined,
    "numpy dtype": _numpy_type,
    "numpy.core.multiarray scalar": _numpy_scalar,
    "numpy._core.multiarray scalar": _numpy_scalar,
    "numpy.core.multiarray _reconstruct": lambda *_: NumpyArray(),
    "numpy._core.multiarray _reconstruct": lambda *_: NumpyArray(),
}
_TORCH_TYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")

NAMES: dict[str, Any] = {
    **{name: Callee(name.replace(" ", "."), make) for name, make in _CALLEES.items()},
    **{f"torch {name}Storage": ElementType(element) for name, element in _STORAGES.items()},
    **{f"torch {name}": f"torch.{name}" for name in _TORCH_TYPES},
    "torch.storage UntypedStorage": ElementType("U8"),
    "numpy ndarray": "numpy.ndarray",
}

assert all(issubclass(kind, Buildable) for kind in (Holder, NumpyType, NumpyArray))
