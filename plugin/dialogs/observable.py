"""Who wants to know what a window knows. Without Qt."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto


class Topic(Enum):
    STAGE = auto()
    FACES = auto()
    LAYERS = auto()
    TASK = auto()
    VIEW = auto()
    DIRECTIONS = auto()
    EDITS = auto()
    SLIDERS = auto()
    PRESET = auto()
    MODELS = auto()
    MASK = auto()
    RESULT = auto()


class Observable:
    """A state that tells what has changed in it."""

    def __init__(self) -> None:
        self._observers: list[Callable[[Topic], None]] = []

    def observe(self, callback: Callable[[Topic], None]) -> None:
        self._observers.append(callback)

    def tell(self, topic: Topic) -> None:
        for callback in self._observers:
            callback(topic)
