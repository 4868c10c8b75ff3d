"""Pictures to look at while training."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

# Of the segmentation's values 0, 1, …: background, skin, hair, brows, beard, eyes, lips, mouth, ears, cloth, glasses.
_REGION_COLOURS = (
    (40, 40, 40), (230, 180, 150), (110, 70, 30), (60, 30, 10), (150, 100, 60), (80, 160, 255), (220, 60, 80),
    (250, 250, 250), (240, 150, 60), (90, 130, 90), (200, 60, 220),
)  # fmt: skip


def write_sheet(path: Path, *rows: torch.Tensor, columns: int = 8) -> None:
    """Batches [K,3,R,R] in [-1,1] of equal size as interleaved rows of `columns` pictures, in one PNG."""
    bands = [
        torch.cat(list(batch[first : first + columns]), 2)
        for first in range(0, len(rows[0]), columns)
        for batch in rows
    ]
    widest = max(band.shape[2] for band in bands)
    padded = [torch.nn.functional.pad(band, (0, widest - band.shape[2])) for band in bands]
    pixels = ((torch.cat(padded, 1).clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0)
    temporary = path.with_name(f".{path.name}")
    Image.fromarray(pixels.cpu().numpy()).save(temporary, "PNG")
    temporary.replace(path)


def write_reading_sheet(
    path: Path, pictures: torch.Tensor, points: torch.Tensor, regions: torch.Tensor, columns: int = 8
) -> None:
    """Pictures [K,3,S,S] with points [K,L,2] in crop units (the first five larger) above their regions [K,S,S]."""
    marked = torch.stack([with_points(one, at) for one, at in zip(pictures, points, strict=True)])
    colours = torch.tensor(_REGION_COLOURS) / 127.5 - 1
    write_sheet(path, marked, colours[regions % len(colours)].permute(0, 3, 1, 2), columns=columns)


def with_points(picture: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """A copy of [3,S,S] with points [L,2] in crop units: the first five red crosses, the others green."""
    size = picture.shape[-1]
    marked = picture.clone()
    for number, (x, y) in reversed(list(enumerate((points * size).long().tolist()))):
        cross = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)) if number < 5 else ((0, 0),)
        colour = torch.tensor([1.0, -1.0, -1.0] if number < 5 else [-1.0, 1.0, -0.2])
        for dx, dy in cross:
            if 0 <= x + dx < size and 0 <= y + dy < size:
                marked[:, y + dy, x + dx] = colour
    return marked
