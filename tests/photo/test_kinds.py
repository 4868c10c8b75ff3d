"""Kinds of files and of pixels: what becomes of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import BadRequest, PhotoUnreadable
from engine.photo import load_photo, save_photo
from tests.photo.pictures import PIXELS, RNG, SRGB, png


class TestKinds:
    @pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGBA", "RGB"])
    def test_f22_layouts_of_pixels(self, tmp_path: Path, mode: str) -> None:
        rgba = Image.fromarray(RNG.integers(0, 256, (20, 30, 4), np.uint8))
        source = rgba.convert(mode)
        source.save(tmp_path / "a.png")
        photo = load_photo(tmp_path / "a.png")
        np.testing.assert_array_equal(photo.pixels, np.array(source.convert("RGB")))
        assert (photo.alpha is not None) == source.has_transparency_data
        (tmp_path / "a.png").unlink()  # or it would be copied
        save_photo(photo, photo.pixels, tmp_path / "b.png")
        with Image.open(tmp_path / "b.png") as again:
            assert again.mode == {"1": "L", "P": "RGBA" if source.has_transparency_data else "RGB"}.get(
                mode, mode
            )
            np.testing.assert_array_equal(np.array(again.convert("RGBA")), np.array(source.convert("RGBA")))

    def test_grey_becomes_coloured_if_its_pixels_do(self, tmp_path: Path) -> None:
        Image.fromarray(PIXELS[..., 0]).save(tmp_path / "a.png")
        photo = load_photo(tmp_path / "a.png")
        save_photo(photo, PIXELS, tmp_path / "b.png")
        np.testing.assert_array_equal(load_photo(tmp_path / "b.png").pixels, PIXELS)

    def test_transparent_palette(self, tmp_path: Path) -> None:
        image = Image.new("P", (9, 9), 1)
        image.putpalette([0, 0, 0, 200, 100, 50])
        image.save(tmp_path / "a.png", transparency=1)
        photo = load_photo(tmp_path / "a.png")
        assert photo.alpha is not None
        assert (photo.alpha == 0).all()
        assert (photo.pixels == [200, 100, 50]).all()

    def test_transparency_on_white_in_jpeg(self, tmp_path: Path) -> None:
        rgba = np.zeros((16, 16, 4), np.uint8)
        rgba[:8] = [10, 20, 30, 255]
        Image.fromarray(rgba).save(tmp_path / "a.png")
        photo = load_photo(tmp_path / "a.png")
        save_photo(photo, photo.pixels, tmp_path / "b.jpg")
        pixels = load_photo(tmp_path / "b.jpg").pixels.astype(int)
        assert (pixels[12:] > 250).all()
        assert abs(pixels[:4] - [10, 20, 30]).max() < 6

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_f22_sixteen_bits_of_grey(self, tmp_path: Path, suffix: str) -> None:
        deep = RNG.integers(0, 65536, (20, 30), np.uint16)
        Image.fromarray(deep).save(tmp_path / f"a{suffix}")
        photo = load_photo(tmp_path / f"a{suffix}")
        assert abs(photo.pixels[..., 0] * 257.0 - deep).max() <= 128.5
        assert any("16 bits" in note for note in photo.notes)
        edited = photo.pixels.copy()
        edited[:5] = 255 - edited[:5]
        save_photo(photo, edited, tmp_path / f"b{suffix}")
        with Image.open(tmp_path / f"b{suffix}") as image:
            again = np.array(image)
        np.testing.assert_array_equal(again[5:], deep[5:])
        np.testing.assert_array_equal(again[:5], edited[:5, :, 0].astype(np.uint16) * 257)

    def test_f22_sixteen_bits_of_colour(self, tmp_path: Path) -> None:
        deep = RNG.integers(0, 65536, (4, 5, 3), np.uint16)
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
        (tmp_path / "a.png").write_bytes(png(5, 4, 16, 2, rows))
        photo = load_photo(tmp_path / "a.png")
        assert abs(photo.pixels * 257.0 - deep).max() <= 257
        assert any("16 bits" in note for note in photo.notes)

    @pytest.mark.parametrize("profile", [None, SRGB, b"broken" * 40])
    def test_f22_cmyk_jpeg(self, tmp_path: Path, profile: bytes | None) -> None:
        cmyk = Image.fromarray(np.full((16, 16, 3), (200, 60, 40), np.uint8)).convert("CMYK")
        cmyk.save(tmp_path / "a.jpg", quality=95, icc_profile=profile)
        photo = load_photo(tmp_path / "a.jpg")
        assert photo.mode == "CMYK"
        assert abs(photo.pixels.astype(int) - [200, 60, 40]).max() < 8
        assert photo.icc_profile is None
        save_photo(photo, photo.pixels, tmp_path / "b.jpg")
        assert load_photo(tmp_path / "b.jpg").mode == "RGB"

    def test_lab_tiff(self, tmp_path: Path) -> None:
        Image.new("LAB", (8, 8), (200, 128, 128)).save(tmp_path / "a.tif")
        pixels = load_photo(tmp_path / "a.tif").pixels.astype(int)
        assert np.ptp(pixels[0, 0]) < 6  # grey
        assert 170 < pixels.mean() < 220

    def test_f22_float_tiff(self, tmp_path: Path) -> None:
        values = RNG.random((12, 14), np.float32)
        Image.fromarray(values).save(tmp_path / "a.tif")
        np.testing.assert_array_equal(load_photo(tmp_path / "a.tif").pixels[..., 2], np.rint(values * 255))
        Image.fromarray(values * 1000).save(tmp_path / "b.tif")
        with pytest.raises(PhotoUnreadable, match="beyond"):
            load_photo(tmp_path / "b.tif")
        Image.fromarray(values * np.nan).save(tmp_path / "c.tif")
        with pytest.raises(PhotoUnreadable, match="beyond"):
            load_photo(tmp_path / "c.tif")

    @pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1)])
    def test_f22_odd_sizes(self, tmp_path: Path, size: tuple[int, int]) -> None:
        Image.new("RGB", size, (1, 2, 3)).save(tmp_path / "a.png")
        photo = load_photo(tmp_path / "a.png")
        save_photo(photo, photo.pixels, tmp_path / "b.jpg")
        assert photo.pixels.shape == (size[1], size[0], 3)
        if max(size) > 16383:
            with pytest.raises(BadRequest, match="WEBP"):
                save_photo(photo, photo.pixels, tmp_path / "b.webp")

    def test_first_of_an_animation(self, tmp_path: Path) -> None:
        frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
        frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
        photo = load_photo(tmp_path / "a.gif")
        assert photo.pixels[0, 0].tolist() == [255, 0, 0]
        assert photo.notes
        save_photo(photo, photo.pixels, tmp_path / "still")
        assert load_photo(tmp_path / "still").format == "PNG"

    def test_a_profile_of_another_colour_space_is_left_out(self, tmp_path: Path) -> None:
        grey_profile = bytearray(SRGB)
        grey_profile[16:20] = b"GRAY"
        Image.fromarray(PIXELS[..., 0]).save(tmp_path / "a.png", icc_profile=bytes(grey_profile))
        photo = load_photo(tmp_path / "a.png")
        save_photo(photo, photo.pixels, tmp_path / "grey.tif")
        save_photo(photo, PIXELS, tmp_path / "coloured.png")
        assert load_photo(tmp_path / "grey.tif").icc_profile == bytes(grey_profile)
        assert load_photo(tmp_path / "coloured.png").icc_profile is None
