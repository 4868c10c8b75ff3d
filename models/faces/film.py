"""The camera that takes the pictures: samples per pixel, lens, film."""

from __future__ import annotations

import numpy as np

from models.faces.parameters import linear

OVER = 2  # samples per pixel and axis
LENS = 0.55  # blur before the samples are averaged, in samples
_GAIN, _SHOULDER, _TOE = 1.7, 6.25, 0.72


def exposed(light: np.ndarray, exposure: float) -> np.ndarray:
    """Linear light → linear display values, 0 to a little over 1, by the film's curve."""
    bright = np.maximum(light, 0) * exposure * _GAIN
    return bright * (1 + bright / _SHOULDER) / (1 + _TOE * bright)


def light_of(colour: np.ndarray | tuple[float, float, float], exposure: float) -> np.ndarray:
    """sRGB 0…1 → the linear light that is exposed to it: the inverse of `exposed`."""
    display = linear(np.asarray(colour))
    half = 0.5 * _SHOULDER * (1 - _TOE * display)
    return (np.sqrt(half**2 + _SHOULDER * display) - half) / (exposure * _GAIN)
