"""The judgement of feature networks on photographs, with readers whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import NoFace, PhotoUnreadable
from engine.evaluation.photographs import (
    FacePhotograph,
    face_photograph,
    five_point_error,
    identity_margin,
    read_pixels,
)
from engine.faces.detect import FaceDetector
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig, FaceReading
from engine.networks.identity import IdentityReader, IdentityReaderConfig
from engine.paths import EMBEDDED_MODELS
from tests.faces.references import PHOTOS, photograph

SIZE = 64


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")


@pytest.fixture(scope="module")
def found(detector: FaceDetector) -> list[FacePhotograph]:
    return [face_photograph(photograph(name), detector, SIZE) for name in PHOTOS]


class Answering(FaceReader):
    """Reads the same five points in every picture."""

    def __init__(self, five: torch.Tensor) -> None:
        super().__init__(FaceReaderConfig(SIZE, (8, 8, 8), ("smile",), FIVE, ("background",)))
        self.answer = five

    def forward(self, image: torch.Tensor) -> FaceReading:
        return FaceReading(torch.zeros(1, 1), self.answer, torch.zeros(1, 1, 16, 16))


class Embedding(IdentityReader):
    """Embeds by a function of the pictures' colours."""

    def __init__(self, embed: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__(IdentityReaderConfig(SIZE, (8, 8), 2, ("age",)))
        self.embed = embed

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self.embed(image), dim=1)


def test_a_photographs_face_lies_where_an_ffhq_crop_has_it(found: list[FacePhotograph]) -> None:
    for one in found:
        assert one.crop.shape == (1, 3, SIZE, SIZE)
        assert one.crop.abs().max() <= 1
        eyes = one.five[0, :2].mean(0)
        torch.testing.assert_close(eyes, torch.tensor([0.5, 0.48]), rtol=0, atol=0.03)


def test_no_face_is_said(detector: FaceDetector) -> None:
    with pytest.raises(NoFace):
        face_photograph(np.full((200, 200, 3), 128, np.uint8), detector, SIZE)


def test_a_turned_photograph_is_read_upright(tmp_path: Path) -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right side
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    upright = read_pixels(tmp_path / "turned.png")
    assert upright.shape == (6, 4, 3)
    assert (upright[:, -1] == 255).all()
    assert (upright[:, :-1] == 0).all()


def test_what_is_no_photograph_is_said(tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("not a picture")
    for name in ("note.png", "missing.png"):
        with pytest.raises(PhotoUnreadable, match=name):
            read_pixels(tmp_path / name)


def test_the_error_is_in_percent_of_the_eye_distance(found: list[FacePhotograph]) -> None:
    five = found[0].five
    eyes = (five[0, 1] - five[0, 0]).norm()
    assert five_point_error(Answering(five), found[0]) == pytest.approx(0)
    aside = five + torch.stack([0.1 * eyes, torch.tensor(0.0)])
    assert five_point_error(Answering(aside), found[0]) == pytest.approx(10, rel=1e-4)
    assert five_point_error(Answering(aside), found[0], aside) == pytest.approx(0)


def test_the_margin_is_of_persons_not_of_crops(found: list[FacePhotograph]) -> None:
    blind = identity_margin(Embedding(lambda x: torch.ones(len(x), 2)), found)
    assert (blind.same, blind.other) == (pytest.approx(1), pytest.approx(1))
    knowing = Embedding(
        lambda x: torch.eye(2)[torch.arange(len(x)) * 2 // len(x)]
    )  # they come person by person
    margin = identity_margin(knowing, found)
    assert (margin.same, margin.other) == (pytest.approx(1), pytest.approx(0))
