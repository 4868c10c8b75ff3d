"""Preview strips: the average face, moved along a direction, side by side in one PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image

from engine.paths import inside
from engine.weights.direction_vectors import w_plus_step
from engine.weights.directions import Direction
from engine.weights.latents import Latents

STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
_LARGEST = 128  # px, the side of one picture


def write_strips(
    latents: Latents, directions: Sequence[Direction], vectors: Mapping[str, torch.Tensor], folder: Path
) -> list[Path]:
    """One `NAME.png` each in `folder`, which is made; 5 pictures of at most 128 px, strengths −2 … 2."""
    folder.mkdir(parents=True, exist_ok=True)
    size = min(_LARGEST, latents.generator.config.resolution)
    written = []
    for direction in directions:
        step = w_plus_step(direction, vectors[direction.vector], latents.generator.num_ws)
        strengths = torch.tensor(STRENGTHS).clamp(direction.minimum, direction.maximum)
        pictures = latents.painted(latents.average + strengths[:, None, None] * step, size)
        row = torch.cat(tuple(pictures), 2)  # [3,size,5·size]
        pixels = ((row.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
        path = inside(folder, direction.name, ".png")
        Image.fromarray(pixels.numpy()).save(path)
        written.append(path)
    return written
