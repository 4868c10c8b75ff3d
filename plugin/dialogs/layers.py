"""Pixels as they come from the engine, made ready for the screen. Numpy only; runs in the session's threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from engine.messages import Detector, FaceEdit, FaceResult, Rect
from plugin.dialogs.painting import Painting, sized

ROWS = 64
REMEMBERED_BYTES = 128 << 20  # the masks of an edit are those of its inversion


class TakesPictures(Protocol):
    def send_picture(self, width: int, height: int, pixel_format: str, pixels: bytes, /) -> dict[str, Any]: ...


class FetchesPictures(Protocol):
    def fetch_picture(self, identity: str, /) -> tuple[dict[str, Any], bytes]: ...


@dataclass(frozen=True)
class FaceLayers:
    """One face's answer, 8 bits a channel, alpha not premultiplied. All arrays lie over `rect`, perhaps scaled.

    `layer` (h, w, 4) is the engine's, `shows` (h, w) its layer mask (255 = the layer shows), `generated`
    (h, w, 4) is G(w + d), `flow` (h', w', 4) the alignment flow in colours, where it was asked for;
    `detector` found mask and flow. `identity` says how alike the person is before and after, 1 = the same, None where
    nothing was edited; `held_back` what the strengths were multiplied by to keep it.
    """

    number: int
    inversion: str
    box: tuple[float, float, float, float]
    rect: Rect
    layer: np.ndarray
    shows: np.ndarray
    generated: np.ndarray
    landmark_error: float
    invertibility_mask_area: float
    from_cache: bool
    edits: dict[str, float]
    warning: str = ""
    detector: Detector = "landmarks"
    flow: np.ndarray | None = None
    identity: float | None = None
    held_back: float = 1.0
    asked: FaceEdit | None = None
    kept: float | None = None

    @property
    def asked_for(self) -> tuple[FaceEdit, float | None]:
        """What it was made with: the face's edits and mask, and the least likeness that was to be kept."""
        asked = self.asked or FaceEdit(number=self.number)
        return asked, self.kept if asked.edits else None

    @cached_property
    def result(self) -> np.ndarray:
        """(h, w, 4): the layer with the mask in its alpha, so that painting it over the photograph gives
        photo + (layer − photo) · mask / 255."""
        result = self.layer.copy()
        result[..., 3] = (self.layer[..., 3].astype(np.uint16) * self.shows + 127) // 255
        return result

    def masked(self, shows: np.ndarray) -> FaceLayers:
        """With another layer mask, uint8 of any size over `rect`."""
        height, width = self.layer.shape[:2]
        return replace(self, shows=sized(shows, width, height))


def to_rgba(pixel_format: str, width: int, height: int, pixels: bytes) -> np.ndarray:
    """(height, width, 4) uint8 of any format of the protocol; floats are clipped to [0, 1]."""
    if pixel_format == "RGBA float":
        return _to_bytes(np.frombuffer(pixels, np.float32).reshape(height, width, 4))
    channels = {"RGBA u8": 4, "RGB u8": 3, "Y u8": 1}[pixel_format]
    found = np.frombuffer(pixels, np.uint8).reshape(height, width, channels)
    if channels == 4:
        return found
    rgba = np.full((height, width, 4), 255, np.uint8)
    rgba[..., :3] = found
    return rgba


def _to_bytes(floats: np.ndarray) -> np.ndarray:
    """0…1 to 0…255, rounded; NaN becomes 0. A few rows at a time: 24 megapixels in a fraction of a second."""
    found = np.empty(floats.shape, np.uint8)
    for top in range(0, len(floats), ROWS):
        rows = np.fmax(floats[top : top + ROWS], 0)  # fmax and fmin leave NaN out
        np.fmin(rows, 1, out=rows)
        rows *= 255
        rows += 0.5
        found[top : top + ROWS] = rows
    return found


def fetched(client: FetchesPictures, identity: str) -> np.ndarray:
    """A picture of the engine's as `to_rgba` gives it."""
    facts, pixels = client.fetch_picture(identity)
    return to_rgba(facts["format"], facts["width"], facts["height"], pixels)


class Fetcher:
    """Fetches pictures by their id, and remembers the latest: equal ids are equal pixels."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()

    def rgba(self, client: FetchesPictures, identity: str) -> np.ndarray:
        if identity in self._known:
            self._known.move_to_end(identity)
            return self._known[identity]
        found = self._known[identity] = fetched(client, identity)
        while len(self._known) > 1 and sum(p.nbytes for p in self._known.values()) > REMEMBERED_BYTES:
            self._known.popitem(last=False)
        return found

    def face(self, client: FetchesPictures, face: FaceResult) -> FaceLayers:
        """Everything of one face that a dialog shows."""
        layer = self.rgba(client, face.layer.id)
        height, width = layer.shape[:2]
        return FaceLayers(
            number=face.number,
            inversion=face.inversion,
            box=face.box,
            rect=face.rect,
            layer=layer,
            shows=sized(self.rgba(client, face.layer_mask.id)[..., 0], width, height),
            generated=self.rgba(client, face.generated.id),
            landmark_error=face.landmark_error,
            invertibility_mask_area=face.invertibility_mask_area,
            from_cache=face.from_cache,
            edits=dict(face.edits),
            warning=face.warning,
            detector=face.detector,
            flow=self.rgba(client, face.flow.id) if face.flow else None,
            identity=face.identity_similarity if face.edits else None,
            held_back=face.strength_factor,
        )


def send_masks(client: TakesPictures, masks: Sequence[Painting]) -> None:
    """Give the engine painted masks, whether it has them already or not; not those that came from it."""
    for mask in masks:
        if mask.came_as:
            continue
        height, width = mask.shows.shape
        client.send_picture(width, height, "Y u8", mask.shows.tobytes())
