"""The soft-mask composite, and the mask as blending takes it.

*Convention.* The invertibility mask m is 1 where the photograph's pixel stays, 0 where the generated one may stand.
Pictures are gamma-encoded sRGB, as the method and GIMP's perceptual blend mix them.

Source: Porter and Duff, "Compositing digital images", SIGGRAPH 1984 (*over*, with 1 − m as coverage).
"""

from __future__ import annotations

import torch
from torch import Tensor

HELD = 0.99  # from this m on nothing changes
FREE = 0.05  # up to this m a detector has found nothing


def settled(invertibility_mask: Tensor) -> Tensor:
    """The mask with its faint ends taken off: 0 up to `FREE`, 1 from `HELD` on, linear between; any shape.

    In the gradient-domain refinement a faint m holds the photograph nearly as fast as a strong one, and only m = 1
    holds it to the bit. What is not finite counts as 1.
    """
    return ((invertibility_mask - FREE) / (HELD - FREE)).nan_to_num(1.0).clamp(0, 1)


def composite(photograph: Tensor, generated: Tensor, invertibility_mask: Tensor) -> Tensor:
    """x + (1 − m) · (G − x) [N,C,H,W]; not a bit differs from x where m ≥ `HELD` or where G equals x.

    Where one of the two has a value that is not finite, the other's stands; but nothing replaces x where m ≥ `HELD`.

    Args:
        photograph: x [N,C,H,W], any range.
        generated: G, like it.
        invertibility_mask: m [N,1,H,W], 0..1.
    """
    share = torch.where(invertibility_mask < HELD, 1 - invertibility_mask, 0).to(photograph.dtype)
    mixed = photograph + share * (generated - photograph)
    mixed = torch.where(photograph.isfinite(), mixed, generated)
    return torch.where((share > 0) & generated.isfinite(), mixed, photograph)
