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
        self.boxes = [(0.0, 0.0, 4.0, 4.0), (4.0, 0.0, 4.0, 4.0), (0.0, 4.0, 4.0, 4.0)]

    def send_picture(self, width: int, height: int, pixel_format: str, pixels: bytes) -> dict[str, Any]:
        if pixel_format == "Y u8" and (width, height) == (4, 3):
            return {"id": "layer mask"}
        if pixel_format == "Y u8":
            assert (width, height, pixels) == (REGION.width, REGION.height, REGION.pixels)
            return {"id": "region"}
        assert (width, height, pixel_format, pixels) == (SENT.width, SENT.height, SENT.format, SENT.pixels)
        return {"id": "sent"}

    def run(self, request: dict[str, Any], on_event: Any) -> dict[str, Any]:
        self.requests.append(request)
        on_event({"event": "accepted", "job": "1"})
        on_event({"event": "progress", "fraction": 0.5, "message": "inverting", "seconds_left": 3.2})
        if request["kind"] == "detect":
            return {"faces": [{"number": n, "box": box} for n, box in enumerate(self.boxes, 1)]}
        if request["kind"] == "invert":
            return {"faces": [{"number": n, "inversion": f"inversion of {n}"} for n in request["faces"]]}
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
        return {"kind": "edit", "model": "default", "faces": [face], "result": "group"}

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
    assert client.requests == [{"kind": "edit", "picture": "sent", "faces": []}]
    assert answer.placement == "group"
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


def test_a_dialog_begins_with_the_layer_mask(client: StandIn, tmp_path: Path) -> None:
    layer_mask = Picture(4, 3, "Y u8", bytes(12))
    Work(tmp_path, SENT, {"kind": "dialog"}, note(None), layer_mask=layer_mask).run(lambda *_: None)
    assert client.requests[0]["layer_mask"] == "layer mask"


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


RIGHT_HALF = Picture(8, 6, "Y u8", bytes([0, 0, 0, 0, 255, 255, 255, 255] * 6))
NOTHING = Picture(8, 6, "Y u8", bytes([127] * 48))


def chosen(tmp_path: Path, face: int = 0, selected: Picture | None = None, **edits: dict[str, float]) -> Work:
    request = {"kind": "edit", "face": face, "refine_steps": None, "model": None, "edits": {}}
    face_edits = {int(name.removeprefix("face")): own for name, own in edits.items()}
    return Work(tmp_path, SENT, request, None, selected, face_edits)


def test_only_faces_whose_middle_is_selected_are_taken(client: StandIn, tmp_path: Path) -> None:
    chosen(tmp_path, selected=RIGHT_HALF).run(lambda *_: None)
    assert [request["kind"] for request in client.requests] == ["detect", "edit"]
    assert client.requests[-1]["faces"] == [2]


@pytest.mark.parametrize(
    ("face", "selected", "said"),
    [(0, NOTHING, "No face lies"), (1, RIGHT_HALF, "Face 1 does not lie"), (3, RIGHT_HALF, "Face 3 does")],
)
def test_a_selection_without_a_face(
    client: StandIn, tmp_path: Path, face: int, selected: Picture, said: str
) -> None:
    """The box of face 3 ends below the picture, too."""
    client.boxes[2] = (0.0, 4.0, 4.0, 40.0)
    with pytest.raises(EngineProblem, match=said) as caught:
        chosen(tmp_path, face, selected).run(lambda *_: None)
    assert caught.value.code == "no_face"
    assert caught.value.remedy


@pytest.mark.parametrize("face", [0, 4])
def test_without_faces_the_engine_says_so(client: StandIn, tmp_path: Path, face: int) -> None:
    client.boxes = []
    chosen(tmp_path, face, NOTHING).run(lambda *_: None)
    assert client.requests[-1]["face"] == face
    assert client.requests[-1]["faces"] == ([face] if face else [])


def test_a_layer_that_is_taken_up_again_needs_no_selection(client: StandIn, tmp_path: Path) -> None:
    Work(tmp_path, SENT, {"kind": "edit"}, note(None), NOTHING).run(lambda *_: None)
    assert [request["kind"] for request in client.requests] == ["edit"]


def test_faces_with_edits_of_their_own(client: StandIn, tmp_path: Path) -> None:
    chosen(tmp_path, face1={"smile": 1.0}, face3={"age": -0.5}).run(lambda *_: None)
    invert, edit = client.requests
    assert (invert["kind"], invert["faces"]) == ("invert", [1, 3])
    assert edit["inversions"] == ["inversion of 1", "inversion of 3"]
    assert edit["face_edits"] == {
        "inversion of 1": {"number": 1, "edits": {"smile": 1.0}},
        "inversion of 3": {"number": 3, "edits": {"age": -0.5}},
    }


def test_faces_with_edits_of_their_own_in_a_selection(client: StandIn, tmp_path: Path) -> None:
    work = chosen(tmp_path, selected=RIGHT_HALF, face1={"smile": 1.0}, face2={"age": -0.5})
    work.run(lambda *_: None)
    assert list(client.requests[-1]["face_edits"]) == ["inversion of 2"]
    with pytest.raises(EngineProblem, match="No face lies"):
        chosen(tmp_path, selected=RIGHT_HALF, face1={}, face3={}).run(lambda *_: None)


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
