"""Labelled renders in memory: what `python -m models.faces render` wrote (models/faces/README.md has the format)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from engine.errors import BadRequest
from engine.training.recipe import RenderSet

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
    except (OSError, ValueError, KeyError) as error:
        raise BadRequest(f"There are no renders in {folder}.", remedy) from error
    if there != wanted:
        raise BadRequest(f"The renders in {folder} are not those of the recipe.", remedy)
    shards = sorted(folder.glob("shard-*.npz"))
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _ARRAYS}
    for path in shards:
        with np.load(path, allow_pickle=False) as archive:
            for name in _ARRAYS:
                parts[name].append(archive[name])
    arrays = {name: np.concatenate(part) for name, part in parts.items() if part}
    if not arrays or len(arrays["image"]) != wanted.count:
        raise BadRequest(f"The renders in {folder} are not finished.", remedy)
    return Renders(
        images=torch.from_numpy(arrays["image"]).permute(0, 3, 1, 2).contiguous(),
        segmentation=torch.from_numpy(arrays["segmentation"]),
        five=torch.from_numpy(arrays["five"]).float() / wanted.size,
        landmarks=torch.from_numpy(arrays["landmarks"]).float() / wanted.size,
        parameters=torch.from_numpy(arrays["parameters"]).float(),
        names=tuple(described["parameters"]),
        regions=described["regions"],
        views=wanted.views,
        landmark_names=tuple(described["landmarks"]),
    )
