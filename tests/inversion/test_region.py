"""Inverting with a region left out: what lies in it has no say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from engine.faces.crop import CropGeometry
from engine.inversion.fields import resize
from engine.inversion.invert import crop_tensor
from engine.inversion.mask import NOWHERE, invertibility_mask
from engine.inversion.refine import GUESSED, landmark_weights, refine
from tests.faces_inverted import PHOTOS, Studio

CHEEK, INNER = np.s_[..., 272:400, 304:432], np.s_[..., 320:384, 352:416]


@pytest.fixture(scope="module")
def crop() -> torch.Tensor:
    """Of the astronaut's face."""
    photo = np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGB"))
    return crop_tensor(CropGeometry.from_centre((224, 105), 190).extract(photo, 512).clip(0, 255))


@pytest.fixture(scope="module")
def landmarks(studio: Studio, crop: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return studio.mesh.landmarks(crop)[0]


def test_colours_in_a_region_are_not_compared(
    studio: Studio, crop: torch.Tensor, landmarks: torch.Tensor
) -> None:
    region = torch.zeros(1, 1, 512, 512)
    region[CHEEK] = 1
    green = crop.clone()
    green[INNER] = torch.tensor([-1.0, 1.0, -1.0])[:, None, None]

    def fitted(photo: torch.Tensor, region: torch.Tensor = NOWHERE) -> torch.Tensor:
        return refine(studio.model, photo, landmarks, 2, lambda fraction: None, region).c

    assert torch.allclose(fitted(crop, region), fitted(green, region), atol=1e-4)
    assert not torch.allclose(fitted(crop), fitted(green), atol=1e-2)


def test_landmarks_in_a_region_hardly_count(landmarks: torch.Tensor) -> None:
    region = torch.zeros(1, 1, 64, 64)
    region[..., :32] = 1
    plain, weights = (landmark_weights(landmarks, given) for given in (torch.zeros(1, 1, 1, 1), region))
    assert torch.allclose(weights[landmarks[:, 0] < 0.48], plain[landmarks[:, 0] < 0.48] * GUESSED)
    assert torch.equal(weights[landmarks[:, 0] > 0.52], plain[landmarks[:, 0] > 0.52])


def test_the_mask_is_carried_over_into_a_region(crop: torch.Tensor, landmarks: torch.Tensor) -> None:
    region = torch.zeros(1, 1, 512, 512)
    region[CHEEK] = 1
    green = crop.clone()
    green[INNER] = torch.tensor([-1.0, 1.0, -1.0])[:, None, None]
    inner = np.s_[..., 166:186, 182:202]
    smooth = resize(resize(crop, 64), 256)  # stands in for the generated face
    plain, found = (invertibility_mask(photo, smooth, landmarks)[inner].mean() for photo in (crop, green))
    assert found > plain + 0.3
    plain, found = (invertibility_mask(photo, smooth, landmarks, region) for photo in (crop, green))
    assert torch.allclose(plain, found, atol=0.01)
