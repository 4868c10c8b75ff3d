"""Layers over a photograph."""

from __future__ import annotations

import numpy as np

from engine.compose import add_mask, empty_mask, over, place


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def test_over_rounds_to_nearest() -> None:
    photo, layer = random(20, 30, 3), random(20, 30, 3)[::-1]
    mask = random(20, 30)
    exact = photo + (layer.astype(float) - photo) * (mask[..., None] / 255)
    assert np.array_equal(over(photo, layer, mask, (0, 0, 30, 20)), np.rint(exact).astype(np.uint8))


def test_all_combinations_keep_what_must_stay() -> None:
    values = np.arange(256, dtype=np.uint8)
    photo = np.repeat(values[:, None, None], 256, 1).repeat(3, 2)  # [value, mask, 3]
    mask = np.repeat(values[None], 256, 0)
    assert np.array_equal(over(photo, photo, mask, (0, 0, 256, 256)), photo)
    result = over(photo, 255 - photo, mask, (0, 0, 256, 256))
    assert np.array_equal(result[:, 0], photo[:, 0])
    assert np.array_equal(result[:, 255], 255 - photo[:, 255])


def test_alpha_stays_the_photographs() -> None:
    photo, layer = random(4, 4, 4), random(4, 4, 4)[::-1]
    result = over(photo, layer, np.full((4, 4), 255, np.uint8), (0, 0, 4, 4))
    assert np.array_equal(result[..., 3], photo[..., 3])
    assert np.array_equal(result[..., :3], layer[..., :3])


def test_rects_reach_over_the_border() -> None:
    photo = np.zeros((10, 10, 3), np.uint8)
    layer, mask = np.full((8, 8, 4), 200, np.uint8), np.full((8, 8), 255, np.uint8)
    assert over(photo, layer, mask, (-4, -4, 8, 8)).any(-1).sum() == 16
    assert over(photo, layer, mask, (6, 8, 8, 8)).any(-1).sum() == 8
    assert over(photo, layer, mask, (30, -20, 8, 8)).sum() == 0
    assert photo.sum() == 0


def test_place_and_masks() -> None:
    photo = random(6, 6, 3)
    generated = np.full((4, 4, 4), 9, np.uint8)
    generated[..., 3] = 0
    generated[1:3, 1:3, 3] = 255
    placed = place(photo, generated, (1, 1, 4, 4))
    assert (placed[2:4, 2:4] == 9).all()
    assert np.array_equal(placed[:2], photo[:2])
    whole = add_mask(empty_mask(photo), np.full((4, 4), 30, np.uint8), generated, (1, 1, 4, 4))
    assert (whole[2:4, 2:4] == 30).all()
    assert (whole == 255).sum() == 32
    again = add_mask(whole, np.full((4, 4), 90, np.uint8), generated, (2, 2, 4, 4))
    assert again[3, 3] == 30
    assert again[4, 4] == 90
