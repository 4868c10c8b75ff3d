"""Waiting for the engine without holding up GIMP.

The socket belongs to a thread, libgimp to the main thread, which runs a GLib loop meanwhile: GIMP's progress
bar moves, and a plug-in whose GIMP has died ends at once, which closes its socket, which cancels its job.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar, cast

from gi.repository import Gimp, GLib  # pyright: ignore[reportMissingImports]

Answer = TypeVar("Answer")

HEARTBEAT_MS = 250


class _Attendance:
    """One wait. The thread only ever calls `report` and `GLib.idle_add`."""

    def __init__(self, task: Callable, title: str) -> None:
        self._task = task
        self._loop = GLib.MainLoop()
        self._parent = os.getppid()
        self._text, self._fraction = title, None
        self._shown = (title, None)
        self.answer = None
        self.error: BaseException | None = None

    def wait(self) -> None:
        Gimp.progress_init(self._text)
        thread = threading.Thread(target=self._work, name="engine", daemon=True)
        beat = GLib.timeout_add(HEARTBEAT_MS, self._beat)
        thread.start()
        try:
            self._loop.run()
        finally:
            GLib.source_remove(beat)
            Gimp.progress_end()

    def report(self, text: str, fraction: float | None) -> None:
        self._text, self._fraction = text, fraction

    def _work(self) -> None:
        try:
            self.answer = self._task(self.report)
        except BaseException as error:
            self.error = error
        GLib.idle_add(self._loop.quit)

    def _beat(self) -> bool:
        if os.getppid() != self._parent:
            os._exit(1)
        text, fraction = self._text, self._fraction
        if (text, fraction) != self._shown:
            self._shown = (text, fraction)
            Gimp.progress_set_text(text)
            if fraction is not None:
                Gimp.progress_update(fraction)
        if fraction is None:
            Gimp.progress_pulse()
        return GLib.SOURCE_CONTINUE


def attend(task: Callable[[Callable[[str, float | None], None]], Answer], title: str) -> Answer:
    """Run `task(report)` in a thread and return what it returns, or raise what it raises."""
    attendance = _Attendance(task, title)
    attendance.wait()
    if attendance.error is not None:
        raise attendance.error
    return cast(Answer, attendance.answer)
