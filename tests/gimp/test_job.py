"""What the plug-in does on the socket, against a stand-in for the client. No GIMP needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plugin.likeness import launch
from plugin.likeness.client import EngineProblem
from plugin.likeness.job import Picture, RestoreWork, Work
from plugin.likeness.parasite import Note

SENT = Picture(8, 6, "RGBA float", bytes(8 * 6 * 16))
REGION = Picture(8, 6, "Y u8", bytes(range(48)))
IDENTITY = "ab" * 32


class StandIn:
    """A client whose engine finds one face."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.added: list[bytes] = []
        self.edits = {"smile": 1.0, "age": 0.0}
        self.number = 1
        self.layer_format = "RGBA float"

    def send_picture(self, width: int, height: int, pixel_format: str, pixels: bytes) -> dict[str, Any]:
        if pixel_format == "Y u8":
            assert (width, height, pixels) == (REGION.width, REGION.height, REGION.pixels)
            return {"id": "region"}
        assert (width, height, pixel_format, pixels) == (SENT.width, SENT.height, SENT.format, SENT.pixels)
        return {"id": "sent"}

    def run(self, request: dict[str, Any], on_event: Any) -> dict[str, Any]:
        self.requests.append(request)
        on_event({"event": "accepted", "job": "1"})
        on_event({"event": "progress", "fraction": 0.5, "message": "inverting", "seconds_left": 3.2})
        face = {
            "number": self.number,
            "inversion": IDENTITY,
            "rect": [1, 2, 4, 3],
            "layer": {"id": "layer"},
            "layer_mask": {"id": "mask"},
            "edits": self.edits,
        }
        if request["kind"] == "restore":
            return {**face, "kind": "restore", "model": "default", "warning": "Look at it."}
        return {"kind": "edit", "model": "default", "faces": [face]}

    def fetch_picture(self, identity: str) -> tuple[dict[str, Any], bytes]:
        if identity == "mask":
            return {"width": 4, "height": 3, "format": "Y u8"}, bytes(12)
        return {"width": 4, "height": 3, "format": self.layer_format}, bytes(12 * 16)

    def inversion(self, identity: str) -> bytes:
        return b"inversion " + identity.encode()

    def add_inversion(self, data: bytes) -> dict[str, Any]:
        self.added.append(data)
        return {"id": IDENTITY}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    client = StandIn()
    monkeypatch.setattr(launch, "read_location", lambda _: (tmp_path, ["engine"]))
    monkeypatch.setattr(launch, "ensure_engine", lambda *_, on_wait: (on_wait(), client)[1])
    return client


def note(inversion: bytes | None) -> Note:
    return Note("cd" * 32, inversion, {}, 5, "default", "ef" * 16, 1, (8, 6), (1, 2, 4, 3))


def work(tmp_path: Path, kind: str = "edit", taken_up: Note | None = None) -> Work:
    return Work(tmp_path, SENT, {"kind": kind}, taken_up)


def test_an_edited_face_comes_back_whole(client: StandIn, tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    answer = work(tmp_path).run(lambda text, fraction: told.append((text, fraction)))
    (face,) = answer.faces
    assert client.requests == [{"kind": "edit", "picture": "sent"}]
    assert (answer.model, face.number, face.rect, face.edits) == ("default", 1, (1, 2, 4, 3), {"smile": 1.0})
    assert face.layer is not None
    assert (face.layer.format, face.layer_mask.format) == ("RGBA float", "Y u8")
    assert face.inversion == b"inversion " + IDENTITY.encode()
    assert told == [("Likeness: starting the engine…", None), ("Likeness: inverting (3 s)", 0.5)]


def test_without_an_edit_the_photographs_pixels_stay(client: StandIn, tmp_path: Path) -> None:
    client.edits = {"smile": 0.0}
    (face,) = work(tmp_path).run(lambda *_: None).faces
    assert face.layer is None
    assert face.edits == {}


def test_a_picture_of_another_format_is_refused(client: StandIn, tmp_path: Path) -> None:
    """GEGL would write nothing and only grumble; an unknown format would end the plug-in."""
    client.layer_format = "RGBA u8"
    with pytest.raises(EngineProblem, match="was due"):
        work(tmp_path).run(lambda *_: None)


def test_a_face_taken_up_again_has_the_number_that_the_engine_says(client: StandIn, tmp_path: Path) -> None:
    """A person may have begun anew in the dialog, with another face."""
    client.number = 3
    (face,) = work(tmp_path, taken_up=note(b"bytes of the parasite")).run(lambda *_: None).faces
    assert client.added == [b"bytes of the parasite"]
    assert client.requests[0]["inversions"] == [IDENTITY]
    assert face.number == 3


def test_a_note_without_the_inversion_names_it(client: StandIn, tmp_path: Path) -> None:
    work(tmp_path, taken_up=note(None)).run(lambda *_: None)
    assert client.added == []
    assert client.requests[0]["inversions"] == ["cd" * 32]


@pytest.mark.parametrize(("settings", "kept"), [({"keep_parasites": False}, False), ({}, True), (None, True)])
def test_the_setting_that_leaves_inversions_out(
    client: StandIn, tmp_path: Path, settings: dict[str, Any] | None, kept: bool
) -> None:
    if settings is not None:
        (tmp_path / "settings.json").write_text(json.dumps(settings))
    (face,) = work(tmp_path).run(lambda *_: None).faces
    assert (face.inversion is not None) is kept
    assert client.requests


def test_a_region_travels_with_its_picture(client: StandIn, tmp_path: Path) -> None:
    filling = RestoreWork(tmp_path, SENT, REGION, {"kind": "restore", "model": None}).run(lambda *_: None)
    assert client.requests == [{"kind": "restore", "model": None, "picture": "sent", "region": "region"}]
    assert (filling.rect, filling.layer.format, filling.layer_mask.format) == (
        (1, 2, 4, 3),
        "RGBA float",
        "Y u8",
    )
    assert filling.warning == "Look at it."
    client.layer_format = "RGBA u8"
    with pytest.raises(EngineProblem, match="was due"):
        RestoreWork(tmp_path, SENT, REGION, {"kind": "restore"}).run(lambda *_: None)
