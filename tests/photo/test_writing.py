"""What is refused, under which name a picture is written, and that nothing is lost in writing."""

from __future__ import annotations

import io
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import DiskFull, PhotoTooLarge, PhotoUnreadable
from engine.photo import load_photo, save_photo
from engine.photo.exif import orientation_of
from tests.photo.pictures import PIXELS, RNG, SRGB, exif_with, png, tags_of


class TestRefusals:
    @pytest.mark.parametrize("size", [(65535, 65535), (20000, 12000), (14143, 14143)])
    def test_f21_giants_are_refused_from_the_header(self, tmp_path: Path, size: tuple[int, int]) -> None:
        (tmp_path / "giant.png").write_bytes(png(*size, 8, 2, b""))
        with pytest.raises(PhotoTooLarge, match="200 million"):
            load_photo(tmp_path / "giant.png")

    @pytest.mark.parametrize("kept", [0.001, 0.01, 0.3, 0.9])
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", ".gif"])
    def test_f22_cut_short(self, tmp_path: Path, suffix: str, kept: float) -> None:
        noise = RNG.integers(0, 256, (120, 160, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"whole{suffix}")
        data = (tmp_path / f"whole{suffix}").read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(PhotoUnreadable, match="cut"):
            load_photo(tmp_path / f"cut{suffix}")

    @pytest.mark.parametrize("content", [b"", b"no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg></svg>"])
    def test_no_picture(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "x.jpg").write_bytes(content)
        with pytest.raises(PhotoUnreadable, match=r"x\.jpg"):
            load_photo(tmp_path / "x.jpg")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoUnreadable, match="no file"):
            load_photo(tmp_path / "none.jpg")
        with pytest.raises(PhotoUnreadable):
            load_photo(tmp_path)

    def test_damage_anywhere(self, tmp_path: Path) -> None:
        """Flipped bytes give a picture or a `PhotoUnreadable`, and nothing else."""
        for suffix in (".jpg", ".png", ".tif", ".webp"):
            encoded = io.BytesIO()
            kind = Image.registered_extensions()[suffix]
            Image.fromarray(PIXELS).save(encoded, kind, exif=exif_with(6), icc_profile=SRGB)
            for _ in range(40):
                data = bytearray(encoded.getvalue())
                for at in RNG.integers(0, len(data), 3):
                    data[at] = RNG.integers(0, 256)
                path = tmp_path / f"damaged{suffix}"
                path.write_bytes(data)
                try:
                    photo = load_photo(path)
                except (PhotoUnreadable, PhotoTooLarge):
                    continue
                save_photo(photo, photo.pixels, tmp_path / f"again{suffix}")


class TestNames:
    @pytest.mark.parametrize("name", ["with spaces.png", "Gesicht ä 顔.png", "n" * 250 + ".png", "-x.png"])
    def test_f24_names(self, tmp_path: Path, name: str) -> None:
        Image.fromarray(PIXELS).save(tmp_path / name)
        photo = load_photo(tmp_path / name)
        save_photo(photo, PIXELS[:, ::-1], tmp_path / name)
        np.testing.assert_array_equal(load_photo(str(tmp_path / name)).pixels, PIXELS[:, ::-1])

    @pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
    def test_f24_bytes_that_are_no_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"caf\xe9 \xff.png")
        Image.fromarray(PIXELS).save(path)
        photo = load_photo(path)
        save_photo(photo, PIXELS, path)
        path.write_bytes(b"damaged")
        with pytest.raises(PhotoUnreadable) as caught:
            load_photo(path)
        caught.value.sentence.encode("utf-8")  # can be sent and printed


class TestWriting:
    def test_nothing_is_left_behind_when_it_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Image.fromarray(PIXELS).save(tmp_path / "a.png")
        before = (tmp_path / "a.png").read_bytes()
        photo = load_photo(tmp_path / "a.png")

        def fail(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(DiskFull):
            save_photo(photo, 255 - PIXELS, tmp_path / "a.png")
        assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
        assert (tmp_path / "a.png").read_bytes() == before

    @pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
    def test_a_new_file_is_for_whom_the_user_says(self, tmp_path: Path, umask: int, mode: int) -> None:
        Image.fromarray(PIXELS).save(tmp_path / "a.png")
        before = os.umask(umask)
        try:
            save_photo(load_photo(tmp_path / "a.png"), 255 - PIXELS, tmp_path / "b.png")
            assert os.umask(umask) == umask
        finally:
            os.umask(before)
        assert (tmp_path / "b.png").stat().st_mode & 0o777 == mode

    @pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
    def test_permissions_and_links_stay(self, tmp_path: Path) -> None:
        Image.fromarray(PIXELS).save(tmp_path / "a.png")
        (tmp_path / "a.png").chmod(0o640)
        (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
        photo = load_photo(tmp_path / "link.png")
        save_photo(photo, 255 - PIXELS, tmp_path / "link.png")
        assert (tmp_path / "link.png").is_symlink()
        assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640
        np.testing.assert_array_equal(load_photo(tmp_path / "a.png").pixels, 255 - PIXELS)


def test_the_old_thumbnail_goes(tmp_path: Path) -> None:
    """A thumbnail shows the face as it was."""
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(thumbnail, "JPEG")
    data = thumbnail.getvalue()
    directory = struct.pack("<HHHIIHHII", 2, 0x0201, 4, 1, 8 + 2 + 12 + 4 + 2 + 24 + 4, 0x0202, 4, 1, len(data))
    block = b"II*\x00" + struct.pack("<I", 8) + struct.pack("<HHHIHH", 1, 0x0112, 3, 1, 3, 0)
    block += struct.pack("<I", 8 + 2 + 12 + 4) + directory + struct.pack("<I", 0) + data
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block)
    photo = load_photo(tmp_path / "a.jpg")
    assert photo.orientation == 3
    assert data in photo.exif
    save_photo(photo, photo.pixels, tmp_path / "b.jpg")
    again = load_photo(tmp_path / "b.jpg")
    assert orientation_of(again.exif) == 1
    assert data not in again.exif
    assert not tags_of(again).get_ifd(1)


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\xff\xff", b"junk" * 9, b"MM\0*\0\0\0\x08\xff\xff"]
)
def test_exif_that_cannot_be_read_is_left_out(tmp_path: Path, block: bytes) -> None:
    from engine.photo.exif import upright

    assert orientation_of(block) == 1
    assert upright(block) == b""
