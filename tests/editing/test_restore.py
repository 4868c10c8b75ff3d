"""Holes in a photograph's face, filled from the rest: nearer to the truth than smooth filling, and only there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.editing.restore import RegionFace, closed, covered, extent, invert_rest, restored
from engine.faces.detect import Face
from tests.faces_inverted import PHOTOS, Studio

STEPS = 6
# Ellipses on the astronaut, set by hand: x, y, half-width, half-height in pixels.
HOLES = {"nose": (224, 125, 10, 10), "eye": (203, 101, 12, 9), "cheek": (258, 122, 12, 12)}


@dataclass(frozen=True)
class Damage:
    """The astronaut with a white hole; its face, inverted from the rest."""

    photo: np.ndarray  # RGBA, without the hole
    hole: np.ndarray
    rgb: np.ndarray  # with the hole closed
    found: Face
    face: RegionFace

    @property
    def damaged(self) -> np.ndarray:
        damaged = self.photo.copy()
        damaged[self.hole, :3] = 255
        return damaged

    def filled(self, photo: np.ndarray) -> np.ndarray:
        """The photograph with what fills its hole."""
        result, rect = photo.copy(), extent(self.hole)
        result[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w] = restored(
            photo, self.hole, [self.face]
        ).layer
        return result

    def psnr(self, rgb: np.ndarray) -> float:
        """In the hole, against the truth."""
        difference = (rgb[..., :3].astype(float) - self.photo[..., :3])[self.hole]
        return float(10 * np.log10(255**2 / np.square(difference).mean()))


def ellipse(shape: tuple[int, ...], x: float, y: float, across: float, down: float) -> np.ndarray:
    picture = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(picture).ellipse([x - across, y - down, x + across, y + down], fill=1)
    return np.asarray(picture).copy()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGBA"))


@pytest.fixture(scope="module")
def damages(studio: Studio, astronaut: np.ndarray) -> dict[str, Damage]:
    made = {}
    for name, place in HOLES.items():
        hole = ellipse(astronaut.shape, *place)
        white = astronaut.copy()
        white[hole] = 255
        rgb = closed(np.ascontiguousarray(white[..., :3]), hole)
        (found,) = studio.detector.detect(rgb)
        face = invert_rest(studio.model, studio.mesh, rgb, hole, found, STEPS, lambda fraction: None)
        made[name] = Damage(astronaut, hole, rgb, found, face)
    return made


@pytest.mark.parametrize("name", HOLES)
def test_nearer_to_the_truth_than_mean_colour_and_membrane(damages: dict[str, Damage], name: str) -> None:
    damage = damages[name]
    mean = damage.photo.copy()
    mean[damage.hole] = damage.photo[~damage.hole].mean(0)
    ours, membrane = damage.psnr(damage.filled(damage.damaged)), damage.psnr(damage.rgb)
    print(f"{name}: {ours:.2f} dB, membrane {membrane:.2f} dB, mean colour {damage.psnr(mean):.2f} dB")
    assert ours > membrane + 0.25
    assert ours > damage.psnr(mean) + 2


@pytest.mark.parametrize("name", HOLES)
def test_not_one_pixel_changes_outside(damages: dict[str, Damage], name: str) -> None:
    damage = damages[name]
    filled = damage.filled(damage.damaged)
    assert np.array_equal(filled[~damage.hole], damage.photo[~damage.hole])
    assert np.array_equal(filled[..., 3], damage.photo[..., 3])


@pytest.mark.parametrize("name", HOLES)
def test_what_was_in_the_hole_has_no_say(damages: dict[str, Damage], name: str) -> None:
    damage = damages[name]
    black = damage.photo.copy()
    black[damage.hole, :3] = 0
    assert np.array_equal(closed(np.ascontiguousarray(black[..., :3]), damage.hole), damage.rgb)
    white = damage.filled(damage.damaged)
    assert np.array_equal(damage.filled(black), white)
    assert np.array_equal(damage.filled(damage.damaged), white)  # nor has chance


def test_floating_pixels_are_filled_alike(damages: dict[str, Damage]) -> None:
    damage = damages["nose"]
    floating = damage.photo.astype(np.float32) / 255
    floating[damage.hole, :3] = np.nan
    filled = damage.filled(floating)
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
    assert (
        np.abs(filled.clip(0, 1) * 255 - damage.filled(damage.damaged)).max() <= 2
    )  # the grain is made after rounded pixels


def test_the_filling_is_as_sharp_as_what_was_there(damages: dict[str, Damage]) -> None:
    def laplacian(damage: Damage, rgb: np.ndarray) -> float:
        luma = rgb[..., :3].astype(float) @ (0.299, 0.587, 0.114)
        edges = 4 * luma - sum(np.roll(luma, step, axis) for step in (1, -1) for axis in (0, 1))
        return float(edges[damage.hole].std())

    for name in ("nose", "cheek"):
        damage = damages[name]
        truth = laplacian(damage, damage.photo)
        assert 0.6 * truth < laplacian(damage, damage.filled(damage.damaged)) < 1.7 * truth, name
        assert laplacian(damage, damage.rgb) < 0.6 * truth, name


def test_the_other_eye_is_seen_and_the_tip_of_the_nose_has_no_other(damages: dict[str, Damage]) -> None:
    def seen(damage: Damage) -> float:
        geometry = damage.face.inversion.geometry
        region = geometry.extract(damage.hole[..., None].astype(np.uint8) * 255, 256)[..., 0] > 128
        return float(damage.face.sight[0, 0].numpy()[region].mean())

    assert seen(damages["eye"]) > 0.8
    assert seen(damages["nose"]) < 0.2


def test_beside_the_face_the_membrane_fills(damages: dict[str, Damage]) -> None:
    damage = damages["eye"]
    beside = ellipse(damage.photo.shape, 420, 60, 20, 12)
    rgb = closed(np.ascontiguousarray(damage.photo[..., :3]), beside)
    rect = extent(beside)
    for faces in ([], [damage.face]):
        result = restored(damage.photo, beside, faces)
        assert result.unknown == 1
        plain = rgb[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w].astype(int)
        assert np.abs(result.layer[..., :3] - plain).max() <= 1


def test_how_much_of_a_face_is_covered(studio: Studio, damages: dict[str, Damage]) -> None:
    damage = damages["eye"]
    assert 0.005 < covered(damage.found, studio.mesh, damage.rgb, damage.hole) < 0.1
    assert covered(damage.found, studio.mesh, damage.rgb, np.ones_like(damage.hole)) == pytest.approx(
        1, abs=0.01
    )
    assert covered(damage.found, studio.mesh, damage.rgb, ellipse(damage.photo.shape, 420, 60, 20, 12)) == 0
