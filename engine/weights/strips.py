"""Preview strips: the average face, moved along a direction, side by side in one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.paths import inside
from engine.weights.direction_vectors import w_plus_step
from engine.weights.directions import Direction
from engine.weights.latents import Latents

STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
_LARGEST = 128  # px, the side of one picture

Report = Callable[[float, str], None]


def strips(
    latents: Latents, directions: Sequence[Direction], vectors: Mapping[str, torch.Tensor], report: Report
) -> dict[str, np.ndarray]:
    """By name, uint8 [S,5·S,3]: five pictures of S ≤ 128 px, strengths −2 … 2 within the direction's range."""
    size = min(_LARGEST, latents.generator.config.resolution)
    made = {}
    for done, direction in enumerate(directions):
        report(done / len(directions), "Painting what the directions do")
        step = w_plus_step(direction, vectors[direction.vector], latents.generator.num_ws)
        strengths = torch.tensor(STRENGTHS).clamp(direction.minimum, direction.maximum)
        pictures = latents.painted(latents.average + strengths[:, None, None] * step, size)
        row = torch.cat(tuple(pictures), 2)  # [3,size,5·size]
        pixels = ((row.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
        made[direction.name] = pixels.contiguous().numpy()
    return made


def write_strips(made: Mapping[str, np.ndarray], folder: Path) -> dict[str, Path]:
    """One `NAME.png` each in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: inside(folder, name, ".png") for name in made}
    for name, path in paths.items():
        Image.fromarray(made[name]).save(path)
    return paths
