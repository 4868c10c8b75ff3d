"""How feature networks that learned from renders do on photographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from engine.errors import NoFace, PhotoUnreadable
from engine.faces.crop import ffhq_crop
from engine.faces.detect import FaceDetector
from engine.networks.features import FaceReader
from engine.networks.identity import IdentityReader
from engine.training import draws
from engine.training.augmentation import recoloured
from engine.training.dice import Dice
from engine.training.face_task import in_eye_distances
from engine.training.jitter import Jitter, moved_pictures

_VARIANTS = 4  # crops of each photograph, jittered and recoloured
_JITTERED = 0.5  # of what training does


@dataclass(frozen=True)
class FacePhotograph:
    """The largest face of a photograph.

    Attributes:
        crop: [1,3,S,S] in [-1,1], cut as FFHQ does.
        five: [1,5,2], the detector's points in crop units.
    """

    crop: torch.Tensor
    five: torch.Tensor


@dataclass(frozen=True)
class IdentityMargin:
    """How identity embeddings of several pictures of several persons lie.

    Attributes:
        same: the least cosine between two pictures of one person.
        other: the greatest cosine between pictures of two persons.
        nearest: the share of pictures whose nearest other picture is of the same person.
    """

    same: float
    other: float
    nearest: float


def read_pixels(path: Path) -> np.ndarray:
    """A photograph file upright as [H,W,3] uint8 RGB. Raises `PhotoUnreadable`."""
    try:
        with Image.open(path) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PhotoUnreadable(f"{path} cannot be read: {error}.") from error


def face_photograph(image: np.ndarray, detector: FaceDetector, size: int) -> FacePhotograph:
    """Find and cut the largest face of [H,W,3] uint8. Raises `NoFace`."""
    faces = detector.detect(image)
    if not faces:
        raise NoFace("No face was found in the photograph.")
    crop = ffhq_crop(faces[0].points)
    five = torch.from_numpy(crop.image_to_crop(faces[0].points)).float()
    return FacePhotograph(crop.extract_tensor(image, size).clamp(-1, 1), five[None])


@torch.no_grad()
def five_point_error(
    reader: FaceReader, photograph: FacePhotograph, wanted: torch.Tensor | None = None
) -> float:
    """Mean distance of the reader's five points in percent of the eye distance from `wanted` [1,5,2] in crop units.

    Without `wanted`, from the detector's.
    """
    five = reader(photograph.crop).five
    return float(100 * in_eye_distances(five, photograph.five if wanted is None else wanted).mean())


@torch.no_grad()
def identity_margin(reader: IdentityReader, photographs: list[FacePhotograph]) -> IdentityMargin:
    """How well different persons' photographs are told apart under jitter, other colours and mirroring."""
    pictures = torch.cat([_variants(photograph.crop, k) for k, photograph in enumerate(photographs)])
    person = torch.arange(len(photographs)).repeat_interleave(len(pictures) // len(photographs))
    embeddings = reader(pictures)
    similarity = embeddings @ embeddings.T
    same = person[:, None] == person[None]
    nearest = (similarity - 3 * torch.eye(len(similarity))).argmax(1)
    return IdentityMargin(
        float(similarity[same].min()),
        float(similarity[~same].max()),
        float((person[nearest] == person).float().mean()),
    )


def _variants(crop: torch.Tensor, seed: int) -> torch.Tensor:
    """The crop, its mirror image, and some more, jittered and recoloured: [2 + _VARIANTS,3,S,S]."""
    dice = [Dice(draws.generator(seed, "variants", k)) for k in range(_VARIANTS)]
    moved = moved_pictures(crop.repeat(_VARIANTS, 1, 1, 1), [Jitter.draw(die, _JITTERED) for die in dice])
    coloured = [recoloured((one + 1) / 2, die) * 2 - 1 for one, die in zip(moved, dice, strict=True)]
    return torch.stack([crop[0], crop[0].flip(2), *coloured])
