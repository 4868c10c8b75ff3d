"""Labelled renders in memory: what `python -m models.faces render` wrote (models/faces/README.md has the format)."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from engine.errors import BadRequest
from engine.training.recipe import RenderSet

_FORMAT = 2  # of models/faces/dataset.py
_ARRAYS = ("image", "segmentation", "five", "landmarks", "parameters")


@dataclass(frozen=True)
class Renders:
    """N renders of S pixels.

    Attributes:
        images: [N,3,S,S] uint8 sRGB.
        segmentation: [N,S,S] uint8, values of `regions`.
        five: [N,5,2] in crop units, 0…1: eyes (the picture's left first), nose tip, mouth corners.
        landmarks: [N,L,2] in crop units.
        parameters: [N,P] raw.
        names: of the P parameters.
        regions: value of each region's name.
        views: consecutive pictures that show one head.
        made: what they are, to tell one set from another.
        landmark_names: of the L landmarks; left and right are the person's.
    """

    images: torch.Tensor
    segmentation: torch.Tensor
    five: torch.Tensor
    landmarks: torch.Tensor
    parameters: torch.Tensor
    names: tuple[str, ...]
    regions: dict[str, int]
    views: int = 1
    landmark_names: tuple[str, ...] = ()
    made: str = ""

    def __len__(self) -> int:
        return len(self.images)

    def pictures(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """Images [K,3,resolution,resolution] in [-1,1], area means of the renders."""
        return shrunk(self.images[index].float() / 127.5 - 1, resolution)

    def columns(self, *names: str) -> torch.Tensor:
        """The parameters called `names`: [N, len(names)]."""
        return self.parameters[:, [self.names.index(name) for name in names]]


def shrunk(x: torch.Tensor, resolution: int) -> torch.Tensor:
    """[K,C,S,S] → [K,C,resolution,resolution] by area means; S is a multiple of `resolution`."""
    factor = x.shape[-1] // resolution
    return x if factor == 1 else F.avg_pool2d(x, factor)


def read_renders(folder: Path, wanted: RenderSet) -> Renders:
    """Read the renders of a recipe. Raises `BadRequest` when they are missing or not those, and says what to run."""
    remedy = f"Make them with: {wanted.command(folder)}"
    try:
        described = json.loads((folder / "set.json").read_text("utf-8"))
        there = RenderSet(**{name: described[name] for name in RenderSet.model_fields if name in described})
        right = there == wanted and described["format"] == _FORMAT and described["kind"] == "renders"
        names, regions, landmarks = (described[key] for key in ("parameters", "regions", "landmarks"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"There are no renders in {folder}.", remedy) from error
    if not right:
        raise BadRequest(f"The renders in {folder} are not those of the recipe.", f"Remove them. {remedy}")
    arrays = _read_shards(folder, wanted, remedy)
    return Renders(
        images=torch.from_numpy(arrays["image"]).permute(0, 3, 1, 2),
        segmentation=torch.from_numpy(arrays["segmentation"]),
        five=torch.from_numpy(arrays["five"]).float() / wanted.size,
        landmarks=torch.from_numpy(arrays["landmarks"]).float() / wanted.size,
        parameters=torch.from_numpy(arrays["parameters"]).float(),
        names=tuple(names),
        regions=regions,
        views=wanted.views,
        landmark_names=tuple(landmarks),
        made=f"{wanted!r} format {_FORMAT}",
    )


def _read_shards(folder: Path, wanted: RenderSet, remedy: str) -> dict[str, np.ndarray]:
    """All shards' arrays, joined. Raises `BadRequest` where they are damaged or fewer than wanted."""
    arrays: dict[str, np.ndarray] = {}
    filled = 0
    for path in sorted(folder.glob("shard-*.npz")):
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                parts = {name: archive[name] for name in _ARRAYS}
            if not arrays:  # once, for all shards: a set fills a good part of the memory
                arrays = {
                    name: np.empty((wanted.count, *part.shape[1:]), part.dtype) for name, part in parts.items()
                }
            count = len(parts["image"])
            for name, part in parts.items():
                arrays[name][filled : filled + count] = part
            filled += count
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise BadRequest(f"{path} is damaged: {error}.", f"Remove it, then: {remedy}") from error
    if filled != wanted.count:
        raise BadRequest(f"The renders in {folder} are not finished.", remedy)
    return arrays
