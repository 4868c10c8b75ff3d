"""Generated pixels in a photograph: where they may stand, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.blending.replace import THRESHOLD, changed, mask_on_photo, on_photo, replaced
from engine.compose import over
from engine.faces.crop import CropGeometry, Rect
from tests.blending.seams import seamless

PHOTO = Path(__file__).parents[1] / "photos" / "astronaut.png"
GEOMETRY = CropGeometry.from_centre((220.0, 120.0), 170.0, 0.2)
SIZE = 128


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(Image.open(PHOTO).convert("RGBA"))


@pytest.fixture(scope="module")
def unedited(photo: np.ndarray) -> Tensor:
    """What a generator might make of the crop [3,128,128]: softer, and in another light."""
    crop = GEOMETRY.extract_tensor(np.ascontiguousarray(photo[..., :3]), SIZE)[0]
    return (crop - 0.25 + 0.1 * torch.linspace(-1, 1, SIZE)).clamp(-1, 1)


@pytest.fixture(scope="module")
def edited(unedited: Tensor) -> Tensor:
    """A blob around the middle becomes brighter and bluer, softly."""
    at = (torch.arange(SIZE) + 0.5) / SIZE - 0.5
    blob = torch.exp(-(at[:, None] ** 2 + at**2) / (2 * 0.08**2))
    return (unedited + blob * torch.tensor([0.1, 0.2, 0.4])[:, None, None]).clamp(-1, 1)


@pytest.fixture(scope="module")
def mask_in_crop() -> Tensor:
    """m [128,128]: a bar across the crop cannot be generated."""
    m = torch.zeros(SIZE, SIZE)
    m[50:56] = torch.linspace(0, 1, 6)[:, None]
    m[56:62] = 1
    m[62:68] = torch.linspace(1, 0, 6)[:, None]
    return m


def bounds(photo: np.ndarray) -> Rect:
    return GEOMETRY.bounds(photo.shape[1], photo.shape[0])


def part(photo: np.ndarray, rect: Rect) -> np.ndarray:
    return photo[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w]


def as_tensor(pixels: np.ndarray) -> Tensor:
    """uint8 [h,w,4] → [1,3,h,w] in 0..1."""
    return torch.from_numpy(pixels[..., :3].copy()).permute(2, 0, 1)[None] / 255


def same(photo: np.ndarray, rect: Rect, edited: Tensor, unedited: Tensor, m: Tensor) -> np.ndarray:
    """Bool [h,w]: the pixels that the guarantee is about."""
    difference = (on_photo(edited, GEOMETRY, rect) - on_photo(unedited, GEOMETRY, rect)).abs().amax(1)[0]
    held = mask_on_photo(m, GEOMETRY, rect)[0, 0] >= 0.99  # 1 outside the crop
    return ((difference <= THRESHOLD) | held).numpy()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_local_edits_stay_local(
    photo: np.ndarray, edited: Tensor, unedited: Tensor, mask_in_crop: Tensor, dtype: type
) -> None:
    picture = photo if dtype == np.uint8 else photo.astype(np.float32) / 255
    rect = bounds(photo)
    layer = replaced(picture, GEOMETRY, rect, edited, unedited, mask_in_crop)
    assert layer.dtype == dtype
    before = part(picture, rect)
    still = same(photo, rect, edited, unedited, mask_in_crop)
    assert np.array_equal(layer[still], before[still])
    assert np.array_equal(layer[..., 3], before[..., 3])
    full = 255 if dtype == np.uint8 else 1
    assert np.abs(layer.astype(float) - before).max() / full > 0.1
    assert 0.3 < still.mean() < 0.95


def test_no_edit_changes_no_pixel(photo: np.ndarray, unedited: Tensor, mask_in_crop: Tensor) -> None:
    rect = bounds(photo)
    assert np.array_equal(
        replaced(photo, GEOMETRY, rect, unedited, unedited.clone(), mask_in_crop), part(photo, rect)
    )


def test_a_mask_of_ones_changes_no_pixel(photo: np.ndarray, edited: Tensor, unedited: Tensor) -> None:
    rect = bounds(photo)
    for before in (unedited, None):
        layer = replaced(photo, GEOMETRY, rect, edited, before, torch.ones(SIZE, SIZE))
        assert np.array_equal(layer, part(photo, rect))


def test_the_edit_arrives_in_the_photographs_light(photo: np.ndarray, edited: Tensor, unedited: Tensor) -> None:
    """The blob's middle changes as the generator changed it, less what the change was at its rim; the generator's
    other light, which is as much, does not come along."""
    rect = bounds(photo)
    layer = replaced(photo, GEOMETRY, rect, edited, unedited, torch.zeros(SIZE, SIZE))
    x, y = (round(v) for v in GEOMETRY.centre)
    middle = np.s_[y - rect.y - 4 : y - rect.y + 5, x - rect.x - 4 : x - rect.x + 5]
    gain = (layer[middle].astype(float) - part(photo, rect)[middle]).mean((0, 1)) / 255
    share = gain[:3] / (0.05, 0.1, 0.2)
    assert share.min() > 0.75
    assert share.max() < 1.05


def test_whole_replacement_has_no_seam(photo: np.ndarray, unedited: Tensor, mask_in_crop: Tensor) -> None:
    rect = bounds(photo)
    layer = replaced(photo, GEOMETRY, rect, unedited, None, mask_in_crop)
    m = mask_on_photo(mask_in_crop, GEOMETRY, rect)
    shown = ((1 - m[0, 0]) * 255).round().byte().numpy()
    before = part(photo, rect)
    after = over(before, layer, shown, (0, 0, rect.w, rect.h))
    assert seamless(as_tensor(after), as_tensor(before), m)
    held = m[0, 0].numpy() >= 0.99
    assert np.array_equal(after[held], before[held])
    assert (after != before).any(-1).mean() > 0.3


def test_transparent_pixels_stay_and_lend_no_colour(
    photo: np.ndarray, edited: Tensor, unedited: Tensor
) -> None:
    rect = bounds(photo)
    holed = photo.copy()
    holed[100:115, 210:240, 3] = 0
    garish = holed.copy()
    garish[100:115, 210:240, :3] = (0, 255, 0)
    free = torch.zeros(SIZE, SIZE)
    one, other = (replaced(p, GEOMETRY, rect, edited, unedited, free) for p in (holed, garish))
    hidden = part(holed, rect)[..., 3] == 0
    assert np.array_equal(one[hidden], part(holed, rect)[hidden])
    assert np.array_equal(one[~hidden], other[~hidden])


def test_values_that_are_not_finite_stay_where_they_are(
    photo: np.ndarray, edited: Tensor, unedited: Tensor
) -> None:
    picture = photo.astype(np.float32) / 255
    picture[120, 220, 1] = np.nan
    picture[118, 222, :3] = np.inf
    rect = bounds(photo)
    layer = replaced(picture, GEOMETRY, rect, edited, unedited, torch.zeros(SIZE, SIZE))
    assert np.array_equal(np.isfinite(layer), np.isfinite(part(picture, rect)))
    broken = edited.clone()
    broken[:, 64, 64] = torch.nan
    layer = replaced(photo.astype(np.float32) / 255, GEOMETRY, rect, broken, unedited, torch.zeros(SIZE, SIZE))
    assert np.isfinite(layer).all()


def test_changed_is_zero_up_to_the_threshold() -> None:
    before = torch.full((1, 3, 1, 5), 0.5)
    after = before.clone()
    after[0, 1, 0] += torch.tensor([0.0, 0.9, 1.1, 1.9, 2.1]) * THRESHOLD
    found = changed(after, before)[0, 0, 0]
    assert found[:2].tolist() == [0, 0]
    assert 0 < found[2] < found[3] < 1
    assert found[4] == 1


def test_crops_that_reach_beyond_the_photograph(photo: np.ndarray, edited: Tensor, unedited: Tensor) -> None:
    geometry = CropGeometry.from_centre((5.0, 8.0), 120.0, -0.4)
    rect = geometry.bounds(photo.shape[1], photo.shape[0])
    layer = replaced(photo, geometry, rect, edited, unedited, torch.zeros(SIZE, SIZE))
    assert layer.shape == (rect.h, rect.w, 4)
    empty = Rect(0, 0, 0, 0)
    assert replaced(photo, geometry, empty, edited, unedited, torch.zeros(SIZE, SIZE)).shape == (0, 0, 4)
    for wrong in (photo[..., :3], photo.astype(np.float64)):
        with pytest.raises(ValueError, match="RGBA"):
            replaced(wrong, geometry, rect, edited, unedited, torch.zeros(SIZE, SIZE))
    with pytest.raises(ValueError, match="lie within"):
        replaced(photo, geometry, Rect(500, 0, 40, 10), edited, unedited, torch.zeros(SIZE, SIZE))
