"""One job of the engine, from a layer's pixels to the faces that come back. No gi here: it runs in a thread.

Requests and results are shaped as in engine/messages.py; `Work.run` is everything that happens on the socket.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import launch
from .client import BYTES_PER_PIXEL, Client, EngineProblem
from .parasite import Note, Rect
from .words import _, said

Report = Callable[[str, float | None], None]

MAX_PIXELS = 200_000_000
MAX_SIDE = 65_535


@dataclass(frozen=True)
class Picture:
    """Pixels as they travel: rows from the top, tightly packed, in a format of engine/messages.py."""

    width: int
    height: int
    format: str
    pixels: bytes


@dataclass(frozen=True)
class Face:
    """What came back for one face. `layer` is None where nothing was edited: the photograph's pixels stay."""

    number: int
    rect: Rect
    layer: Picture | None
    layer_mask: Picture
    id: str
    inversion: bytes | None
    edits: dict[str, float]


@dataclass(frozen=True)
class Answer:
    """All faces of a job, the model that made them, and where a dialog's person wants them (results.py)."""

    model: str
    faces: list[Face]
    placement: str


@dataclass(frozen=True)
class Filling:
    """What fills a region: pixels and layer mask over `rect`. `warning` is a sentence, or empty."""

    rect: Rect
    layer: Picture
    layer_mask: Picture
    warning: str


class Work:
    """What a procedure wants of the engine.

    `request` lacks only the picture; with `note` the face is taken up again from its inversion. Without, only faces
    whose middle is `selected` (Y u8, as large as the picture) are taken. `face_edits` are strengths of single faces by
    their numbers, in place of those in the request; `layer_mask` (Y u8) is what a dialog begins with. `folder` is the
    installed plug-in's, where location.json lies. Nothing here cancels: GIMP's Cancel kills the plug-in, and the engine
    takes the closed connection for a cancel.
    """

    def __init__(
        self,
        folder: Path,
        picture: Picture,
        request: dict[str, Any],
        note: Note | None = None,
        selected: Picture | None = None,
        face_edits: dict[int, dict[str, float]] | None = None,
        layer_mask: Picture | None = None,
    ) -> None:
        self._folder = folder
        self._picture = picture
        self._request = request
        self._note = note
        self._selected = selected
        self._face_edits = face_edits or {}
        self._layer_mask = layer_mask

    def run(self, report: Report) -> Answer:
        """Start the engine if need be, run the job, fetch what it made.

        `report` is called in this thread with a sentence and a fraction, or None when none can be told. Raises
        `EngineProblem`, and `JobCancelled` when the dialog was closed.
        """
        home, client = _engine(self._folder, report)
        request = self._request | {"picture": _sent(client, self._picture), "faces": sorted(self._face_edits)}
        if self._note is not None:
            request["inversions"] = [self._known_inversion(client, self._note)]
        if self._layer_mask is not None:
            request["layer_mask"] = _sent(client, self._layer_mask)
        if self._selected is not None and self._note is None:
            request["faces"] = _selected_faces(client, request, self._selected, report)
        if self._face_edits:
            request |= self._edits_of_faces(client, request, report)
        if request["kind"] == "dialog":
            report(_("Likeness: the dialog is open"), None)
        result = client.run(request, lambda event: tell(event, report))
        keep = _keeps_inversions(home)
        faces = [self._face(client, face, keep) for face in result["faces"]]
        return Answer(result["model"], faces, result["result"])

    def _edits_of_faces(self, client: Client, request: dict[str, Any], report: Report) -> dict[str, Any]:
        """What an edit request says of single faces. It names them by their inversions, which are made first."""
        wanted = {name: request[name] for name in ("picture", "faces", "refine_steps", "model")}
        found = client.run({"kind": "invert"} | wanted, lambda event: tell(event, report))["faces"]
        own = {
            face["inversion"]: {"number": face["number"], "edits": self._face_edits[face["number"]]}
            for face in found
        }
        return {"inversions": list(own), "face_edits": own}

    def _known_inversion(self, client: Client, note: Note) -> str:
        if note.inversion is None:
            return note.id
        return client.add_inversion(note.inversion)["id"]

    def _face(self, client: Client, result: dict[str, Any], keep_inversion: bool) -> Face:
        edits = {name: float(strength) for name, strength in result["edits"].items() if strength}
        x, y, width, height = result["rect"]
        wanted = self._picture.format
        return Face(
            number=int(result["number"]),
            rect=(x, y, width, height),
            layer=_fetch(client, result["layer"]["id"], width, height, wanted) if edits else None,
            layer_mask=_fetch(client, result["layer_mask"]["id"], width, height, "Y u8"),
            id=result["inversion"],
            inversion=client.inversion(result["inversion"]) if keep_inversion else None,
            edits=edits,
        )


class ModelsWork:
    """What *Models…* and *Settings…* want of the engine: the window, until that is closed. See `Work`."""

    def __init__(self, folder: Path, environment: dict[str, str], window: str = "models") -> None:
        self._folder = folder
        self._environment = environment
        self._window = window

    def run(self, report: Report) -> None:
        """As `Work.run`."""
        _, client = _engine(self._folder, report)
        client.models_dialog(self._environment, lambda event: tell(event, report), self._window)


class RestoreWork:
    """What *Restore Face…* wants of the engine: a picture's `region` (Y u8, as large) filled. See `Work`."""

    def __init__(self, folder: Path, picture: Picture, region: Picture, request: dict[str, Any]) -> None:
        self._folder = folder
        self._picture = picture
        self._region = region
        self._request = request

    def run(self, report: Report) -> Filling:
        """As `Work.run`."""
        _, client = _engine(self._folder, report)
        pictures = {"picture": _sent(client, self._picture), "region": _sent(client, self._region)}
        result = client.run(self._request | pictures, lambda event: tell(event, report))
        x, y, width, height = result["rect"]
        return Filling(
            rect=(x, y, width, height),
            layer=_fetch(client, result["layer"]["id"], width, height, self._picture.format),
            layer_mask=_fetch(client, result["layer_mask"]["id"], width, height, "Y u8"),
            warning=result["warning"],
        )


def _engine(folder: Path, report: Report) -> tuple[Path, Client]:
    """The home, and the way to its engine, which is started if need be."""
    home, command = launch.read_location(folder)
    client = launch.ensure_engine(
        home, command, on_wait=lambda: report(_("Likeness: starting the engine…"), None)
    )
    return home, client


def _selected_faces(client: Client, request: dict[str, Any], selected: Picture, report: Report) -> list[int]:
    """The numbers of those faces that the request is about whose middle is selected. Where the picture has none that it
    is about, they stay as they are: the engine says so. Raises `EngineProblem` where none is selected."""
    detect = {"kind": "detect", "picture": request["picture"]}
    found = client.run(detect, lambda event: tell(event, report))["faces"]
    wanted = [request["face"]] if request["face"] else request["faces"]
    there = [face for face in found if not wanted or face["number"] in wanted]
    inside = [face["number"] for face in there if _is_selected(face["box"], selected)]
    if there and not inside:
        which = (
            _("Face {wanted} does not lie").format(wanted=wanted[0]) if len(wanted) == 1 else _("No face lies")
        )
        raise EngineProblem(
            "no_face",
            _("{which} in the selection.").format(which=which),
            _("Select what is to be taken up to the middle of the face, or select nothing: then all are."),
        )
    return inside or wanted


def _is_selected(box: list[float], selected: Picture) -> bool:
    """Whether the middle of a box (x, y, width, height) is selected, by more than half."""
    x, y = int(box[0] + box[2] / 2), int(box[1] + box[3] / 2)
    within = 0 <= x < selected.width and 0 <= y < selected.height
    return within and selected.pixels[y * selected.width + x] > 127


def _sent(client: Client, picture: Picture) -> str:
    return client.send_picture(picture.width, picture.height, picture.format, picture.pixels)["id"]


def tell(event: dict[str, Any], report: Report) -> None:
    """Report an event of the engine, if it is one of progress."""
    if event["event"] == "progress":
        left = event.get("seconds_left")
        more = f" ({left:.0f} s)" if left is not None and left >= 2 else ""
        report(f"Likeness: {said(event['message'])}{more}", float(event["fraction"]))


def _fetch(client: Client, identity: str, width: int, height: int, pixel_format: str) -> Picture:
    """Fetch a picture and hold it against what it must be: GEGL would write nothing and only grumble."""
    shape, pixels = client.fetch_picture(identity)
    found = (shape["width"], shape["height"], shape["format"], len(pixels))
    expected = (width, height, pixel_format, width * height * BYTES_PER_PIXEL[pixel_format])
    if found != expected:
        raise EngineProblem(
            "internal",
            _("The engine sent {found} where {expected} was due.").format(found=found, expected=expected),
            _("See its log."),
        )
    return Picture(width, height, pixel_format, bytes(pixels))


def _keeps_inversions(home: Path) -> bool:
    """The setting `keep_parasites`: whether layers carry the inversion itself, or only its id."""
    try:
        return json.loads((home / "settings.json").read_text("utf-8")).get("keep_parasites") is not False
    except (OSError, ValueError, AttributeError):
        return True
