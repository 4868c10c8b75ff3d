"""Small sets of renders for training tests, in the format of `models/faces/dataset.py`, drawn without the renderer.

The pictures are coloured ellipses that follow some of the parameters: enough for a network to learn something from.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.paths import RECIPES
from engine.training.recipe import RenderSet, read_recipe
from models.faces import head_data, parameters
from models.faces.labels import Region

SMOKE = RECIPES / "smoke.toml"
SHARD = 10  # small, so that every set has several files
# Drawn anew for each view of a head; everything else stays.
VARYING = ("smile", "jaw", "blink", "brow", "yaw", "pitch", "gaze0", "gaze1", "light", "lel", "exposure", "amb")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on shared cores; and sums in the same order every time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sets of the smoke recipe, under the names that it gives them. Not to be changed."""
    data = tmp_path_factory.mktemp("data")
    for name, wanted in read_recipe(SMOKE).renders.items():
        write_renders(data / name, wanted)
    return data


@pytest.fixture
def tiny_renders(tiny_data: Path, tmp_path: Path) -> Path:
    """A copy of the smoke recipe's `tiny` set, for tests that damage it."""
    return Path(shutil.copytree(tiny_data / "tiny", tmp_path / "tiny"))


def write_renders(folder: Path, wanted: RenderSet) -> None:
    """Write a set that `engine.training.renders.read_renders` takes for `wanted`."""
    folder.mkdir(parents=True)
    described = {
        "format": 2,
        "kind": "renders",
        "count": wanted.count,
        "seed": wanted.seed,
        "size": wanted.size,
        "views": wanted.views,
        "shard": SHARD,
        "parameters": list(parameters.names()),
        "landmarks": list(head_data.load().landmark_names),
        "regions": {region.name.lower(): int(region) for region in Region},
    }
    (folder / "set.json").write_text(json.dumps(described), "utf-8")
    rng = np.random.default_rng(wanted.seed)
    vectors = draw_parameters(rng, wanted)
    for number, first in enumerate(range(0, wanted.count, SHARD)):
        drawn = [Drawing.of(vector, wanted.size) for vector in vectors[first : first + SHARD]]
        arrays = {name: np.stack([getattr(one, name) for one in drawn]) for name in LABELS}
        arrays["index"] = np.arange(first, first + len(drawn))
        with zipfile.ZipFile(folder / f"shard-{number:05d}.npz", "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)


def draw_parameters(rng: np.random.Generator, wanted: RenderSet) -> np.ndarray:
    """[count, P] float32; the heads change every `views` rows."""
    names = parameters.names()
    vectors = rng.uniform(0, 1, (wanted.count, len(names))).astype(np.float32)
    heads = np.repeat(vectors[:: wanted.views], wanted.views, 0)[: wanted.count]
    for column, name in enumerate(names):
        if name not in VARYING:
            vectors[:, column] = heads[:, column]
        if name.startswith(("z", "asym")) or name in ("yaw", "pitch", "gaze0", "gaze1", "light"):
            vectors[:, column] = 2 * vectors[:, column] - 1
    return vectors


LABELS = ("image", "segmentation", "five", "landmarks", "parameters")


@dataclass
class Drawing:
    """One picture and its labels, as `models.faces.labels.Render` has them."""

    parameters: np.ndarray
    size: int
    image: np.ndarray = field(init=False)
    segmentation: np.ndarray = field(init=False)
    five: np.ndarray = field(init=False)
    landmarks: np.ndarray = field(init=False)

    @classmethod
    def of(cls, vector: np.ndarray, size: int) -> Drawing:
        value = dict(zip(parameters.names(), (float(v) for v in vector), strict=True))
        drawing = cls(vector, size)
        drawing.segmentation = np.zeros((size, size), np.uint8)
        drawing.image = np.empty((size, size, 3), np.uint8)
        drawing.image[:] = np.array([value["bg0"], value["bg1"], value["bg2"]]) * 255
        skin = np.array([1, 0.85, 0.75]) * (1 - 0.8 * value["mel"]) * 255
        middle, across = 0.5 + 0.06 * value["yaw"], 0.14 * (1 + 0.25 * value["z0"])
        drawing.paint(
            Region.HAIR, (0.5, 0.42), (0.38, 0.36), np.array([value[f"hcol{k}"] for k in range(3)]) * 255
        )
        drawing.paint(Region.SKIN, (0.5, 0.55), (0.28 + 0.05 * value["z1"], 0.38), skin)
        eyes = [(middle - across, 0.48), (middle + across, 0.48)]
        for eye in eyes:
            drawing.paint(Region.EYES, eye, (0.06, 0.035 * (1.2 - value["blink"])), np.full(3, 20.0))
        half = 0.09 * (1 + 0.5 * value["smile"])
        drawing.paint(
            Region.LIPS, (middle, 0.76), (half, 0.03 + 0.03 * value["jaw"]), np.array([170.0, 60, 60])
        )
        five = [*eyes, (middle, 0.62), (middle - half, 0.76), (middle + half, 0.76)]
        drawing.five = (np.array(five) * size).astype(np.float32)
        flat = head_data.load().vertices[head_data.load().landmarks][:, :2]  # x to the picture's right, y up
        place = (flat - [0, 7.28]) * [across / 0.31, -0.28 / 0.68] + [middle, 0.48]
        drawing.landmarks = (place * size).astype(np.float32)
        return drawing

    def paint(
        self, region: Region, centre: tuple[float, float], half: tuple[float, float], colour: np.ndarray
    ) -> None:
        """An ellipse, in crop units; `colour` 0…255."""
        at = (np.arange(self.size) + 0.5) / self.size
        inside = ((at[None] - centre[0]) / half[0]) ** 2 + ((at[:, None] - centre[1]) / half[1]) ** 2 < 1
        self.image[inside] = colour
        self.segmentation[inside] = region
