"""A user's photographs to train on: the largest face of each, cropped, with its mirror image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import BadRequest, PhotoError
from engine.faces.crop import ffhq_crop
from engine.faces.detect import FaceDetector
from engine.paths import EMBEDDED_MODELS
from engine.photo import load_photo


@dataclass(frozen=True)
class Photographs:
    """N faces of R pixels.

    Attributes:
        crops: [N,3,R,R] uint8 sRGB.
        made: what they are, to tell one set from another.
    """

    crops: torch.Tensor
    made: str

    def __len__(self) -> int:
        return 2 * len(self.crops)

    def pictures(self, index: torch.Tensor) -> torch.Tensor:
        """[K,3,R,R] in [-1,1]; odd numbers are mirror images."""
        pictures = self.crops[index // 2].float() / 127.5 - 1
        return torch.where((index % 2 == 1)[:, None, None, None], pictures.flip(3), pictures)


def read_photographs(folder: Path, size: int) -> Photographs:
    """All pictures of a folder in which a face is found, at `size` pixels. Raises `BadRequest` where there are none."""
    detector = FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")
    crops = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            pixels = load_photo(path).pixels
        except PhotoError:
            continue  # whatever else lies there
        if faces := detector.detect(pixels):
            crop = ffhq_crop(faces[0].points).extract_tensor(pixels, size)[0]
            crops.append(((crop.clamp(-1, 1) + 1) * 127.5).round().byte())
    if not crops:
        raise BadRequest(f"There is no photograph of a face in {folder}.", "Choose another folder.")
    stacked = torch.stack(crops)
    return Photographs(stacked, f"photographs {hashlib.sha256(stacked.numpy().tobytes()).hexdigest()}")
