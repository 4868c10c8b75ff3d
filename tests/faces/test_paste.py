from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.faces.crop import CropGeometry, Rect
from engine.faces.paste import (
    blend,
    border_feather,
    displacement_on_photo,
    pixel_centres,
    positions_in_crop,
    sample_on_photo,
    warp_photo,
)

TURNED = CropGeometry.from_centre((100.0, 80.0), 90.0, 0.35)
RECT = TURNED.bounds(220, 160)


def ramps(size: int) -> torch.Tensor:
    """[2,size,size]: every pixel of a crop holds the crop units of its centre."""
    centres = (torch.arange(size) + 0.5) / size
    return torch.stack(torch.meshgrid(centres, centres, indexing="xy"))


def test_positions_are_the_geometrys() -> None:
    expected = TURNED.image_to_crop(pixel_centres(RECT))
    torch.testing.assert_close(positions_in_crop(TURNED, RECT), expected, rtol=0, atol=1e-12)


class TestSampling:
    def test_a_matching_grid_copies(self) -> None:
        values = torch.rand(3, 64, 64)
        geometry = CropGeometry((40.0, 30.0), (64.0, 0.0))
        sampled = sample_on_photo(values, geometry, Rect(40, 30, 64, 64))
        torch.testing.assert_close(sampled, values, rtol=0, atol=1e-4)

    @pytest.mark.parametrize("size", [32, 90, 400])
    def test_coordinates_arrive_exactly(self, size: int) -> None:
        """Also where the map is finer than the photograph and is averaged first."""
        sampled = sample_on_photo(ramps(size), TURNED, RECT, "border").permute(1, 2, 0)
        at = positions_in_crop(TURNED, RECT).float()
        within = ((at > 2 / 32) & (at < 1 - 2 / 32)).all(-1)
        torch.testing.assert_close(sampled[within], at[within], rtol=0, atol=1e-4)

    def test_outside(self) -> None:
        ones = torch.ones(1, 50, 50)
        zero, border = (sample_on_photo(ones, TURNED, RECT, outside) for outside in ("zero", "border"))
        at = positions_in_crop(TURNED, RECT)
        inside = ((at >= 0) & (at <= 1)).all(-1)
        torch.testing.assert_close(zero[0], inside.float())
        torch.testing.assert_close(border, torch.ones_like(border))

    def test_a_fine_map_does_not_alias(self) -> None:
        y, x = torch.meshgrid(torch.arange(720), torch.arange(720), indexing="ij")
        checks = ((x + y) % 2).float()[None]
        sampled = sample_on_photo(checks, TURNED, RECT, "border")
        assert (sampled - 0.5).abs().max() < 0.05

    def test_in_strips_as_in_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = torch.rand(2, 40, 40)
        whole = sample_on_photo(values, TURNED, RECT), border_feather(TURNED, RECT)
        monkeypatch.setattr("engine.faces.paste.BATCH", 7 * RECT.w)
        strips = sample_on_photo(values, TURNED, RECT), border_feather(TURNED, RECT)
        for a, b in zip(whole, strips, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)

    def test_gradients_reach_the_map(self) -> None:
        values = torch.rand(1, 40, 40, requires_grad=True)
        sample_on_photo(values, TURNED, RECT, mode="bicubic").sum().backward()
        assert values.grad is not None
        assert values.grad.abs().sum() > 0

    def test_an_empty_rect(self) -> None:
        assert sample_on_photo(torch.rand(3, 8, 8), TURNED, Rect(0, 0, 0, 5)).shape == (3, 5, 0)

    def test_there_and_back(self) -> None:
        """A smooth picture, taken into a crop and carried back, is the picture."""
        y, x = np.mgrid[:160, :220]
        photo = (np.sin(x / 17) * np.cos(y / 13))[..., None].astype(np.float32)
        crop = torch.from_numpy(TURNED.extract(photo, 180)).permute(2, 0, 1)
        back = sample_on_photo(crop, TURNED, RECT, mode="bicubic")
        inside = border_feather(TURNED, RECT, 0.05)[0] == 1
        original = torch.from_numpy(photo[RECT.y : RECT.y + RECT.h, RECT.x : RECT.x + RECT.w, 0])
        assert (back[0] - original)[inside].abs().max() < 0.005


class TestDisplacement:
    def test_turned_and_scaled(self) -> None:
        field = torch.zeros(2, 30, 30)
        field[0] = 0.1  # a tenth of the crop, along its own x axis
        moved = displacement_on_photo(field, TURNED, RECT, "border")
        x, y = np.array(TURNED.x_axis) * 0.1
        torch.testing.assert_close(moved[0], torch.full_like(moved[0], x))
        torch.testing.assert_close(moved[1], torch.full_like(moved[1], y))

    def test_two_channels(self) -> None:
        with pytest.raises(ValueError, match="two channels"):
            displacement_on_photo(torch.zeros(3, 8, 8), TURNED, RECT)


class TestWarp:
    photo = np.random.default_rng(0).integers(0, 256, (160, 220, 3), np.uint8)

    def test_no_displacement_is_the_photograph(self) -> None:
        warped = warp_photo(self.photo, RECT, torch.zeros(2, RECT.h, RECT.w))
        own = self.photo[RECT.y : RECT.y + RECT.h, RECT.x : RECT.x + RECT.w]
        np.testing.assert_array_equal(warped.permute(1, 2, 0).numpy(), own)

    def test_whole_pixels(self) -> None:
        field = torch.zeros(2, RECT.h, RECT.w)
        field[0], field[1] = 5, -3
        warped = warp_photo(self.photo, RECT, field).permute(1, 2, 0).numpy()
        expected = self.photo[RECT.y - 3 : RECT.y - 3 + RECT.h, RECT.x + 5 : RECT.x + 5 + RECT.w]
        np.testing.assert_allclose(warped, expected, atol=0.05)

    def test_beyond_the_border_it_repeats(self) -> None:
        rect = Rect(0, 0, 220, 160)
        field = torch.full((2, 160, 220), -1e4)
        warped = warp_photo(self.photo, rect, field)
        np.testing.assert_allclose(warped[:, 80, 110].numpy(), self.photo[0, 0], atol=0.01)

    def test_rects_are_checked(self) -> None:
        with pytest.raises(ValueError, match="does not lie within"):
            warp_photo(self.photo, Rect(200, 0, 30, 10), torch.zeros(2, 10, 30))
        with pytest.raises(ValueError, match="expected a field"):
            warp_photo(self.photo, RECT, torch.zeros(2, 3, 3))


class TestFeather:
    def test_one_inside_zero_at_the_border(self) -> None:
        feather = border_feather(TURNED, RECT, 0.1)[0]
        at = positions_in_crop(TURNED, RECT)
        depth = torch.minimum(at, 1 - at).amin(-1)
        assert (feather[depth >= 0.1] == 1).all()
        assert (feather[depth <= 0] == 0).all()
        assert (feather[(depth > 0) & (depth < 0.1)] < 1).all()

    def test_smooth(self) -> None:
        geometry = CropGeometry((0.0, 0.0), (1000.0, 0.0))
        profile = border_feather(geometry, Rect(0, 500, 500, 1), 0.1)[0, 0]
        steps = profile.diff()
        assert (steps >= 0).all()
        assert steps.max() < 0.016  # 1.5 / 100 pixels
        assert steps.diff().abs().max() < 1e-3

    @pytest.mark.parametrize("width", [0.0, -1.0, 0.6])
    def test_width(self, width: float) -> None:
        with pytest.raises(ValueError, match="width"):
            border_feather(TURNED, RECT, width)


class TestBlend:
    photo = np.random.default_rng(0).integers(0, 256, (160, 220, 3), np.uint8)

    def test_untouched_where_the_weight_is_zero(self) -> None:
        before = self.photo.copy()
        weight = border_feather(TURNED, RECT)
        blended = blend(self.photo, RECT, torch.full((3, RECT.h, RECT.w), torch.nan).nan_to_num(500), weight)
        outside = np.ones((160, 220), bool)
        outside[RECT.y : RECT.y + RECT.h, RECT.x : RECT.x + RECT.w] = weight[0].numpy() == 0
        np.testing.assert_array_equal(blended[outside], self.photo[outside])
        np.testing.assert_array_equal(self.photo, before)
        full = ~outside
        full[RECT.y : RECT.y + RECT.h, RECT.x : RECT.x + RECT.w] &= weight[0].numpy() == 1
        assert (blended[full] == 255).all()

    def test_the_middle(self) -> None:
        photo = np.full((10, 10, 3), 100, np.uint8)
        blended = blend(photo, Rect(2, 2, 4, 4), torch.full((3, 4, 4), 201.0), torch.full((1, 4, 4), 0.5))
        assert (blended[2:6, 2:6] == 150).all()  # 150.5, to even

    def test_uint8_only(self) -> None:
        with pytest.raises(ValueError, match="uint8"):
            blend(np.zeros((9, 9, 3)), Rect(0, 0, 1, 1), torch.zeros(3, 1, 1), torch.zeros(1, 1, 1))
