"""Flows: fields that say where to read, and what is done with them.

*Convention.* A flow is [N,2,H,W], channel 0 is x to the right, 1 is y downwards, in crop units: shares of the side, sampled
at pixel centres. `warp(image, flow)` shows at p what the image has at p + flow(p); the border goes on outside. Zero flow is
the identity, exactly. It is the convention of `engine.inversion.fields`. The published SAMM's flows (`samm`) are in
corner-aligned grid units, twice these, and zero is not the identity there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F


def centres(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """Pixel centres in crop units [1,2,height,width], of the type and on the device of `like`."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) / height
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) / width
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]


def warp(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Read image [N,C,h,w] at p + flow(p), flow [N,2,H,W] → [N,C,H,W]; bilinear, differentiable in both."""
    at = centres(flow.shape[2], flow.shape[3], flow) + flow
    grid = at.permute(0, 2, 3, 1) * 2 - 1
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


def enlarged(field: torch.Tensor, size: int) -> torch.Tensor:
    """[N,C,h,w] → [N,C,size,size], bilinear; a flow keeps its values, as these are shares of the side."""
    if field.shape[-1] == size:
        return field
    return F.interpolate(field, (size, size), mode="bilinear", align_corners=False)


def followed(first: torch.Tensor, then: torch.Tensor) -> torch.Tensor:
    """One flow for two: p → q = p + first(p) → q + then(q). Of the size of `first` [N,2,H,W]."""
    return first + warp(then, first)


def composed(flows: Sequence[torch.Tensor], size: int) -> torch.Tensor:
    """Flows that were applied one after the other to the same picture, as one [N,2,size,size]; the last is read first."""
    result = enlarged(flows[-1], size)
    for earlier in reversed(flows[:-1]):
        result = followed(result, enlarged(earlier, size))
    return result


def inside(flow: torch.Tensor) -> torch.Tensor:
    """Where p + flow(p) is in the picture: 1 or 0, [N,1,H,W]."""
    at = centres(flow.shape[2], flow.shape[3], flow) + flow
    return ((at > 0) & (at < 1)).all(1, keepdim=True).to(flow.dtype)
