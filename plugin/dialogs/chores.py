"""What the windows without a photograph know: one thing is under way at a time, and what went wrong. Without Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from plugin.dialogs.observable import Observable, Topic
from plugin.dialogs.state import Problem, Stage, Task
from plugin.likeness.words import said

Json = dict[str, Any]


class ChoreState(Observable):
    """What models and settings have in common."""

    last_seconds: float | None = None
    stage = Stage.READY

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.clock = clock
        self.task: Task | None = None
        self.problem: Problem | None = None

    @property
    def where(self) -> str:
        """The line at the bottom."""
        return ""

    @property
    def is_free(self) -> bool:
        """Nothing is under way."""
        return self.task is None

    def began(self, message: str, asked: bool = True) -> None:
        """`asked`: by the person, who has read what the problem was."""
        self.problem = None if asked else self.problem
        self.task = Task(message, self.clock())
        self.tell(Topic.TASK)
        self.tell(Topic.STAGE)

    def progress(self, event: Json) -> None:
        if self.task and event.get("event") == "progress":
            self.task = replace(self.task, message=said(event["message"]), fraction=event["fraction"])
            self.tell(Topic.TASK)

    def rested(self) -> None:
        self.task = None
        self.tell(Topic.TASK)
        self.tell(Topic.STAGE)

    def failed(self, problem: Problem) -> None:
        self.problem = problem
        self.tell(Topic.STAGE)
