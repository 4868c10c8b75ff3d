"""An alignment flow as a picture: white is no motion, the hue its direction, and `FULL` has the full colour. No torch."""

from __future__ import annotations

import math

import numpy as np

FULL = 0.05  # crop units


def coloured(flow: np.ndarray) -> np.ndarray:
    """A flow [2,S,S], x to the right and y down, as a picture, uint8 [S,S,3]."""
    strength = (np.hypot(flow[0], flow[1]) / FULL).clip(max=1)
    angle = np.arctan2(flow[1], flow[0])
    channels = [1 - strength * (1 - np.cos(angle - turn * math.tau / 3)) / 2 for turn in range(3)]
    return (np.stack(channels, -1) * 255).round().astype(np.uint8)
