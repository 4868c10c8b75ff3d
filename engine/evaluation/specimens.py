"""What methods are compared on: crops of faces, each with a region that counts as in-domain whatever a method says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from engine.errors import BadRequest, LikenessError, NoFace
from engine.evaluation.photographs import read_pixels
from engine.faces.crop import CropGeometry
from engine.faces.detect import Face, FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.inversion.fields import resize
from engine.inversion.hull import oval, polygon
from engine.inversion.invert import crop_tensor, take_crop
from engine.inversion.types import CROP_SIZE
from engine.paths import EMBEDDED_MODELS
from engine.training import draws
from engine.training.compositions import read_compositions
from engine.training.losses import FACE
from engine.training.recipe import Recipe
from engine.training.renders import Renders
from engine.training.stages import renders_of

SIZE = 256  # px at which things are compared
WHOLE = CropGeometry((0.0, 0.0), (float(CROP_SIZE), 0.0))  # of a crop in itself
ITSELF = Face((0.0, 0.0, float(CROP_SIZE), float(CROP_SIZE)), 1.0, np.zeros((5, 2)))
RENDERS, COMPOSITIONS, PHOTOGRAPHS = "held-out renders", "held-out compositions", "photographs"
_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, eq=False)
class Specimen:
    """One crop.

    Attributes:
        data, name: of the set, and in it.
        crop: uint8 [512,512,3].
        region: [1,1,256,256] 0…1: in-domain by the truth, of photographs by the face's outline.
    """

    data: str
    name: str
    crop: np.ndarray
    region: torch.Tensor

    @property
    def key(self) -> str:
        """Tells it from others, and from another picture of the same name."""
        return f"{self.data}/{self.name}/{self._digest}"

    @property
    def sheet(self) -> str:
        """Name of the file that shows what was made of it, and of no other picture."""
        return f"{self.data.replace(' ', '-')}-{Path(self.name).stem}-{self._digest}.png"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.crop.tobytes()).hexdigest()[:16]

    @property
    def photo(self) -> torch.Tensor:
        """[1,3,256,256] in [-1,1]."""
        return resize(crop_tensor(self.crop), SIZE)


@dataclass(frozen=True)
class Collection:
    """The specimens that were found, and what could not be had: a sentence by name of a set or a file."""

    specimens: tuple[Specimen, ...]
    missing: dict[str, str]


def collect(
    recipe: Recipe, data: Path, photographs: Sequence[Path], mesh: FaceMesh, seed: int, limit: int | None
) -> Collection:
    """Held-out renders and compositions of a recipe, and photographs: of each at most `limit`, chosen by the seed."""
    specimens: list[Specimen] = []
    missing: dict[str, str] = {}
    for name, read in ((RENDERS, _renders), (COMPOSITIONS, _compositions)):
        try:
            specimens += read(recipe, data, seed, limit)
        except BadRequest as error:
            missing[name] = str(error)
    detector = FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")
    files = _files(photographs)
    for path in [files[number] for number in _chosen(len(files), seed, limit)]:
        try:
            specimens.append(photograph(path, detector, mesh))
        except LikenessError as error:
            missing[path.name] = str(error)
    if not specimens:
        raise BadRequest("There is nothing to measure on.", " ".join(missing.values()))
    return Collection(tuple(specimens), missing)


def photograph(path: Path, detector: FaceDetector, mesh: FaceMesh) -> Specimen:
    """The largest face of a photograph. Raises `PhotoUnreadable`, `NoFace`."""
    pixels = read_pixels(path)
    if not (faces := detector.detect(pixels)):
        raise NoFace("No face was found in it.", "Leave it out.")
    crop, _ = take_crop(pixels, faces[0])
    with torch.no_grad():
        outline = oval(mesh.landmarks(crop_tensor(crop))[0])
    return Specimen(PHOTOGRAPHS, path.name, crop, polygon(outline, SIZE))


def rendered(renders: Renders, number: int) -> Specimen:
    """A held-out render, enlarged; in-domain is its face."""
    wanted = torch.tensor([renders.regions[name] for name in FACE])
    face = torch.isin(renders.segmentation[number], wanted)[None, None].float()
    crop = enlarged_crop(renders.images[number : number + 1].float() / 127.5 - 1)
    return Specimen(RENDERS, f"{number:04}", crop, F.interpolate(face, (SIZE, SIZE)))


def enlarged_crop(picture: torch.Tensor) -> np.ndarray:
    """A picture [1,3,S,S] in [-1,1] as a crop, uint8 [512,512,3]."""
    large = F.interpolate(picture, (CROP_SIZE, CROP_SIZE), mode="bicubic", align_corners=False)
    return ((large[0] + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


def _renders(recipe: Recipe, data: Path, seed: int, limit: int | None) -> list[Specimen]:
    renders = renders_of(recipe, recipe.generator.stages[-1].held_out, data)
    return [rendered(renders, number) for number in _chosen(len(renders), seed, limit)]


def _compositions(recipe: Recipe, data: Path, seed: int, limit: int | None) -> list[Specimen]:
    inversion = recipe.inversion
    if inversion is None or not inversion.samm:
        raise BadRequest("The recipe has no held-out compositions.")
    name = inversion.samm[0].held_out
    there = read_compositions(data / name, inversion.compositions[name])
    made = []
    for number in _chosen(len(there), seed, limit):
        index = torch.tensor([number])
        inside = 1 - resize(there.invertibility_masks(index, there.size), SIZE)
        made.append(
            Specimen(COMPOSITIONS, f"{number:04}", enlarged_crop(there.photographs(index, there.size)), inside)
        )
    return made


def _chosen(count: int, seed: int, limit: int | None) -> list[int]:
    return sorted(torch.randperm(count, generator=draws.generator(seed, "specimens"))[:limit].tolist())


def _files(photographs: Sequence[Path]) -> list[Path]:
    """Files, and all pictures in folders."""
    found = []
    for path in photographs:
        inside = (
            sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES)
            if path.is_dir()
            else [path]
        )
        found += inside
    return found
