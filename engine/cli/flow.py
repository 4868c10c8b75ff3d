"""An inversion's alignment flow as a file of its own: numbers, or a picture. No torch.

The numbers are float32 [2,256,256], x to the right and y down, in shares of the crop's side: what the photograph's crop
shows at p, the generated face has at p + flow(p) (engine/inversion/types.py). The picture (engine/flow_colours.py) has 512
pixels for the crop.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load

from engine.errors import BadRequest
from engine.flow_colours import coloured
from engine.storage import shared_mode, write_whole

SUFFIXES = (".npy", ".png")
_SIZE = 512


def check_flow_file(path: Path) -> None:
    """Before anything long is done. Raises `BadRequest` for what cannot be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise BadRequest(f"A flow cannot be written as “{path.name}”.", f"Use one of {', '.join(SUFFIXES)}.")
    if path.is_dir() or not path.parent.is_dir():
        raise BadRequest(f"{path} cannot be written.", "Name a file in a folder that is there.")


def write_flow(inversion: bytes, path: Path) -> None:
    """Write the flow of an inversion's file. Raises `DiskFull`."""
    flow = load(inversion)["alignment_flow"].astype(np.float32)
    data = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(data, flow)
    else:
        Image.fromarray(coloured(flow)).resize((_SIZE, _SIZE), Image.Resampling.BILINEAR).save(data, "PNG")
    write_whole(path, data.getvalue(), shared_mode(path))
