"""What a pickle works on: a stack of values with marks in it, and a memo. Nothing here makes anything but plain data."""

from __future__ import annotations

from typing import Any

from engine.errors import FileDamaged, FileUnsafe


class _Mark:
    pass


_MARK = _Mark()


class Stack:
    """The stack and the memo of one pickle. A pickle that misuses them is refused: `FileDamaged`, `FileUnsafe`."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._memo: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._values)

    def push(self, value: Any) -> None:
        self._values.append(value)

    def mark(self) -> None:
        self._values.append(_MARK)

    def pop(self) -> Any:
        if not self._values or self._values[-1] is _MARK:
            raise FileDamaged("Its pickle takes a value from an empty stack.")
        return self._values.pop()

    def top(self) -> Any:
        if not self._values or self._values[-1] is _MARK:
            raise FileDamaged("Its pickle changes a value that is not there.")
        return self._values[-1]

    def to_mark(self) -> list[Any]:
        for at in range(len(self._values) - 1, -1, -1):
            if self._values[at] is _MARK:
                values = self._values[at + 1 :]
                del self._values[at:]
                return values
        raise FileDamaged("Its pickle closes a list that it did not open.")

    def remember(self, index: int) -> None:
        self._memo[index] = self.top()

    def remember_next(self) -> None:
        self.remember(len(self._memo))

    def recall(self, index: int) -> None:
        if index not in self._memo:
            raise FileDamaged("Its pickle recalls a value that it did not store.")
        self.push(self._memo[index])

    def append(self, values: list[Any]) -> None:
        target = self.top()
        if type(target) is not list:
            raise FileDamaged("Its pickle appends to what is no list.")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.top()
        if type(target) is not dict or len(values) % 2:
            raise FileDamaged("Its pickle sets items of what is no dict.")
        for key, value in zip(values[::2], values[1::2], strict=True):
            target[_plain_key(key)] = value

    def add_items(self, values: list[Any]) -> None:
        target = self.top()
        if type(target) is not set:
            raise FileDamaged("Its pickle adds to what is no set.")
        target.update(_plain_key(value) for value in values)

    def tuple(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push((*reversed(values),))


def _plain_key(key: Any) -> str | int | float | bool | None:
    if key is None or type(key) in (str, int, float, bool):
        return key
    raise FileUnsafe(f"Its pickle uses a {type(key).__name__} as a key; only texts and numbers may be keys.")
