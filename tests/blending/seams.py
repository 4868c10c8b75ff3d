"""How visible the border of a mask is in a picture."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def border(m: Tensor, reach: int = 3) -> Tensor:
    """Bool [1,1,H,W]: where m is neither 0 nor 1, or changes, and `reach` pixels around."""
    size = 2 * reach + 1
    widest, least = (F.max_pool2d(sign * m, size, stride=1, padding=reach) for sign in (1, -1))
    return widest + least > 0


def border_gradient(picture: Tensor, m: Tensor) -> float:
    """The 95th percentile, along the border of m, of the gradient's length, in the picture's values per pixel.

    The gradient is that of the channel in which it is steepest, between neighbours to the right and below.
    """
    across = F.pad(picture.diff(dim=-1), (0, 1))
    down = F.pad(picture.diff(dim=-2), (0, 0, 0, 1))
    length = (across.square() + down.square()).sqrt().amax(1, keepdim=True)
    return float(length[border(m)].quantile(0.95))


def seamless(blended: Tensor, photograph: Tensor, m: Tensor) -> bool:
    """At most 1.1 × the photograph's own gradient along the border, plus 2/255. Pictures in 0..1."""
    return border_gradient(blended, m) <= 1.1 * border_gradient(photograph, m) + 2 / 255
