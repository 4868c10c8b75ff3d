from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.faces.crop import CropGeometry, Rect, ffhq_crop
from engine.faces.detect import Face

TURNED = CropGeometry.from_centre((120.25, 90.5), 75.0, 0.4)


def ramps(height: int, width: int) -> np.ndarray:
    """[H,W,2] float32: every pixel holds the coordinates of its centre."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x, y], -1).astype(np.float32)


def centres(geometry: CropGeometry, size: int) -> np.ndarray:
    """[size,size,2]: where the centres of a crop's pixels lie in the image."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    return geometry.crop_to_image(np.stack([x, y], -1))


class TestGeometry:
    def test_there_and_back(self) -> None:
        points = np.random.default_rng(0).uniform(-1, 2, (5, 7, 2))
        np.testing.assert_allclose(TURNED.image_to_crop(TURNED.crop_to_image(points)), points, atol=1e-12)
        np.testing.assert_allclose(TURNED.vectors_to_crop(TURNED.vectors_to_image(points)), points, atol=1e-12)

    def test_tensors_as_arrays(self) -> None:
        points = np.random.default_rng(0).random((4, 2))
        tensor = torch.from_numpy(points).requires_grad_()
        image = TURNED.crop_to_image(tensor)
        np.testing.assert_allclose(image.detach().numpy(), TURNED.crop_to_image(points))
        image.sum().backward()
        assert tensor.grad is not None

    def test_square(self) -> None:
        upper_left, lower_left, lower_right, upper_right = TURNED.corners
        for a, b in ((upper_left, upper_right), (upper_left, lower_left), (lower_left, lower_right)):
            assert math.dist(a, b) == pytest.approx(75)
        assert TURNED.side == pytest.approx(75)
        assert TURNED.angle == pytest.approx(0.4)
        assert TURNED.centre == pytest.approx((120.25, 90.5))
        assert upper_right[1] > upper_left[1]  # turned clockwise

    def test_stored(self) -> None:
        assert CropGeometry.from_dict(TURNED.to_dict()) == TURNED
        assert CropGeometry.from_tensor(TURNED.to_tensor()) == TURNED

    @pytest.mark.parametrize(
        "data", [{}, {"origin": [0, 0]}, {"origin": [0, 0], "x_axis": [0, 0]}, {"origin": [0], "x_axis": [1, 0]},
                 {"origin": [0, math.nan], "x_axis": [1, 0]}, {"origin": [0, 0], "x_axis": [math.inf, 0]},
                 {"origin": ["a", 0], "x_axis": [1, 0]}, {"origin": None, "x_axis": [1, 0]}, []],
    )  # fmt: skip
    def test_stored_lies(self, data: dict[str, list[float]]) -> None:
        with pytest.raises(ValueError, match=r"square|crop|convert|unpack"):
            CropGeometry.from_dict(data)

    def test_bounds(self) -> None:
        assert CropGeometry((10.5, 20.0), (30.0, 0.0)).bounds(100, 100) == Rect(10, 20, 31, 30)
        assert CropGeometry((-10.5, 80.0), (30.0, 0.0)).bounds(100, 100) == Rect(0, 80, 20, 20)
        assert CropGeometry((10.0, 20.0), (30.0, 0.0)).bounds(100, 100, margin=5) == Rect(5, 15, 40, 40)
        outside = CropGeometry((200.0, 0.0), (30.0, 0.0)).bounds(100, 100)
        assert outside.w * outside.h == 0


class TestFFHQ:
    def test_published_formula(self) -> None:
        """As `recreate_aligned_images` writes it."""
        points = np.array([[100.0, 110.0], [160.0, 104.0], [133.0, 140.0], [110.0, 170.0], [158.0, 166.0]])
        eye_to_eye = points[1] - points[0]
        eye_average = (points[0] + points[1]) * 0.5
        eye_to_mouth = (points[3] + points[4]) * 0.5 - eye_average
        x = eye_to_eye - np.flipud(eye_to_mouth) * [-1, 1]
        x /= np.hypot(*x)
        x *= max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
        y = np.flipud(x) * [-1, 1]
        c = eye_average + eye_to_mouth * 0.1
        quad = np.stack([c - x - y, c - x + y, c + x + y, c + x - y])
        np.testing.assert_allclose(ffhq_crop(points).corners, quad, atol=1e-9)

    def test_turns_and_scales_with_the_face(self) -> None:
        points = np.array([[-20.0, 0.0], [20.0, 0.0], [0.0, 25.0], [-15.0, 45.0], [15.0, 45.0]])
        upright = ffhq_crop(points)
        turn = np.array([[0.0, 1.0], [-1.0, 0.0]])  # a quarter clockwise, as row vectors
        turned = ffhq_crop(points @ turn * 3 + 500)
        np.testing.assert_allclose(turned.corners, upright.corners @ turn * 3 + 500, atol=1e-9)

    @pytest.mark.parametrize("points", [np.zeros((5, 2)), np.zeros((4, 2)), np.full((5, 2), np.nan)])
    def test_no_face(self, points: np.ndarray) -> None:
        with pytest.raises(ValueError, match=r"face|points"):
            ffhq_crop(points)


class TestExtract:
    @pytest.mark.parametrize(
        ("side", "angle", "size"),
        [(64, 0, 64), (100, 0.3, 256), (300, -0.7, 128), (420, 0.2, 64), (600, 2.0, 50), (650, 0.1, 33)],
    )
    def test_a_gradient_stays_one(self, side: float, angle: float, size: int) -> None:
        """Off by .07 pixels at most: the ripple of torch's bicubic kernel on a ramp."""
        geometry = CropGeometry.from_centre((499.3, 500.8), side, angle)
        crop = geometry.extract(ramps(1000, 1000), size)
        np.testing.assert_allclose(crop, centres(geometry, size), atol=0.075)

    def test_a_matching_grid_copies(self) -> None:
        image = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
        crop = CropGeometry((40.0, 30.0), (128.0, 0.0)).extract(image, 128)
        np.testing.assert_allclose(crop, image[30:158, 40:168], atol=0.02)

    def test_whole_shrinking_averages(self) -> None:
        image = np.random.default_rng(1).random((160, 160, 1), np.float32)
        crop = CropGeometry((0.0, 0.0), (160.0, 0.0)).extract(image, 10)
        blocks = image.reshape(10, 16, 10, 16, 1).mean((1, 3))
        np.testing.assert_allclose(crop, blocks, atol=0.04)  # the mean of 256 numbers scatters by .018

    def test_shrinking_does_not_alias(self) -> None:
        y, x = np.mgrid[:1200, :1200]
        checks = (((x + y) % 2) * 255).astype(np.uint8)[..., None].repeat(3, 2)
        for size in (100, 250, 500):
            crop = CropGeometry.from_centre((600, 600), 1000, 0.1).extract(checks, size)
            assert np.abs(crop - 127.5).max() < 20

    @pytest.mark.parametrize("side", [20, 64, 500, 3000])
    def test_a_constant_stays_one_even_outside(self, side: float) -> None:
        image = np.full((100, 140, 3), 77, np.uint8)
        crop = CropGeometry.from_centre((130, 5), side, 0.5).extract(image, 96)
        np.testing.assert_allclose(crop, 77, atol=0.01)

    def test_outside_repeats_the_border_softly(self) -> None:
        rng = np.random.default_rng(2)
        image = np.zeros((200, 200, 1), np.float32)
        image[:, :2] = rng.random((200, 1, 1))  # a rough left border
        crop = CropGeometry((-200.0, 0.0), (200.0, 0.0)).extract(image, 200)[..., 0]
        assert np.abs(np.diff(crop[:, 100])).mean() < 0.2 * np.abs(np.diff(image[:, 0, 0])).mean()
        assert abs(crop[50:150, 100].mean() - image[50:150, 0, 0].mean()) < 0.1

    def test_a_crop_wholly_outside(self) -> None:
        image = np.full((10, 10, 3), 9, np.uint8)
        crop = CropGeometry((500.0, 500.0), (64.0, 0.0)).extract(image, 16)
        np.testing.assert_allclose(crop, 9, atol=0.01)

    def test_one_pixel(self) -> None:
        crop = CropGeometry((0.0, 0.0), (1.0, 0.0)).extract(np.full((1, 1, 3), 200, np.uint8), 8)
        np.testing.assert_allclose(crop, 200, atol=0.01)

    def test_views_and_types(self) -> None:
        image = np.random.default_rng(1).integers(0, 256, (90, 120, 4), np.uint8)
        geometry = CropGeometry.from_centre((50, 40), 50, 0.2)
        view = geometry.extract(image[..., :3], 64)
        np.testing.assert_array_equal(view, geometry.extract(image[..., :3].copy(), 64))
        mirrored = CropGeometry.from_centre((70, 40), 50, -0.2).extract(image[:, ::-1, :3], 64)
        np.testing.assert_allclose(mirrored[:, ::-1], view, atol=0.05)
        assert geometry.extract(image.astype(np.float64), 64).dtype == np.float32

    def test_as_networks_take_it(self) -> None:
        image = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
        tensor = TURNED.extract_tensor(image, 32)
        assert tensor.shape == (1, 3, 32, 32)
        assert tensor.dtype == torch.float32
        assert tensor.min() >= -1
        assert tensor.max() <= 1

    @pytest.mark.parametrize(
        ("image", "size"),
        [(np.zeros((9, 9)), 8), (np.zeros((0, 9, 3), np.uint8), 8), (np.zeros((9, 9, 3), np.int32), 8),
         (np.zeros((9, 9, 3), np.uint8), 0)],
    )  # fmt: skip
    def test_refusals(self, image: np.ndarray, size: int) -> None:
        with pytest.raises(ValueError, match="expected"):
            TURNED.extract(image, size)


def test_the_astronaut_stands_upright(photos: dict[str, np.ndarray], crops: dict[str, CropGeometry],
                                      faces: dict[str, Face]) -> None:  # fmt: skip
    """In an FFHQ crop eyes and mouth lie where FFHQ's faces have them."""
    for name, crop in crops.items():
        eyes = crop.image_to_crop(faces[name].points)[:2]
        assert abs(eyes[0, 1] - eyes[1, 1]) < 0.03
        assert eyes.mean(0) == pytest.approx([0.5, 0.46], abs=0.03)
