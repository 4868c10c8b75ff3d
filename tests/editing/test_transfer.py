"""What an edit does to a photograph: the right thing moves, the rest stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.editing.colour import from_linear, to_linear
from engine.editing.transfer import transferred
from engine.faces import mesh_points
from engine.faces.paste import sample_on_photo
from engine.inversion.hull import hull_outline, oval
from tests.faces_inverted import NAMES, Inverted

LEFT, RIGHT = mesh_points.IMAGE_LEFT_MOUTH_CORNER, mesh_points.IMAGE_RIGHT_MOUTH_CORNER


def mouth_curve(landmarks: torch.Tensor) -> float:
    """How far the corners of the mouth lie above its middle, in crop units: more is a smile."""
    middle = (landmarks[13] + landmarks[14]) / 2
    return float(middle[1] - (landmarks[LEFT][1] + landmarks[RIGHT][1]) / 2)


def sharpness(photo: np.ndarray, where: np.ndarray) -> float:
    """Variance of the Laplacian of the luma where the mask says."""
    luma = photo[..., :3].astype(np.float64) @ (0.299, 0.587, 0.114)
    laplacian = np.zeros_like(luma)
    laplacian[1:-1, 1:-1] = (
        luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    )
    return float(laplacian[where].var())


def on_photo(item: Inverted, outline: torch.Tensor) -> np.ndarray:
    """Boolean [H,W]: inside an outline [K,2] given in crop units."""
    points = item.inversion.geometry.crop_to_image(outline.double().numpy())
    picture = Image.new("1", (item.photo.shape[1], item.photo.shape[0]))
    ImageDraw.Draw(picture).polygon([tuple(point) for point in points], fill=1)
    return np.asarray(picture)


def skin_on_photo(item: Inverted) -> np.ndarray:
    """Boolean [H,W]: bare skin, and three pixels around it."""
    bare, rect = item.inversion.bare_skin, item.rect
    assert bare is not None
    part = sample_on_photo(bare[None], item.inversion.geometry, rect)
    found = np.zeros(item.photo.shape[:2], bool)
    found[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w] = (
        torch.nn.functional.max_pool2d(part, 7, 1, 3)[0].numpy() > 0.3
    )
    return found


def grown(outline: torch.Tensor, factor: float) -> torch.Tensor:
    return outline.mean(0) + (outline - outline.mean(0)) * factor


@pytest.mark.parametrize("name", NAMES)
def test_no_edit_changes_no_pixel(inverted: dict[str, Inverted], name: str) -> None:
    item = inverted[name]
    assert np.array_equal(item.edited(), item.photo)
    assert np.array_equal(item.edited(smile=0.0), item.photo)


@pytest.mark.parametrize("name", NAMES)
def test_smile_moves_the_corners_of_the_mouth(inverted: dict[str, Inverted], name: str) -> None:
    item = inverted[name]
    less, plain, more = (
        item.landmarks_of(photo) for photo in (item.edited(smile=-1.8), item.photo, item.edited(smile=1.8))
    )
    width = {
        key: float((value[RIGHT] - value[LEFT]).norm())
        for key, value in (("-", less), ("0", plain), ("+", more))
    }
    assert width["+"] > width["0"] * 1.03
    assert width["-"] < width["0"] * 0.97
    assert mouth_curve(more) > mouth_curve(less) + 0.005


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@pytest.mark.parametrize("direction", ["smile", "brows", "pitch", "yaw", "face-width", "age", "presentation"])
@pytest.mark.parametrize("name", NAMES)
def test_sharpness_inside_the_face_is_kept(
    inverted: dict[str, Inverted], name: str, direction: str, end: str
) -> None:
    item = inverted[name]
    strength = getattr(item.studio.model.directions[direction], end)
    face = on_photo(item, oval(item.inversion.landmarks))
    assert sharpness(item.edited(**{direction: strength}), face) >= 0.85 * sharpness(item.photo, face)


@pytest.mark.parametrize("edits", [{"smile": 1.8}, {"yaw": -0.6}, {"light": 1.4}, {"face_width": 1.4}])
@pytest.mark.parametrize("name", NAMES)
def test_away_from_the_face_nothing_changes(
    inverted: dict[str, Inverted], name: str, edits: dict[str, float]
) -> None:
    item = inverted[name]
    edited = item.edited(**edits)
    outside = ~on_photo(item, grown(hull_outline(item.inversion.landmarks), 1.25))
    assert np.array_equal(edited[outside], item.photo[outside])
    assert not np.array_equal(edited, item.photo)


@pytest.mark.parametrize("edits", [{"light": 1.4}, {"skin_tone": -1.0}])
def test_the_background_is_not_lit(inverted: dict[str, Inverted], edits: dict[str, float]) -> None:
    item = inverted["astronaut.png"]
    change = np.abs(item.edited(**edits).astype(int) - item.photo).max(-1)
    outside = ~on_photo(item, grown(oval(item.inversion.landmarks), 1.12)) & ~skin_on_photo(item)
    assert (change[outside] > 10).sum() < 60
    assert (change[~outside] > 10).sum() > 1000


# Points of the photograph, set by hand: both rims, the bridge, the upper bars, the brim, the badge on the hat.
KEPT = ((193, 213), (310, 227), (255, 215), (205, 183), (320, 180), (260, 130), (258, 60))


@pytest.mark.parametrize("strength", [-1.8, 1.8])
@pytest.mark.parametrize("at", KEPT)
def test_hat_and_glasses_stay(inverted: dict[str, Inverted], at: tuple[int, int], strength: float) -> None:
    item = inverted["grace_hopper.jpg"]
    x, y = at
    around = np.s_[y - 4 : y + 5, x - 4 : x + 5]
    change = np.abs(item.edited(smile=strength).astype(int) - item.photo)[around]
    assert change.max() <= 4


def test_the_flow_is_still_where_the_mask_is(inverted: dict[str, Inverted]) -> None:
    item = inverted["grace_hopper.jpg"]
    smile = item.studio.model.directions["smile"]
    flow = item.prepared.change({smile: 1.8}).flow
    reach = flow.square().sum(1).sqrt()[0] * item.inversion.geometry.side
    assert reach[item.inversion.invertibility_mask > 0.95].max() < 0.75  # pixels
    assert reach.max() > 2


def test_the_same_edit_gives_the_same_bytes(inverted: dict[str, Inverted]) -> None:
    item = inverted["astronaut.png"]
    assert np.array_equal(item.edited(smile=0.7, light=-0.5), item.edited(smile=0.7, light=-0.5))


def test_floating_pixels_give_the_same_picture(inverted: dict[str, Inverted]) -> None:
    item = inverted["astronaut.png"]
    smile = item.studio.model.directions["smile"]
    change, geometry, rect = item.prepared.change({smile: 1.8}), item.inversion.geometry, item.rect
    eight = transferred(item.photo, geometry, change, rect)
    floating = transferred(item.photo.astype(np.float32) / 255, geometry, change, rect)
    assert floating.dtype == np.float32
    assert np.abs(floating.clip(0, 1) * 255 - eight).max() <= 0.51


def test_every_direction_changes_the_picture_both_ways(inverted: dict[str, Inverted]) -> None:
    item = inverted["astronaut.png"]
    for name, direction in item.studio.model.directions.items():
        down, up = (item.edited(**{name: s}).astype(int) for s in (direction.minimum, direction.maximum))
        assert np.abs(down - item.photo).max() > 8, name
        assert np.abs(up - item.photo).max() > 8, name
        assert not np.array_equal(down, up), name


def test_transfer_curve_is_undone_by_its_inverse() -> None:
    values = torch.linspace(-0.5, 2.0, 1001)
    assert torch.allclose(from_linear(to_linear(values)), values, atol=2e-6)


def test_invisible_pixels_lend_no_colour(inverted: dict[str, Inverted]) -> None:
    item = inverted["astronaut.png"]
    smile = item.studio.model.directions["smile"]
    change, geometry, rect = item.prepared.change({smile: 1.8}), item.inversion.geometry, item.rect
    erased = item.photo.copy()
    x = rect.x + rect.w // 2
    erased[:, x:] = (255, 0, 255, 0)
    plain = item.photo.copy()
    plain[:, x:, 3] = 0
    for photo in (erased, plain):
        assert photo[..., 3].min() == 0
    one, other = (transferred(photo, geometry, change, rect).astype(int) for photo in (erased, plain))
    seen = one[..., 3] > 128
    assert np.abs(one - other)[seen].max() <= 3
