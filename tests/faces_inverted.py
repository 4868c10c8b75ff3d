"""Both photographs, inverted once for all tests of inversion and editing (see the fixtures in tests/conftest.py)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.editing.codes import ParameterCodes
from engine.editing.transfer import PreparedFace, layer_mask, transferred
from engine.faces.crop import Rect
from engine.faces.detect import FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.inversion.invert import invert, take_crop
from engine.inversion.types import Inversion
from engine.networks.features import FaceReader
from engine.paths import EMBEDDED_MODELS, Home
from engine.settings import Settings
from engine.weights.features import load_face_reader
from engine.weights.store import FaceModel, load_model

PHOTOS = Path(__file__).parent / "photos"
NAMES = ("astronaut.png", "grace_hopper.jpg")
STEPS = Settings().refine_steps


@dataclass(frozen=True)
class Studio:
    """What inverting needs, loaded once."""

    model: FaceModel
    mesh: FaceMesh
    reader: FaceReader
    detector: FaceDetector

    @classmethod
    def open(cls) -> Studio:
        torch.set_num_threads(1)
        return cls(
            load_model("default", Home(Path("nowhere")), torch.device("cpu")),
            FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors"),
            load_face_reader(EMBEDDED_MODELS / "features", torch.device("cpu")),
            FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors"),
        )

    def invert(self, name: str, steps: int = STEPS) -> Inverted:
        photo = np.asarray(Image.open(PHOTOS / name).convert("RGBA"))
        face = self.detector.detect(np.ascontiguousarray(photo[..., :3]))[0]
        crop, geometry = take_crop(photo[..., :3], face)
        inversion = invert(
            self.model, self.mesh, crop, geometry, face, steps, lambda fraction: None, reader=self.reader
        )
        return Inverted(self, photo, inversion, PreparedFace(ParameterCodes(self.model, inversion), inversion))


@dataclass(frozen=True)
class Inverted:
    """A photograph RGBA [H,W,4] and its largest face."""

    studio: Studio
    photo: np.ndarray
    inversion: Inversion
    prepared: PreparedFace

    @property
    def rect(self) -> Rect:
        return self.inversion.geometry.bounds(self.photo.shape[1], self.photo.shape[0])

    def edited(self, **strengths: float) -> np.ndarray:
        """The photograph with these edits, layer over photograph as GIMP composites it."""
        directions = self.studio.model.directions
        edits = {directions[name.replace("_", "-")]: strength for name, strength in strengths.items()}
        rect, geometry = self.rect, self.inversion.geometry
        layer = transferred(self.photo, geometry, self.prepared.change(edits), rect).astype(np.float32)
        mask = layer_mask(self.inversion, geometry, rect).astype(np.float32)[..., None] / 255
        result = self.photo.copy()
        part = result[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w]
        part[:] = np.rint(part + (layer - part) * mask).astype(np.uint8)
        return result

    def landmarks_of(self, photo: np.ndarray) -> torch.Tensor:
        """The mesh's landmarks [468,2] of another state of the photograph, in the inversion's crop."""
        crop = self.inversion.geometry.extract_tensor(np.ascontiguousarray(photo[..., :3]), 512)
        with torch.no_grad():
            return self.studio.mesh.landmarks(crop)[0]
