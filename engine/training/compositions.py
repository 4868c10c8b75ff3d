"""Compositions in memory: what `python -m models.faces compose` wrote (models/faces/README.md has the format).

*Convention.* As in `models.faces.labels.Composition`, but the flow is in crop units, corner-based: the photograph at p shows
what the plain render has at p + flow(p), wherever the invertibility mask is 0.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from engine.errors import BadRequest
from engine.networks.flow import warp
from engine.training.inversion_recipe import CompositionSet
from engine.training.renders import shrunk

_FORMAT = 2  # of models/faces/dataset.py
_ARRAYS = (
    "image", "plain", "invertibility_mask", "flow", "kind", "segmentation", "five", "landmarks", "parameters",
)  # fmt: skip
_STEPS = 6  # of the search for where a point of the plain render is in the photograph


class CompositionSource(Protocol):
    """N photographs with what a generator cannot make in them, beside perfect inversions, and the truth about both.

    All methods take numbers [K] of compositions and a side in pixels.

    Attributes:
        size: side in pixels at which they are at their best.
        parameters, names: [N,P], what a `FaceSource` makes codes of (`codes_of`).
        kinds, occluders: [N], what was put before each face first; value of each occluder's name.
        made: what they are, to tell one set from another.
    """

    @property
    def size(self) -> int: ...

    @property
    def parameters(self) -> torch.Tensor: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def kinds(self) -> torch.Tensor: ...

    @property
    def occluders(self) -> dict[str, int]: ...

    @property
    def made(self) -> str: ...

    def __len__(self) -> int: ...

    def photographs(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,3,resolution,resolution] in [-1,1]."""
        ...

    def inversions(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """What perfect inversions give: [K,3,resolution,resolution] in [-1,1]."""
        ...

    def invertibility_masks(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,1,resolution,resolution], 0…1."""
        ...

    def flows(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,2,resolution,resolution], crop units."""
        ...

    def backgrounds(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """How much of each of the photograph's pixels is background, whatever is before it: [K,1,res,res], 0…1."""
        ...


@dataclass(frozen=True)
class Compositions:
    """N compositions of S pixels.

    Attributes:
        images, plain: [N,3,S,S] uint8 sRGB: the photograph, and what a perfect inversion of it gives.
        masks: [N,S,S] uint8, 255 = out-of-domain.
        raw_flow: [N,2,S,S] float16, pixels.
        kinds: [N] int64, values of `occluders`: what was put before the face first.
        segmentation: [N,S,S] uint8 of the plain renders, values of `regions`.
        five, landmarks: [N,5,2], [N,L,2] of the plain renders, in crop units.
        parameters: [N,P] raw, of the plain renders.
        names, regions, landmark_names, made: as in `Renders`.
    """

    images: torch.Tensor
    plain: torch.Tensor
    masks: torch.Tensor
    raw_flow: torch.Tensor
    kinds: torch.Tensor
    segmentation: torch.Tensor
    five: torch.Tensor
    landmarks: torch.Tensor
    parameters: torch.Tensor
    names: tuple[str, ...]
    regions: dict[str, int]
    occluders: dict[str, int]
    landmark_names: tuple[str, ...] = ()
    made: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        return self.images.shape[-1]

    def photographs(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,3,resolution,resolution] in [-1,1]."""
        return shrunk(self.images[index].float() / 127.5 - 1, resolution)

    def inversions(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """The plain renders [K,3,resolution,resolution] in [-1,1]."""
        return shrunk(self.plain[index].float() / 127.5 - 1, resolution)

    def invertibility_masks(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,1,resolution,resolution], 0…1."""
        return shrunk(self.masks[index][:, None].float() / 255, resolution)

    def flows(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,2,resolution,resolution], crop units."""
        return shrunk(self.raw_flow[index].float() / self.raw_flow.shape[-1], resolution)

    def backgrounds(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """How much of each of the photograph's pixels is background, whatever is before it: [K,1,res,res], 0…1."""
        plain = (self.segmentation[index] == self.regions["background"])[:, None].float()
        return shrunk(warp(plain, self.flows(index, plain.shape[-1])), resolution)

    def points(self, index: torch.Tensor) -> torch.Tensor:
        """The five and the landmarks where the photographs show them: [K,5+L,2] in crop units.

        p + flow(p) is where the plain render has the point; p is found by iteration, as flows are contractions.
        """
        plain = torch.cat([self.five[index], self.landmarks[index]], 1)
        flow = self.flows(index, self.raw_flow.shape[-1])
        found = plain
        for _ in range(_STEPS):
            at = (2 * found - 1)[:, :, None]
            there = torch.nn.functional.grid_sample(flow, at, padding_mode="border", align_corners=False)
            found = plain - there[..., 0].transpose(1, 2)
        return found


def read_compositions(folder: Path, wanted: CompositionSet) -> Compositions:
    """Read the compositions of a recipe. Raises `BadRequest` when they are missing or not those, and says what to run."""
    remedy = f"Make them with: {wanted.command(folder)}"
    try:
        described = json.loads((folder / "set.json").read_text("utf-8"))
        there = CompositionSet(**{name: described[name] for name in CompositionSet.model_fields})
        right = there == wanted and described["format"] == _FORMAT and described["kind"] == "compositions"
        names, regions, landmarks, occluders = (
            described[key] for key in ("parameters", "regions", "landmarks", "occluders")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"There are no compositions in {folder}.", remedy) from error
    if not right:
        raise BadRequest(f"The compositions in {folder} are not those of the recipe.", f"Remove them. {remedy}")
    arrays = _read_shards(folder, wanted.count, remedy)
    return Compositions(
        images=torch.from_numpy(arrays["image"]).permute(0, 3, 1, 2),
        plain=torch.from_numpy(arrays["plain"]).permute(0, 3, 1, 2),
        masks=torch.from_numpy(arrays["invertibility_mask"]),
        raw_flow=torch.from_numpy(arrays["flow"]).permute(0, 3, 1, 2),
        kinds=torch.from_numpy(arrays["kind"]),
        segmentation=torch.from_numpy(arrays["segmentation"]),
        five=torch.from_numpy(arrays["five"]).float() / wanted.size,
        landmarks=torch.from_numpy(arrays["landmarks"]).float() / wanted.size,
        parameters=torch.from_numpy(arrays["parameters"]).float(),
        names=tuple(names),
        regions=regions,
        occluders=occluders,
        landmark_names=tuple(landmarks),
        made=f"{wanted!r} format {_FORMAT}",
    )


def _read_shards(folder: Path, count: int, remedy: str) -> dict[str, np.ndarray]:
    """All shards' arrays, joined. Raises `BadRequest` where they are damaged or fewer than `count`."""
    arrays: dict[str, np.ndarray] = {}
    filled = 0
    for path in sorted(folder.glob("shard-*.npz")):
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                parts = {name: archive[name] for name in _ARRAYS}
            if not arrays:  # once, for all shards: a set fills a good part of the memory
                arrays = {name: np.empty((count, *part.shape[1:]), part.dtype) for name, part in parts.items()}
            there = len(parts["image"])
            for name, part in parts.items():
                arrays[name][filled : filled + there] = part
            filled += there
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise BadRequest(f"{path} is damaged: {error}.", f"Remove it, then: {remedy}") from error
    if filled != count:
        raise BadRequest(f"The compositions in {folder} are not finished.", remedy)
    return arrays
