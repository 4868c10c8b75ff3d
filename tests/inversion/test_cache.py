"""The cache: what is kept is found, what is damaged is set aside and named, a full disk harms nothing."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import shutil
from types import SimpleNamespace

import pytest

from engine.errors import BadRequest, DiskFull, InversionDamaged, InversionMissing
from engine.inversion.cache import InversionCache
from engine.inversion.types import Inversion, to_bytes
from engine.paths import Home


@pytest.fixture
def cache(home: Home) -> InversionCache:
    home.create()
    return InversionCache(home.inversions)


def names(cache: InversionCache) -> set[str]:
    return {path.name for path in cache.folder.iterdir()}


def test_what_is_kept_is_found(cache: InversionCache, inversion: Inversion) -> None:
    assert cache.find(inversion.id) is None
    with pytest.raises(InversionMissing):
        cache.get(inversion.id)
    assert cache.keep(inversion) == inversion.id
    assert cache.get(inversion.id).id == inversion.id
    assert names(cache) == {f"{inversion.id}.safetensors"}
    with pytest.raises(BadRequest):
        cache.find("../engine")


@pytest.mark.parametrize("damage", ["cut", "flipped", "another", "too large"])
def test_damage_is_set_aside_and_named(
    cache: InversionCache, inversion: Inversion, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    honest = bytearray(to_bytes(inversion))
    if damage == "flipped":
        honest[-5] ^= 1
    data = {
        "cut": honest[:-1],
        "flipped": honest,
        "another": to_bytes(dataclasses.replace(inversion, refine_steps=8)),
        "too large": bytes(16_000_001),
    }[damage]
    (cache.folder / f"{inversion.id}.safetensors").write_bytes(data)
    with caplog.at_level(logging.WARNING), pytest.raises(InversionDamaged, match=f"{inversion.id}.damaged"):
        cache.get(inversion.id)
    assert f"{inversion.id}.damaged" in caplog.text
    assert names(cache) == {f"{inversion.id}.damaged"}
    assert cache.find(inversion.id) is None
    cache.keep(inversion)
    assert cache.find(inversion.id) is not None, "it can be made again"


@pytest.mark.parametrize("moment", ["before", "amid"])
def test_f34_the_disk_is_full(
    cache: InversionCache, inversion: Inversion, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(inversion)
    before = (cache.folder / f"{inversion.id}.safetensors").read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if moment == "before":
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    else:
        monkeypatch.setattr(os, "fsync", full)
    for one in (inversion, dataclasses.replace(inversion, refine_steps=8)):
        with pytest.raises(DiskFull) as caught:
            cache.keep(one)
        assert caught.value.remedy
    monkeypatch.undo()
    assert names(cache) == {f"{inversion.id}.safetensors"}
    assert (cache.folder / f"{inversion.id}.safetensors").read_bytes() == before
