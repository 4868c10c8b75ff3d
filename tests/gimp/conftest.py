"""The tests with a real GIMP 3 share one desk; without a GIMP they are skipped, and the run's end says so.

Where CI is set they fail instead: there they have to run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.gimp.chroot import Gimp3, NoGimp, ensure, ensure_qt_libraries
from tests.gimp.desk import Desk
from tests.gimp.windows import Screen


@pytest.fixture(scope="session")
def gimp3() -> Gimp3:
    try:
        return ensure()
    except NoGimp as error:
        _skip(f"no GIMP 3: {error}")


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


def _skip(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
