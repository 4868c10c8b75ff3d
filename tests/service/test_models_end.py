"""Requests about models when the engine ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from engine.paths import Home
from engine.service import models
from engine.service.core import Commands, Engine
from engine.settings import Settings


def test_the_work_is_cancelled_once_and_awaited(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process takes a while to end, and its client hangs up meanwhile."""
    monkeypatch.setattr(models, "WATCH_SECONDS", 0.01)
    home.create()
    ended: list[str] = []

    async def work(tell: models.Tell) -> models.Json:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            ended.append("tidily")
        return {}

    async def life() -> list[bytes]:
        engine = Engine(home, Settings(), Commands())
        stream = models._Stream(work, engine)
        await asyncio.sleep(0.05)
        assert engine.status().models == 1, "an installer waits for it"
        engine.stop()
        ending = asyncio.create_task(engine.end())
        await asyncio.sleep(0.1)
        with pytest.raises(ClientDisconnect):
            await stream({"type": "http", "asgi": {"spec_version": "2.4"}}, _nothing, _hung_up)
        await ending
        assert ended == ["tidily"]
        assert engine.status().models == 0
        return [line async for line in stream._lines()]

    assert asyncio.run(life()) == [b'{"event": "cancelled"}\n']


async def _nothing() -> Any:
    return {"type": "http.disconnect"}


async def _hung_up(message: Any) -> None:
    raise ConnectionError
