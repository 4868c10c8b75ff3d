"""An interpreter for pickles that executes nothing: it makes numbers, texts, lists, dicts and stand-ins.

Python's `pickle` calls what a file names. Here a file may only mention names from a table, and what the table holds
are constants and functions of ours that make inert data (`inert.py`). A name that is not in the table, and an opcode
that real checkpoints do not use, are refused; so is a file that would exhaust the machine: steps, texts, whole numbers
and the number of values are limited. Long byte strings are not copied, they stay views of the file.

Source of the format: CPython's `Lib/pickletools.py`, protocols 2 to 5. Opcodes that only the text protocols 0 and 1
write are unknown here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from engine.errors import FileDamaged, FileUnsafe
from engine.weights.importers.pickle_stack import Stack

_MOST_STEPS = 2_000_000
_MOST_TEXT_BYTES = 64 << 20
_LONGEST_TEXT = 8 << 20  # sources of NVIDIA's modules are texts of some 50 KB
_LONGEST_INTEGER = 32  # bytes


@dataclass(frozen=True)
class Callee:
    """What a pickle may call under this name: `make` gets the file's arguments and returns inert data."""

    name: str
    make: Callable[..., Any]


@runtime_checkable
class Buildable(Protocol):
    """A stand-in that takes the state which a pickle gives it."""

    def build(self, state: Any) -> None: ...


@dataclass
class Budget:
    """What is left for one file, the pickles inside its pickles included."""

    steps: int = _MOST_STEPS
    text_bytes: int = _MOST_TEXT_BYTES

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise FileUnsafe(f"Its pickle takes more than {_MOST_STEPS:,} steps; no checkpoint needs so many.")

    def text(self, length: int) -> None:
        self.text_bytes -= length
        if length > _LONGEST_TEXT or self.text_bytes < 0:
            raise FileUnsafe(f"Its pickle holds a text of {length:,} bytes, or very many; no checkpoint does.")


class PickleReader:
    """Reads the pickles in `data`, one after the other."""

    def __init__(
        self,
        data: memoryview,
        names: Mapping[str, Any],
        persistent: Callable[[Any], Any] | None = None,
        budget: Budget | None = None,
    ) -> None:
        """`names`: "module name" → a `Callee`, or a constant. `persistent` gets what a persistent id says."""
        self._data = data
        self._names = names
        self._persistent = persistent
        self._budget = budget or Budget()
        self.position = 0
        self._stack = Stack()

    def read(self) -> Any:
        """The value of the next pickle. Raises `FileUnsafe`, `FileDamaged`."""
        self._stack = Stack()
        while True:
            self._budget.step()
            opcode = self._byte()
            if opcode == 0x2E:  # STOP
                break
            act = _ACTS.get(opcode)
            if act is None:
                raise FileUnsafe(f"Its pickle uses the opcode 0x{opcode:02x}, which no checkpoint needs.")
            act(self)
        value = self._stack.pop()
        if len(self._stack):
            raise FileDamaged("Its pickle ends with values left over.")
        return value

    # Bytes of the file

    def _take(self, count: int) -> memoryview:
        end = self.position + count
        if count < 0 or end > len(self._data):
            raise FileDamaged("It ends in the middle of its pickle.")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _byte(self) -> int:
        return self._take(1)[0]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _text(self, length: int) -> str:
        self._budget.text(length)
        try:
            return str(self._take(length), "utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise FileDamaged("Its pickle holds a text that is no UTF-8.") from None

    # What makes values

    def _long(self, length: int) -> None:
        if not 0 <= length <= _LONGEST_INTEGER:
            raise FileUnsafe(f"Its pickle holds a whole number of {length:,} bytes; no checkpoint does.")
        self._stack.push(int.from_bytes(self._take(length), "little", signed=True))

    def _old_string(self, length: int) -> None:
        """A byte string of Python 2: a text where it can be one."""
        raw = self._take(length)
        self._budget.text(length)
        try:
            self._stack.push(str(raw, "ascii"))
        except UnicodeDecodeError:
            self._stack.push(raw)

    def _global(self, module: Any, name: Any) -> None:
        full = f"{module} {name}" if isinstance(module, str) and isinstance(name, str) else ""
        if full not in self._names:
            shown = full.replace(" ", ".")[:120] or "something without a name"
            raise FileUnsafe(
                f"It asks for “{shown}”, which is not among the names that a checkpoint may use; nothing was run."
            )
        self._stack.push(self._names[full])

    def _global_of_lines(self) -> None:
        self._global(self._line(), self._line())

    def _line(self) -> str:
        window = bytes(self._data[self.position : self.position + 512])
        end = window.find(b"\n")
        if end < 0:
            raise FileDamaged("Its pickle holds a name without an end.")
        text = self._text(end)
        self.position += 1
        return text

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._global(module, name)

    def _call(self, keywords: Any = None) -> None:
        arguments, callee = self._stack.pop(), self._stack.pop()
        if not isinstance(callee, Callee) or type(arguments) is not tuple or keywords:
            raise FileUnsafe("Its pickle calls what is no function that a checkpoint may use; nothing was run.")
        try:
            value = callee.make(*arguments)
        except (TypeError, ValueError) as error:
            raise FileDamaged(f"“{callee.name}” has arguments that make no sense: {error}.") from None
        self._stack.push(value)

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack.top()
        if isinstance(target, Buildable):
            target.build(state)
        elif type(target) is not dict:  # a dict's attributes (`_metadata` of a state dict) are of no use here
            raise FileUnsafe("Its pickle sets the state of what has none; nothing was run.")

    def _persistent_id(self) -> None:
        if self._persistent is None:
            raise FileUnsafe("Its pickle refers to data outside itself, where there are none.")
        self._stack.push(self._persistent(self._stack.pop()))

    def _protocol(self) -> None:
        if (version := self._byte()) > 5:
            raise FileDamaged(f"Its pickle claims protocol {version}.")

    def _frame(self) -> None:
        if self._number("<Q") > len(self._data) - self.position:
            raise FileDamaged("Its pickle ends before its frame does.")


_ACTS: dict[int, Callable[[PickleReader], Any]] = {
    0x80: PickleReader._protocol,
    0x95: PickleReader._frame,
    ord("("): lambda r: r._stack.mark(),
    ord("0"): lambda r: r._stack.pop(),
    ord("1"): lambda r: r._stack.to_mark(),
    ord("N"): lambda r: r._stack.push(None),
    0x88: lambda r: r._stack.push(True),
    0x89: lambda r: r._stack.push(False),
    ord("J"): lambda r: r._stack.push(r._number("<i")),
    ord("K"): lambda r: r._stack.push(r._byte()),
    ord("M"): lambda r: r._stack.push(r._number("<H")),
    0x8A: lambda r: r._long(r._byte()),
    0x8B: lambda r: r._long(r._number("<i")),
    ord("G"): lambda r: r._stack.push(r._number(">d")),
    ord("U"): lambda r: r._old_string(r._byte()),
    ord("T"): lambda r: r._old_string(r._number("<i")),
    0x8C: lambda r: r._stack.push(r._text(r._byte())),
    ord("X"): lambda r: r._stack.push(r._text(r._number("<I"))),
    0x8D: lambda r: r._stack.push(r._text(r._number("<Q"))),
    ord("C"): lambda r: r._stack.push(r._take(r._byte())),
    ord("B"): lambda r: r._stack.push(r._take(r._number("<I"))),
    0x8E: lambda r: r._stack.push(r._take(r._number("<Q"))),
    0x96: lambda r: r._stack.push(r._take(r._number("<Q"))),
    ord("]"): lambda r: r._stack.push([]),
    ord("}"): lambda r: r._stack.push({}),
    0x8F: lambda r: r._stack.push(set()),
    ord(")"): lambda r: r._stack.push(()),
    ord("a"): lambda r: r._stack.append([r._stack.pop()]),
    ord("e"): lambda r: r._stack.append(r._stack.to_mark()),
    ord("s"): lambda r: r._stack.set_items([r._stack.pop(), r._stack.pop()][::-1]),
    ord("u"): lambda r: r._stack.set_items(r._stack.to_mark()),
    0x90: lambda r: r._stack.add_items(r._stack.to_mark()),
    0x85: lambda r: r._stack.tuple(1),
    0x86: lambda r: r._stack.tuple(2),
    0x87: lambda r: r._stack.tuple(3),
    ord("t"): lambda r: r._stack.push(tuple(r._stack.to_mark())),
    ord("c"): PickleReader._global_of_lines,
    0x93: PickleReader._stack_global,
    ord("R"): lambda r: r._call(),
    0x81: lambda r: r._call(),
    0x92: lambda r: r._call(r._stack.pop()),
    ord("b"): PickleReader._build,
    ord("Q"): PickleReader._persistent_id,
    ord("q"): lambda r: r._stack.remember(r._byte()),
    ord("r"): lambda r: r._stack.remember(r._number("<I")),
    0x94: lambda r: r._stack.remember_next(),
    ord("h"): lambda r: r._stack.recall(r._byte()),
    ord("j"): lambda r: r._stack.recall(r._number("<I")),
}
