"""A layer mask that a person painted, in place of the one that was found.

It comes over the face's `rect` of the photograph (engine/messages.py, `FaceEdit`). Where it says something else
than the mask that was found, it takes the invertibility mask's place in the crop, so that an edit moves what may
move now; and it is itself the layer's mask, but for the crop's border, where the layer always ends softly.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from engine.editing.transfer import layer_mask
from engine.errors import BadRequest
from engine.faces.crop import CropGeometry, Rect
from engine.faces.paste import FEATHER, border_feather
from engine.inversion.types import MAP_SIZE, Inversion

SAME = 0.02  # of what was found; a difference below this is one of resampling
LEAST_FEATHER = 0.05  # nearer to the crop's border the mask that was found stays


def repainted(inversion: Inversion, painted: np.ndarray, rect: Rect) -> Inversion:
    """The inversion with m as the painting has it. painted: [h,w] uint8 over `rect`, 255 = the layer shows.

    Raises `BadRequest` when it is no mask.
    """
    if painted.ndim != 2 or painted.dtype != np.uint8:
        raise BadRequest("A layer mask must be a picture of the format “Y u8”.")
    steps = (torch.arange(MAP_SIZE, dtype=torch.float64) + 0.5) / MAP_SIZE
    places = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
    corner, size = torch.tensor([rect.x, rect.y]), torch.tensor([rect.w, rect.h])
    at = (inversion.geometry.crop_to_image(places) - corner) / size
    shown = torch.from_numpy(np.array(painted)).float()[None, None] / 255
    grid = (at * 2 - 1).float()[None]
    shown = F.grid_sample(shown, grid, padding_mode="border", align_corners=False)[0, 0]
    t = (torch.minimum(places, 1 - places).amin(-1).float() / FEATHER).clamp(0, 1)
    feather = t * t * (3 - 2 * t)
    found = inversion.invertibility_mask
    changed = ((shown - (1 - found) * feather).abs() > SAME) & (feather > LEAST_FEATHER)
    changed &= ((at >= 0) & (at <= 1)).all(-1)
    wanted = 1 - (shown / feather.clamp(min=LEAST_FEATHER)).clamp(0, 1)
    return replace(inversion, invertibility_mask=torch.where(changed, wanted, found))


def shown_mask(
    inversion: Inversion, painted: np.ndarray | None, geometry: CropGeometry, part: Rect
) -> np.ndarray:
    """The layer's mask over `part`, uint8 [part.h,part.w]: the painting, never above the crop's own soft border.

    Without a painting, what was found.
    """
    if painted is None:
        return layer_mask(inversion, geometry, part)
    scaled = Image.fromarray(np.array(painted)).resize((part.w, part.h), Image.Resampling.BILINEAR)
    border = (border_feather(geometry, part)[0] * 255).round().to(torch.uint8).numpy()
    return np.minimum(np.asarray(scaled), border)
