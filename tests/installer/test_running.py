"""An engine that runs during an upgrade: what it has begun ends first, then it goes; open windows hold it only so long."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.paths import Home
from installer import running, setup
from installer.environment import Ingredients
from installer.errors import InstallError
from installer.gimps import Gimps
from installer.plan import Plan, Request
from plugin.likeness.client import Client, EngineProblem
from plugin.likeness.launch import ensure_engine
from tests.conftest import START, left_over


class BusyEngine:
    """Has a job, or imports a model, the first two times it is asked."""

    def __init__(self, begun: dict[str, object]) -> None:
        self.asked = 0
        self._begun = begun

    def connect(self, home: Path) -> BusyEngine:
        return self

    def status(self) -> dict[str, object]:
        self.asked += 1
        return {"jobs": []} | (self._begun if self.asked < 3 else {})


@pytest.fixture(params=[{"jobs": [{"kind": "edit"}]}, {"models": 1}], ids=["a job", "an import"])
def busy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> BusyEngine:
    engine = BusyEngine(request.param)
    monkeypatch.setattr(running, "Client", engine)
    monkeypatch.setattr(running, "POLL_SECONDS", 0.0)
    return engine


def test_what_has_begun_is_waited_for(busy: BusyEngine, tmp_path: Path) -> None:
    said: list[str] = []
    running.let_finish(tmp_path, said.append)
    assert said == ["the running engine finishes what it has begun (1)"] * 2


def test_but_not_for_ever(busy: BusyEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "JOBS_SECONDS", 0)
    with pytest.raises(InstallError, match="Close its windows"):
        running.let_finish(tmp_path, lambda _: None)


def test_no_environment_is_made_while_jobs_do_not_end(
    busy: BusyEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: object) -> None:
        raise AssertionError("made in vain")

    ingredients = Ingredients(Path("python"), tmp_path / "wheel", "", "cpu", None)
    plan = Plan(tmp_path, "0.1.0", b"", ingredients, Gimps((), {}), None, 0, [])
    monkeypatch.setattr(running, "JOBS_SECONDS", 0)
    monkeypatch.setattr(setup, "look", lambda *_: plan)
    monkeypatch.setattr(setup, "switch_off", lambda _: None)
    monkeypatch.setattr(setup.environment, "make", make)
    with pytest.raises(InstallError, match="Close its windows"):
        setup.bring(Request("install", tmp_path), yes=True, dry_run=False)
    assert not list(tmp_path.iterdir())


def test_a_real_engine_is_ended(home: Home) -> None:
    running.stop_engine(home.root)  # none runs
    ensure_engine(home.root, START)
    running.let_finish(home.root, lambda _: None)
    running.stop_engine(home.root)
    assert not left_over(home)
    with pytest.raises(EngineProblem):
        Client.connect(home.root)
