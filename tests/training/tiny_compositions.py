"""Small sets of compositions for training tests, in the format of `models/faces/dataset.py`, drawn without the renderer."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from engine.training.compositions import Compositions, read_compositions
from engine.training.inversion_recipe import CompositionSet
from engine.training.recipe import RenderSet
from models.faces import head_data, parameters
from models.faces.labels import OccluderKind, Region
from tests.training.conftest import LABELS, SHARD, Drawing, draw_parameters

TINY = CompositionSet(count=24, seed=11, size=32)
TINY_HELD_OUT = CompositionSet(count=16, seed=12, size=32)
_SHIFT = 0.06  # of the side, at most


def tiny(folder: Path, wanted: CompositionSet = TINY) -> Compositions:
    """Write a set, where it is not there yet, and read it."""
    if not folder.exists():
        write_compositions(folder, wanted)
    return read_compositions(folder, wanted)


def write_compositions(folder: Path, wanted: CompositionSet) -> None:
    """Write a set that `read_compositions` takes for `wanted`."""
    folder.mkdir(parents=True)
    described = {
        "format": 2,
        "kind": "compositions",
        **wanted.model_dump(),
        "parameters": list(parameters.names()),
        "landmarks": list(head_data.load().landmark_names),
        "regions": {region.name.lower(): int(region) for region in Region},
        "occluders": {occluder.name.lower(): int(occluder) for occluder in OccluderKind},
    }
    (folder / "set.json").write_text(json.dumps(described), "utf-8")
    rng = np.random.default_rng(wanted.seed)
    vectors = draw_parameters(rng, RenderSet(count=wanted.count, seed=wanted.seed, size=wanted.size, views=1))
    for number, first in enumerate(range(0, wanted.count, SHARD)):
        made = [composition(rng, vector, wanted.size) for vector in vectors[first : first + SHARD]]
        arrays = {name: np.stack([one[name] for one in made]) for name in made[0]}
        with zipfile.ZipFile(folder / f"shard-{number:05d}.npz", "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def composition(rng: np.random.Generator, vector: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """One composition: a drawing with stripes, shifted, and every third time nothing before it, else a square."""
    drawing = Drawing.of(vector, size)
    stripes = 30 * np.sin(np.arange(size) * rng.uniform(0.5, 1.5))
    plain = np.clip(drawing.image + stripes[None, :, None] + stripes[:, None, None], 0, 255).astype(np.uint8)
    shift = rng.uniform(-_SHIFT, _SHIFT, 2) * (rng.random() < 0.7) * size
    flow = np.broadcast_to(shift, (size, size, 2)).astype(np.float16)
    image = warped(plain, flow)
    mask, kind = np.zeros((size, size), np.uint8), OccluderKind.NONE
    if rng.random() < 0.67:
        kind = OccluderKind.PATCH
        left, top = rng.integers(0, size // 2, 2)
        side = int(rng.integers(size // 4, size // 2))
        mask[top : top + side, left : left + side] = 255
        image[mask > 0] = rng.integers(0, 256, 3)
    labels = {name: getattr(drawing, name) for name in LABELS if name != "image"}
    pictures = {"image": image, "plain": plain, "invertibility_mask": mask, "flow": flow}
    return pictures | labels | {"kind": np.array(int(kind))}


def warped(plain: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """As `models.faces.labels.Composition` says it."""
    size = plain.shape[0]
    at = torch.arange(size) + 0.5
    place = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1) + torch.from_numpy(flow).float()
    picture = torch.from_numpy(plain).permute(2, 0, 1)[None].float()
    read = F.grid_sample(
        picture, (2 * place / size - 1)[None], mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return read[0].permute(1, 2, 0).clamp(0, 255).round().byte().numpy()
