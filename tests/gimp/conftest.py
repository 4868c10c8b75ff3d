"""The tests with a real GIMP 3 share one desk; without a GIMP they are skipped, and the run's end says so.

Where CI is set they fail instead: there they have to run.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.gimp.chroot import Gimp3, NoGimp, ensure, ensure_qt_libraries
from tests.gimp.desk import Desk, until
from tests.gimp.windows import Screen, WindowGimp


@pytest.fixture(scope="session")
def gimp3() -> Gimp3:
    return gimp_or_skip()


@pytest.fixture(scope="session")
def desk(gimp3: Gimp3) -> Iterator[Desk]:
    desk = Desk(gimp3)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def screen(desk: Desk) -> Iterator[Screen]:
    if reason := desk.gimp.lacks_windows() or ensure_qt_libraries():
        _skip(f"no windows: {reason}")
    screen = Screen(desk)
    yield screen
    screen.close()


@pytest.fixture(scope="module")
def shared_gimp(desk: Desk, screen: Screen) -> Iterator[list[WindowGimp]]:
    """One GIMP for all tests; the list is empty until somebody needs it, and after it was killed."""
    running: list[WindowGimp] = []
    yield running
    for gimp in running:
        gimp.close()


@pytest.fixture
def gimp(desk: Desk, screen: Screen, shared_gimp: list[WindowGimp]) -> Iterator[WindowGimp]:
    if shared_gimp and shared_gimp[0].process.poll() is not None:
        shared_gimp.pop().close()
    if not shared_gimp:
        shared_gimp.append(WindowGimp(desk, screen))
    yield shared_gimp[0]
    for pid in desk.dialogs():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not desk.dialogs() and not desk.plugins(), 10)
    if shared_gimp[0].process.poll() is None and not shared_gimp[0].answers():  # the next test gets a fresh one
        with contextlib.suppress(AssertionError):
            screen.shoot("gimp-stuck")
        shared_gimp.pop().close()


def gimp_or_skip(version: str | None = None) -> Gimp3:
    """A GIMP 3. Without one the test is skipped, or fails where CI is set; the run's last lines say so."""
    try:
        return ensure(version)
    except NoGimp as error:
        _skip(f"no GIMP 3: {error}")


def _skip(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
