"""A lane in which one chore is done after the other; what it brings goes into the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from plugin.dialogs.chores import ChoreState, Json
from plugin.dialogs.lane import Errand, HangsUp, Lane
from plugin.dialogs.session import GOODBYE_SECONDS


class ChoreSession(QObject):
    """`connect` makes what the chores are done with."""

    _posted = pyqtSignal(object)

    def __init__(self, state: ChoreState, connect: Callable[[], HangsUp]) -> None:
        super().__init__()
        self._state = state
        self._connect = connect
        self._lanes: list[Lane] = []
        self._posted.connect(lambda call: call())
        self._chores = self.add_lane("chores")

    def add_lane(self, name: str) -> Lane:
        """For what goes on beside the chores."""
        self._lanes.append(Lane(name, self._connect, self._posted.emit))
        return self._lanes[-1]

    def start(self) -> None:
        self.refresh()

    def refresh(self, asked: bool = False) -> None:
        """Look at what is there; a problem stays unless the person `asked`."""

    def rested(self) -> None:
        """A chore has ended."""

    def stop(self) -> None:
        """The person stops what is under way."""
        self._chores.stop()

    def end(self) -> bool:
        """Cancel everything; says whether all threads are gone."""
        gone = [lane.end(GOODBYE_SECONDS) for lane in self._lanes]
        return all(gone)

    def submit(
        self,
        work: Callable[[Any, Callable[[Json], None]], Any],
        message: str,
        done: Callable[[Any], None],
        asked: bool = True,
    ) -> None:
        """Do `work` in the thread, in place of what is under way; `done` gets what it returns."""

        def ended(call: Callable[[], None]) -> None:
            self._state.rested()
            call()
            self.rested()

        self._state.began(message, asked)
        self._chores.submit(
            Errand(
                work,
                lambda answer, _: ended(lambda: done(answer)),
                lambda problem: ended(lambda: self._state.failed(problem)),
                lambda: ended(lambda: None),
                self._state.progress,
            )
        )
