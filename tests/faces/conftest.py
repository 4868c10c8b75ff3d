"""Networks and photographs, read once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.faces.crop import CropGeometry, ffhq_crop
from engine.faces.detect import Face, FaceDetector
from engine.faces.landmarks import FaceMesh
from tests.faces.references import PHOTOS, photograph

MODELS = Path(__file__).parents[2] / "models"
YUNET = MODELS / "yunet" / "yunet.safetensors"
FACEMESH = MODELS / "facemesh" / "facemesh.safetensors"


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small networks on shared cores: threads cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    return FaceDetector(YUNET)


@pytest.fixture(scope="session")
def mesh() -> FaceMesh:
    return FaceMesh.load(FACEMESH)


@pytest.fixture(scope="session")
def photos() -> dict[str, np.ndarray]:
    return {name: photograph(name) for name in PHOTOS}


@pytest.fixture(scope="session")
def faces(detector: FaceDetector, photos: dict[str, np.ndarray]) -> dict[str, Face]:
    """The one face of each photograph."""
    return {name: detector.detect(photo)[0] for name, photo in photos.items()}


@pytest.fixture(scope="session")
def crops(faces: dict[str, Face]) -> dict[str, CropGeometry]:
    return {name: ffhq_crop(face.points) for name, face in faces.items()}
