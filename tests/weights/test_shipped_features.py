"""The feature networks that are shipped, on photographs of people they have never seen."""

from __future__ import annotations

import pytest
import torch

from engine.evaluation.photographs import FacePhotograph, face_photograph, five_point_error, identity_margin
from engine.faces.detect import FaceDetector
from engine.paths import EMBEDDED_MODELS
from engine.weights.features import load_face_reader, load_identity_reader
from tests.faces.references import PHOTOS, photograph

FEATURES = EMBEDDED_MODELS / "features"
CPU = torch.device("cpu")
# Percent of the eye distance, from YuNet's points, which are off themselves (tests/faces/test_landmarks.py).
LARGEST_ERROR = {"astronaut.png": 11.5, "grace_hopper.jpg": 9.0}
LARGEST_FILES = 4_000_000  # bytes, both together


@pytest.fixture(scope="module")
def found() -> dict[str, FacePhotograph]:
    detector = FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")
    size = load_face_reader(FEATURES, CPU).config.size
    return {name: face_photograph(photograph(name), detector, size) for name in PHOTOS}


@pytest.mark.parametrize("name", PHOTOS)
def test_five_points_on_photographs(found: dict[str, FacePhotograph], name: str) -> None:
    assert five_point_error(load_face_reader(FEATURES, CPU), found[name]) <= LARGEST_ERROR[name]


def test_what_the_photographs_show_is_read(found: dict[str, FacePhotograph]) -> None:
    """A broad smile without glasses; glasses, and no beard."""
    reader = load_face_reader(FEATURES, CPU)
    smiling, wearing = (
        dict(zip(reader.config.attributes, reader(found[name].crop).attributes[0].tolist(), strict=True))
        for name in ("astronaut.png", "grace_hopper.jpg")
    )
    assert smiling["smile"] > 1
    assert smiling["smile"] > wearing["smile"]
    assert wearing["glasses"] > 0 > smiling["glasses"]
    assert max(smiling["beard"], wearing["beard"]) < 0


def test_one_person_is_nearest_to_herself(found: dict[str, FacePhotograph]) -> None:
    margin = identity_margin(load_identity_reader(FEATURES, CPU), list(found.values()))
    assert margin.nearest == 1


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FEATURES.glob("*.safetensors")) <= LARGEST_FILES
