"""Who it still is: the identity similarity of an edited face, and the brake that keeps it above a chosen value.

Measured by our identity network (engine.networks.identity) between the photograph's face crop and the same crop edited
and blended, both at SIDE pixels: small, and the same whatever the photograph's size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from engine.editing.codes import Edits
from engine.editing.replaced import ReplacedFace
from engine.editing.transfer import PreparedFace, layer_mask
from engine.faces.crop import CropGeometry, Rect
from engine.inversion.fields import resize
from engine.inversion.invert import crop_tensor
from engine.networks.identity import IdentityReader

SIDE = 256  # px
HALVINGS = 6  # of the range in which the brake's factor lies
_WHOLE = Rect(0, 0, SIDE, SIDE)
_GEOMETRY = CropGeometry((0.0, 0.0), (float(SIDE), 0.0))


class IdentityGauge:
    """Measures edits of one prepared face. The photograph itself is read once."""

    def __init__(self, reader: IdentityReader, face: PreparedFace | ReplacedFace) -> None:
        self.face = face
        self._reader = reader

    @torch.no_grad()
    def similarity(self, edits: Edits) -> float:
        """Cosine in [-1,1] between photograph and edited photograph; no edit is 1."""
        if not edits:
            return 1.0
        return min(1.0, float((self._embedding * self._embed(self.edited(edits))).sum()))

    def edited(self, edits: Edits) -> np.ndarray:
        """The crop with these edits blended in, RGBA float32 [SIDE,SIDE,4], 0..255."""
        layer = self.face.layer(self.photo, _GEOMETRY, edits, _WHOLE).astype(np.float32)
        shown = layer_mask(self.face.inversion, _GEOMETRY, _WHOLE).astype(np.float32)[..., None] / 255
        return self.photo + (layer - self.photo) * shown

    @cached_property
    def photo(self) -> np.ndarray:
        """The crop as RGBA uint8 [SIDE,SIDE,4]."""
        pixels = (resize(crop_tensor(self.face.inversion.crop), SIDE)[0] + 1) * 127.5
        rgb = pixels.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return np.dstack([rgb, np.full((SIDE, SIDE), 255, np.uint8)])

    @cached_property
    def _embedding(self) -> torch.Tensor:
        return self._embed(self.photo)

    def _embed(self, pixels: np.ndarray) -> torch.Tensor:
        return self._reader(crop_tensor(np.ascontiguousarray(pixels[..., :3])))


@dataclass(frozen=True)
class Kept:
    """What the brake leaves of an edit: the factor on all its strengths, and the similarity with that."""

    factor: float
    similarity: float


def strongest(similarity: Callable[[float], float], least: float | None) -> Kept:
    """The largest factor of an edit that keeps the identity; 1 where the whole edit does.

    Args:
        similarity: of the edit with all its strengths multiplied by a factor in [0,1]; 1 for the factor 0.
        least: the similarity to keep, at most 1; None keeps any.
    """
    found = similarity(1.0)
    if least is None or found >= least:
        return Kept(1.0, found)
    low, high = Kept(0.0, 1.0), 1.0
    for _ in range(HALVINGS):
        middle = (low.factor + high) / 2
        found = similarity(middle)
        if found >= least:
            low = Kept(middle, found)
        else:
            high = middle
    return low
