"""Pixels as they come from the engine, made ready for the screen. Numpy only; runs in the session's threads."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from engine.messages import FaceResult, Rect

ROWS = 64
REMEMBERED_BYTES = 128 << 20  # the masks of an edit are those of its inversion


class FetchesPictures(Protocol):
    def fetch_picture(self, identity: str, /) -> tuple[dict[str, Any], bytes]: ...


@dataclass(frozen=True)
class FaceLayers:
    """One face's answer, 8 bits a channel, alpha not premultiplied. All arrays lie over `rect`, perhaps scaled.

    `result` (h, w, 4) is the engine's layer with the layer mask multiplied into its alpha, so that painting it
    over the photograph gives photo + (layer − photo) · mask / 255. `shows` (h, w) is the layer mask (255 = the
    layer shows), `generated` (h, w, 4) is G(w + d).
    """

    number: int
    inversion: str
    box: tuple[float, float, float, float]
    rect: Rect
    result: np.ndarray
    shows: np.ndarray
    generated: np.ndarray
    landmark_error: float
    invertibility_mask_area: float
    from_cache: bool
    edits: dict[str, float]


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


class Fetcher:
    """Fetches pictures by their id, and remembers the latest: equal ids are equal pixels."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()

    def rgba(self, client: FetchesPictures, identity: str) -> np.ndarray:
        if identity in self._known:
            self._known.move_to_end(identity)
            return self._known[identity]
        facts, pixels = client.fetch_picture(identity)
        found = to_rgba(facts["format"], facts["width"], facts["height"], pixels)
        self._known[identity] = found
        while len(self._known) > 1 and sum(p.nbytes for p in self._known.values()) > REMEMBERED_BYTES:
            self._known.popitem(last=False)
        return found

    def face(self, client: FetchesPictures, face: FaceResult) -> FaceLayers:
        """Everything of one face that a dialog shows."""
        layer = self.rgba(client, face.layer.id)
        height, width = layer.shape[:2]
        shows = _sized(self.rgba(client, face.layer_mask.id)[..., 0], width, height)
        result = layer.copy()
        result[..., 3] = (layer[..., 3].astype(np.uint16) * shows + 127) // 255
        return FaceLayers(
            number=face.number,
            inversion=face.inversion,
            box=face.box,
            rect=face.rect,
            result=result,
            shows=shows,
            generated=self.rgba(client, face.generated.id),
            landmark_error=face.landmark_error,
            invertibility_mask_area=face.invertibility_mask_area,
            from_cache=face.from_cache,
            edits=dict(face.edits),
        )


def _sized(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    """A plane brought to the layer's size, should the engine have sent it in another."""
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)
