"""The tests with a real GIMP 3 share one desk; without a GIMP they are skipped, and the run's end says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gimp.chroot import Gimp3, NoGimp, ensure
from tests.gimp.desk import Desk

_missing: list[str] = []


@pytest.fixture(scope="session")
def gimp3() -> Gimp3:
    try:
        return ensure()
    except NoGimp as error:
        _missing.append(str(error))
        pytest.skip(f"no GIMP 3: {error}")


@pytest.fixture(scope="session")
def desk(gimp3: Gimp3) -> Iterator[Desk]:
    desk = Desk(gimp3)
    yield desk
    desk.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _missing:
        terminalreporter.section("GIMP", red=True, bold=True)
        terminalreporter.line(f"The tests in real GIMP 3 did NOT run: {_missing[0]}")
