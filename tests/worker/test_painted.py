"""A painted layer mask: what it changes in the edit, and what comes back as the layer's mask."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import BadRequest
from engine.messages import FaceResult
from tests.worker.test_pipeline import Desk, desk, portrait

__all__ = ["desk", "portrait"]  # fixtures
EDITS = {"smile": 1.5}


def pixels(desk: Desk, face: FaceResult) -> tuple[np.ndarray, np.ndarray]:
    return np.array(desk.spool.read(face.layer.id)).astype(int), np.array(desk.spool.read(face.layer_mask.id))


def edited(
    desk: Desk, portrait: np.ndarray, found: FaceResult, mask: np.ndarray | None, **asked: object
) -> FaceResult:
    own = {"number": 3, "edits": EDITS, "layer_mask": None if mask is None else desk.spool.add(mask).id}
    (face,) = desk.edit(
        portrait, inversions=[found.inversion], face_edits={found.inversion: own}, **asked
    ).faces
    return face


def test_a_painted_mask_is_the_layers_and_holds_the_flow_still(desk: Desk, portrait: np.ndarray) -> None:
    (found,) = desk.invert(portrait).faces
    plain = edited(desk, portrait, found, None)
    assert (plain.number, plain.edits) == (3, EDITS)
    layer, shown = pixels(desk, plain)
    as_found = edited(desk, portrait, found, shown)
    same, mask = pixels(desk, as_found)
    assert np.abs(mask.astype(int) - shown).max() <= 1
    # what was found, painted, is what was found, but for what resampling does to the mask's sharpest edges
    assert np.abs(same - layer).max() <= 4
    assert np.abs(same - layer).mean() < 0.02

    nothing = edited(desk, portrait, found, np.zeros((40, 30), np.uint8))
    still, mask = pixels(desk, nothing)
    assert not mask.any()
    assert nothing.invertibility_mask_area == pytest.approx(1.0, abs=0.01)
    x, y, w, h = found.rect
    before = portrait[y : y + h, x : x + w].astype(int)
    middle = np.s_[h // 4 : -h // 4, w // 4 : -w // 4, :3]
    assert np.abs(still[middle] - before[middle]).mean() < np.abs(layer[middle] - before[middle]).mean()


def test_the_crops_border_stays_soft(desk: Desk, portrait: np.ndarray) -> None:
    (found,) = desk.invert(portrait).faces
    everything = np.full((64, 64), 255, np.uint8)
    _, mask = pixels(desk, edited(desk, portrait, found, everything, preview=200))
    height, width = mask.shape
    assert max(height, width) == 200
    assert mask[height // 2, width // 2] == 255
    assert mask[0].max() < 30


def test_a_picture_with_colours_is_no_mask(desk: Desk, portrait: np.ndarray) -> None:
    (found,) = desk.invert(portrait).faces
    with pytest.raises(BadRequest, match="Y u8"):
        edited(desk, portrait, found, np.zeros((8, 8, 4), np.uint8))
