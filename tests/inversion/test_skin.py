"""Bare skin beyond the face: found on both photographs, and edited with the face."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.inversion.invert import crop_tensor
from engine.inversion.skin import SIZE, skin_map
from tests.faces_inverted import Inverted, Studio

# Places by hand, in crop units: on bare skin, and on what is near it or looks like it.
PLACES = {
    "astronaut.png": {
        "bare": [(0.5, 0.86), (0.38, 0.88), (0.4, 0.55)],
        "other": [(0.5, 0.2), (0.1, 0.3), (0.5, 0.985), (0.8, 0.4), (0.1, 0.9)],
    },
    "grace_hopper.jpg": {
        "bare": [(0.46, 0.97), (0.8, 0.54), (0.35, 0.62)],
        "other": [(0.5, 0.2), (0.1, 0.6), (0.9, 0.3), (0.1, 0.95), (0.05, 0.8)],
    },
}


@pytest.mark.parametrize("name", PLACES)
def test_skin_is_told_from_hair_cloth_and_background(inverted: dict[str, Inverted], name: str) -> None:
    bare = inverted[name].inversion.bare_skin
    assert bare is not None
    values = {kind: [at(bare, place) for place in places] for kind, places in PLACES[name].items()}
    assert min(values["bare"]) > 0.6, values
    assert max(values["other"]) < 0.1, values


@pytest.mark.parametrize("name", PLACES)
def test_what_is_not_joined_to_the_face_is_left_out(
    studio: Studio, inverted: dict[str, Inverted], name: str
) -> None:
    inversion = inverted[name].inversion
    crop = crop_tensor(inversion.crop).clone()
    cheek = crop[..., 280:310, 190:220].mean((2, 3), keepdim=True)
    crop[..., 420:500, 10:70] = cheek
    found = skin_map(studio.reader, crop, inversion.landmarks)[0, 0]
    assert at(found, (0.08, 0.9)) < 0.1


@pytest.mark.parametrize("name", PLACES)
def test_skin_tone_goes_down_the_neck_and_nowhere_else(inverted: dict[str, Inverted], name: str) -> None:
    face = inverted[name]
    tone = face.prepared.change({face.studio.model.directions["skin-tone"]: 1.0}).tone[0].log().mean(0)
    cheek, neck = at(tone, (0.4, 0.6)), at(tone, PLACES[name]["bare"][0])
    assert cheek < -0.05
    assert neck < 0.6 * cheek
    free = 1 - face.inversion.invertibility_mask
    for place in PLACES[name]["other"]:
        assert abs(at(tone, place) * at(free, place)) < 0.1 * abs(cheek)


def test_same_map_twice(studio: Studio, inverted: dict[str, Inverted]) -> None:
    inversion = inverted["astronaut.png"].inversion
    again = skin_map(studio.reader, crop_tensor(inversion.crop), inversion.landmarks)[0, 0]
    assert inversion.bare_skin is not None
    assert np.array_equal((again * 255).round().numpy(), (inversion.bare_skin * 255).round().numpy())


def at(image: torch.Tensor, place: tuple[float, float]) -> float:
    """The mean around a place of a map [S,S]."""
    x, y = (round(value * SIZE) for value in place)
    return float(image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].mean())
