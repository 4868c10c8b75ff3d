"""JPEG → JPEG with next to no loss where nothing was edited.

A JPEG file holds no pixels but 8×8 blocks of quantised cosines of Y, Cb and Cr, the colours mostly at half the
size (ITU-T T.81; JFIF 1.02). Encoding a decoded picture anew gives the same numbers when it is done with the same
tables, on the same grid, from Y, Cb and Cr as they were decoded, without the way through RGB, and when the small
colour planes are found again under the large ones that the decoder made of them. What then still differs are
blocks that the decoder had to clip to 0 … 255 or that tables of very high quality resolve finer than whole numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

BLOCK = 8
HALVED = {
    0: (1, 1),
    1: (1, 2),
    2: (2, 2),
}  # Pillow's number of the subsampling → pixels per colour sample, y and x
TURNED = range(5, 9)  # EXIF orientations that exchange rows and columns
STEPS = 30  # of `_samples`; each leaves at most three quarters of the error of the one before


def like_source(
    source: Path, image: Image.Image, changed: np.ndarray, orientation: int, turn: Image.Transpose | None
) -> tuple[Image.Image, dict[str, Any]] | None:
    """What to encode, and Pillow's options for it, so that blocks without a changed pixel stay as they are.

    Args:
        source: the JPEG file that the photograph was read from.
        image: the picture to write, upright, RGB or L. changed: [H,W] bool, where it is not the photograph.
        orientation: the EXIF orientation of the source. turn: what made it upright, if anything had to.

    Returns None where that cannot be done: the kinds of colours differ, or halves lie across after turning.
    """
    try:
        with Image.open(source, formats=["JPEG", "MPO"]) as opened:
            opened.draft("L" if image.mode == "L" else "YCbCr", opened.size)
            opened.load()
            sampling, tables = get_sampling(opened), _tables(opened, orientation in TURNED)
            planes = opened if turn is None else opened.transpose(turn)
    except Exception:  # on damaged files Pillow's decoders raise anything
        return None
    if planes.size != image.size or len(tables) != (1 if image.mode == "L" else 2):
        return None
    if planes.mode == image.mode == "L":
        return image, {"qtables": tables, "optimize": True}
    if planes.mode != "YCbCr" or sampling not in HALVED or (sampling == 1 and orientation in TURNED):
        return None
    rows, columns = HALVED[sampling]
    kept = np.array(planes)
    for channel in (1, 2):
        kept[..., channel] = _samples(kept[..., channel], rows, columns)
    edited = np.asarray(image.convert("YCbCr"))
    blocks = _whole_blocks(changed, BLOCK * rows, BLOCK * columns)
    mixed = Image.fromarray(np.where(blocks[..., None], edited, kept), "YCbCr")
    return mixed, {"qtables": tables, "subsampling": sampling, "optimize": True}


def _tables(image: Image.Image, turned: bool) -> dict[int, list[int]]:
    """The quantisation tables, 64 numbers each, row by row."""
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    if not turned:
        return tables
    return {key: np.reshape(table, (BLOCK, BLOCK)).T.ravel().tolist() for key, table in tables.items()}


def _samples(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The colour samples [H,W] uint8, repeated to full size, from which a decoder made `plane` [H,W].

    The decoder interpolates (libjpeg's "fancy upsampling", 3 : 1), so the means over each sample's pixels are the
    samples blurred with (1, 6, 1) / 8 along each halved axis; this undoes the blur step by step.
    """
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % rows), (0, -width % columns)), mode="edge").astype(np.float32)
    means = padded.reshape(padded.shape[0] // rows, rows, padded.shape[1] // columns, columns).mean((1, 3))
    samples = means.copy()
    for _ in range(STEPS if rows * columns > 1 else 0):
        blurred = samples
        for axis in [axis for axis, halved in enumerate((rows, columns)) if halved == 2]:
            blurred = _blurred(blurred, axis)
        samples += means - blurred
    whole = samples.round().clip(0, 255).astype(np.uint8)
    return whole.repeat(rows, 0).repeat(columns, 1)[:height, :width]


def _blurred(samples: np.ndarray, axis: int) -> np.ndarray:
    along = np.moveaxis(samples, axis, 0)
    before, after = np.concatenate([along[:1], along[:-1]]), np.concatenate([along[1:], along[-1:]])
    return np.moveaxis((before + 6 * along + after) / 8, 0, axis)


def _whole_blocks(changed: np.ndarray, height: int, width: int) -> np.ndarray:
    """[H,W] bool: all pixels of the blocks in which a pixel has changed."""
    rows, columns = changed.shape
    padded = np.pad(changed, ((0, -rows % height), (0, -columns % width)))
    tiles = padded.reshape(padded.shape[0] // height, height, padded.shape[1] // width, width).any((1, 3))
    return tiles.repeat(height, 0).repeat(width, 1)[:rows, :columns]
