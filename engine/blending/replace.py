"""Replace: generated pixels in the photograph, where the mask and the edit let something change, and nowhere else.

For generators as good as their photographs (FFHQ's at 1024 px); smaller ones move the photograph's own pixels instead
(`engine.editing.transfer`). The generated crop is sampled at the photograph's resolution and bent to the photograph
by the gradient-domain refinement. What holds the photograph there is the invertibility mask, the crop's border, and
whatever an edit leaves alone: a pixel that is generated the same with the edit and without it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.blending.composite import settled
from engine.blending.poisson import gradient_domain
from engine.faces.crop import CropGeometry, Rect
from engine.faces.paste import border_feather, sample_on_photo

THRESHOLD = 2 / 255  # of full range; a generated pixel that changes by no more is the same


def replaced(
    photo: np.ndarray,
    geometry: CropGeometry,
    rect: Rect,
    edited: Tensor,
    unedited: Tensor | None,
    invertibility_mask: Tensor,
    threshold: float = THRESHOLD,
) -> np.ndarray:
    """The layer for `rect`: generated pixels, bent to the photograph.

    Bit for bit the photograph where m ≥ 0.99, outside the crop, where `changed` is 0, and where the photograph is
    transparent or not finite. Alpha is the photograph's everywhere.

    Args:
        photo: [H,W,4] gamma-encoded sRGB with alpha, uint8 or float32 (0..1, unbounded).
        geometry: where the crop lies in it.
        rect: the pixels wanted, within the photograph; usually `geometry.bounds(...)`.
        edited: [3,R,R] G(w + d) in the photograph's geometry, in [-1,1].
        unedited: [3,R,R] G(w), likewise; None replaces all that the mask lets change, edited or not.
        invertibility_mask: [S,S] m over the crop, 0..1.
        threshold: see `changed`.

    Returns:
        [rect.h,rect.w,4] of the photograph's type.
    """
    if photo.ndim != 3 or photo.shape[2] != 4 or photo.dtype not in (np.uint8, np.float32):
        raise ValueError(f"expected RGBA [H,W,4] in uint8 or float32, not {photo.dtype} {photo.shape}")
    layer = photo[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w].copy()
    if layer.shape[:2] != (rect.h, rect.w):
        raise ValueError(f"{rect} does not lie within {photo.shape[1]} × {photo.shape[0]} pixels")
    if layer.size == 0:
        return layer
    full = 255.0 if photo.dtype == np.uint8 else 1.0
    pixels = torch.from_numpy(layer).permute(2, 0, 1)[None].float() / full
    x, opacity = pixels[:, :3], pixels[:, 3:].nan_to_num(0.0).clamp(0, 1)

    generated = on_photo(edited, geometry, rect)
    share = 1 - settled(mask_on_photo(invertibility_mask, geometry, rect))
    if unedited is not None:
        share = share * changed(generated, on_photo(unedited, geometry, rect), threshold)
    kept = 1 - share * (opacity > 0)
    y = gradient_domain(x, generated, kept, opacity).pixels

    new = (y[0] * full).permute(1, 2, 0)
    if photo.dtype == np.uint8:
        new = new.round().clamp(0, 255).to(torch.uint8)
    replace = (kept[0, 0] < 1) & x.isfinite().all(1)[0]
    np.copyto(layer[..., :3], new.numpy(), where=replace.numpy()[..., None])
    return layer


def changed(edited: Tensor, unedited: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """How far an edit changes each pixel [N,1,H,W]: 0 up to `threshold`, 1 from twice that on, smooth between.

    Args:
        edited: [N,C,H,W] in 0..1; the channel that differs most counts. Values that are not finite are no change.
        unedited: like it.
    """
    difference = (edited - unedited).abs().amax(1, keepdim=True).nan_to_num(0.0, 0.0, 0.0)
    t = (difference / threshold - 1).clamp(0, 1)
    return t * t * (3 - 2 * t)


def on_photo(generated: Tensor, geometry: CropGeometry, rect: Rect) -> Tensor:
    """A generated crop [3,R,R] in [-1,1] at the photograph's pixels: [1,3,rect.h,rect.w] in 0..1."""
    sampled = sample_on_photo(generated.float(), geometry, rect, outside="border", mode="bicubic")
    return ((sampled + 1) / 2).clamp(0, 1)[None]


def mask_on_photo(invertibility_mask: Tensor, geometry: CropGeometry, rect: Rect) -> Tensor:
    """m [S,S] at the photograph's pixels [1,1,rect.h,rect.w]: rising to 1 at the crop's border, 1 beyond it."""
    free = sample_on_photo(1 - invertibility_mask[None], geometry, rect).clamp(0, 1)
    return (1 - free * border_feather(geometry, rect))[None]
