"""The command line with the real engine: what README.md promises of a photograph's pixels, and how long it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.photo import load_photo
from tests.conftest import LivingEngine

PHOTOS = Path(__file__).parent / "photos"
ASTRONAUT, HOPPER = PHOTOS / "astronaut.png", PHOTOS / "grace_hopper.jpg"
Likeness = Callable[..., dict[str, Any]]


@pytest.fixture
def likeness(
    real_engine: LivingEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Likeness:
    """Runs a command, which must succeed; its object."""
    monkeypatch.setenv("LIKENESS_HOME", str(real_engine.home.root))

    def run(*arguments: object) -> dict[str, Any]:
        code = main([*map(str, arguments), "--json"])
        said = json.loads(capsys.readouterr().out)
        assert code == 0, said
        return said

    return run


def pixels(path: Path) -> np.ndarray:
    return load_photo(path).pixels.astype(int)


def rect_mask(shape: tuple[int, ...], rect: list[int]) -> np.ndarray:
    """[H,W] bool: inside the rect."""
    x, y, w, h = rect
    inside = np.zeros(shape[:2], bool)
    inside[max(y, 0) : y + h, max(x, 0) : x + w] = True
    return inside


def test_invert_gives_the_photograph_back(likeness: Likeness, tmp_path: Path) -> None:
    data = likeness("invert", ASTRONAUT, "-o", tmp_path)
    before = pixels(ASTRONAUT)
    np.testing.assert_array_equal(pixels(tmp_path / "result.png"), before)
    inside = rect_mask(before.shape, data["faces"][0]["rect"])
    generated = pixels(tmp_path / "generated.png")
    np.testing.assert_array_equal(generated[~inside], before[~inside])
    assert abs(generated - before)[inside].mean() > 1
    with Image.open(tmp_path / "invertibility_mask.png") as image:
        mask = np.asarray(image)
    assert (mask[~inside] == 255).all()
    assert 0.02 < (mask < 128).mean() < inside.mean()
    assert (tmp_path / "inversion.safetensors").stat().st_size > 1000
    assert 0 <= data["faces"][0]["invertibility_mask_area"] <= 1
    assert isinstance(data["faces"][0]["warning"], str)


def test_edit_changes_the_face_and_nothing_else(likeness: Likeness, tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    data = likeness("edit", ASTRONAUT, "--set", "smile=1", "-o", first)
    likeness("edit", ASTRONAUT, "--set", "smile=1", "-o", second)
    before, after = pixels(ASTRONAUT), pixels(first)
    inside = rect_mask(before.shape, data["faces"][0]["rect"])
    np.testing.assert_array_equal(after[~inside], before[~inside])
    assert (after != before)[inside].mean() > 0.01
    assert first.read_bytes() == second.read_bytes()  # the same call, the same bytes
    (face,) = data["faces"]
    assert 0.5 < face["identity_similarity"] < 1
    assert (face["strength_factor"], face["edits"], face["blend"]) == (1, {"smile": 1}, "transfer")


def test_an_edit_keeps_the_identity_that_is_asked_for(likeness: Likeness, tmp_path: Path) -> None:
    edit = ("edit", ASTRONAUT, "--set", "smile=5", "--set", "skin-tone=1", "-o", tmp_path / "a.png")
    (whole,) = likeness(*edit)["faces"]
    least = (1 + whole["identity_similarity"]) / 2
    data = likeness(*edit, "--keep-identity", least)
    (face,) = data["faces"]
    assert face["identity_similarity"] >= least
    assert 0 < face["strength_factor"] < 1
    assert any(note.startswith("Smile +5 is more") for note in data["notes"])
    assert any("multiplied" in note for note in data["notes"])


def test_restore_fills_the_region_and_nothing_else(likeness: Likeness, tmp_path: Path) -> None:
    before = pixels(ASTRONAUT)
    region = np.zeros(before.shape[:2], bool)
    region[92:110, 191:215] = True  # an eye
    damaged, mask = tmp_path / "damaged.png", tmp_path / "mask.png"
    Image.fromarray(np.where(region[..., None], 255, before).astype(np.uint8)).save(damaged)
    Image.fromarray(region).save(mask)
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    restore = ("restore", damaged, "--region", mask, "--refine-steps", 2, "-o")
    data = likeness(*restore, first)
    likeness(*restore, second)
    after = pixels(first)
    np.testing.assert_array_equal(after[~region], before[~region])
    assert abs(after - before)[region].mean() < 40 < abs(255 - before)[region].mean()
    assert data["rect"] == [191, 92, 24, 18]
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("photo", [ASTRONAUT, HOPPER])
def test_no_strength_no_change(likeness: Likeness, tmp_path: Path, photo: Path) -> None:
    output = tmp_path / f"out{photo.suffix}"
    likeness("edit", photo, "--set", "smile=0", "-o", output)
    assert output.read_bytes() == photo.read_bytes()


def test_jpeg_outside_the_crop(likeness: Likeness, tmp_path: Path) -> None:
    """Measured: 1 % of the pixels outside, by at most 6 of 255 (README.md); 22 % before, by 17."""
    data = likeness("edit", HOPPER, "--set", "smile=1", "-o", tmp_path / "out.jpg")
    before = pixels(HOPPER)
    error = abs(pixels(tmp_path / "out.jpg") - before).max(-1)
    outside = error[~rect_mask(before.shape, data["faces"][0]["rect"])]
    print(f"JPEG outside the crop: {(outside > 0).mean():.2%} changed, by {outside.max()} at most")
    assert (outside > 0).mean() < 0.03
    assert outside.max() < 12


def test_the_second_edit_is_quick(likeness: Likeness, tmp_path: Path) -> None:
    photo = tmp_path / "nobody inverted this one yet.png"
    with Image.open(ASTRONAUT) as image:
        image.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photo)
    likeness("directions")  # the model is loaded
    first = likeness("edit", photo, "--set", "smile=1", "-o", tmp_path / "a.png")
    second = likeness("edit", photo, "--set", "light=-1", "-o", tmp_path / "b.png")
    assert [run["faces"][0]["from_cache"] for run in (first, second)] == [False, True]
    assert second["seconds"] < first["seconds"] / 4


def test_two_faces(likeness: Likeness, tmp_path: Path) -> None:
    photo = tmp_path / "both.png"
    both = np.hstack([pixels(ASTRONAUT), pixels(HOPPER)[:512]])
    Image.fromarray(both.astype(np.uint8)).save(photo)
    edit = ("edit", photo, "--set", "light=1", "--refine-steps", 2, "-o")
    everybody = likeness(*edit, tmp_path / "all.png", "--face", 0)
    one = likeness(*edit, tmp_path / "one.png", "--face", 2)
    assert [face["number"] for face in everybody["faces"]] == [1, 2]
    assert [face["number"] for face in one["faces"]] == [2]
    assert one["faces"][0]["inversion"] == everybody["faces"][1]["inversion"]
    first, second = (rect_mask(both.shape, face["rect"]) for face in everybody["faces"])
    changed = (pixels(tmp_path / "all.png") != both).any(-1)
    assert changed[first].any()
    assert changed[second].any()
    assert not changed[~(first | second)].any()
    alone = (pixels(tmp_path / "one.png") != both).any(-1)
    assert alone[second].any()
    assert not alone[~second].any()


@pytest.mark.long
def test_twelve_megapixels(likeness: Likeness, tmp_path: Path) -> None:
    """A face over half of a telephone's picture; the rest stays, and the edit of a known face takes seconds."""
    with Image.open(ASTRONAUT) as image:
        image.convert("RGB").crop((0, 0, 512, 384)).resize((4000, 3000), Image.Resampling.BICUBIC).save(
            tmp_path / "large.png", compress_level=1
        )
    data = likeness("edit", tmp_path / "large.png", "--set", "smile=1", "-o", tmp_path / "out.png")
    before, after = pixels(tmp_path / "large.png"), pixels(tmp_path / "out.png")
    inside = rect_mask(before.shape, data["faces"][0]["rect"])
    np.testing.assert_array_equal(after[~inside], before[~inside])
    assert (after != before)[inside].mean() > 0.01
    again = likeness("edit", tmp_path / "large.png", "--set", "smile=1", "-o", tmp_path / "again.png")
    assert again["faces"][0]["from_cache"]
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out.png").read_bytes()
