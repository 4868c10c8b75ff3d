"""What cameras, files and hands do to a face, so that a network trained on renders finds its way on photographs.

Every function takes one picture [3,S,S], 0…1 and gamma-encoded, and the dice; it draws what it needs.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from engine.training.dice import Dice

_LUMA = (0.299, 0.587, 0.114)


def photographed(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """Light, colour, lens, sensor and file, in the order in which a camera has them."""
    steps = (
        (lit_unevenly, 0.3),
        (recoloured, 0.9),
        (blurred, 0.35),
        (resampled, 0.3),
        (sharpened, 0.25),
        (noisy, 0.5),
        (compressed, 0.4),
    )
    for step, probability in steps:
        if dice.happens(probability):
            picture = step(picture, dice)
    return picture


def recoloured(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """White balance, exposure, gamma, contrast, saturation; now and then no colour at all."""
    gains = torch.tensor([dice.uniform(0.82, 1.22), 1.0, dice.uniform(0.82, 1.22)])
    picture = picture * (gains * math.exp(dice.uniform(-0.3, 0.3)))[:, None, None]
    if dice.happens(0.4):
        picture = picture.clamp(1e-4, 1).pow(math.exp(dice.uniform(-0.35, 0.35)))
    saturation = 0.0 if dice.happens(0.08) else dice.uniform(0.5, 1.4)
    picture = _saturated(picture, saturation)
    middle = _luma(picture).mean()
    return (middle + dice.uniform(0.7, 1.35) * (picture - middle)).clamp(0, 1)


def _saturated(picture: torch.Tensor, saturation: float) -> torch.Tensor:
    """1 leaves the colours as they are, 0 leaves none; luma stays."""
    grey = _luma(picture)
    return grey + saturation * (picture - grey)


def _luma(picture: torch.Tensor) -> torch.Tensor:  # [1,S,S]
    return (picture * torch.tensor(_LUMA)[:, None, None]).sum(0, keepdim=True)


def lit_unevenly(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """A smooth field of brighter and darker, as lamps, windows and leaves make it."""
    coarse = dice.normal(1, 1, 3, 3) * dice.uniform(0.05, 0.3)
    field = F.interpolate(coarse, picture.shape[-2:], mode="bicubic", align_corners=False)[0]
    return (picture * field.exp()).clamp(0, 1)


def blurred(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """A Gaussian, longer in one direction than in the other."""
    most = picture.shape[-1] / 85
    for dim in (1, 2):
        sigma = dice.uniform(0.2, most)
        reach = max(1, math.ceil(2.5 * sigma))
        at = torch.arange(-reach, reach + 1)
        kernel = (-0.5 * (at / sigma).square()).exp()
        shape = (1, 1, -1, 1) if dim == 1 else (1, 1, 1, -1)
        sides = (0, 0, reach, reach) if dim == 1 else (reach, reach, 0, 0)
        padded = F.pad(picture[:, None], sides, mode="replicate")
        picture = F.conv2d(padded, (kernel / kernel.sum()).view(shape))[:, 0]
    return picture


def resampled(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """Shrunk and enlarged again, as a small face in a large photograph."""
    size = picture.shape[-1]
    small = max(8, round(size * dice.uniform(0.3, 0.9)))
    shrunk = F.interpolate(picture[None], (small, small), mode="bilinear", antialias=True, align_corners=False)
    mode = "bicubic" if dice.happens(0.5) else "bilinear"
    return F.interpolate(shrunk, (size, size), mode=mode, align_corners=False)[0].clamp(0, 1)


def sharpened(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """An unsharp mask, as cameras and programs apply it; its edges overshoot."""
    soft = F.avg_pool2d(F.pad(picture[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
    return (picture + dice.uniform(0.3, 1.5) * (picture - soft)).clamp(0, 1)


def noisy(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """A sensor's noise: in each colour, or in all alike."""
    strength = dice.uniform(0.005, 0.06)
    channels = 1 if dice.happens(0.4) else 3
    return (picture + strength * dice.normal(channels, *picture.shape[1:])).clamp(0, 1)


def compressed(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """To JPEG and back."""
    pixels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=30 + dice.below(66))
    with Image.open(file) as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def occluded(picture: torch.Tensor, dice: Dice) -> tuple[torch.Tensor, torch.Tensor]:
    """Something textured before the face: the picture, and where it still shows [S,S], 1 or 0."""
    size = picture.shape[-1]
    at = (torch.arange(size) + 0.5) / size
    x, y = at[None] - dice.uniform(0.05, 0.95), at[:, None] - dice.uniform(0.05, 0.95)
    angle = dice.uniform(0, math.pi)
    along, across = (
        (x * math.cos(angle) + y * math.sin(angle)).abs() / dice.uniform(0.04, 0.22),
        (y * math.cos(angle) - x * math.sin(angle)).abs() / dice.uniform(0.04, 0.16),
    )
    inside = along.square() + across.square() < 1 if dice.happens(0.5) else torch.maximum(along, across) < 1
    cells = 1 + dice.below(8)
    texture = dice.even(3, 1, 1) + dice.uniform(0, 0.3) * dice.normal(3, cells, cells)
    texture = F.interpolate(texture[None], (size, size), mode="bilinear", align_corners=False)[0].clamp(0, 1)
    return torch.where(inside, texture, picture), (~inside).float()


def cluttered(picture: torch.Tensor, behind: torch.Tensor, dice: Dice) -> torch.Tensor:
    """Texture and things with edges behind the head, where renders have smooth colours.

    `behind`: [S,S], how much of each pixel is background, 0…1.
    """
    size = picture.shape[-1]
    scene = dice.even(3, 1, 1).expand(3, size, size)
    for cells in (2, 4, 8, 16, 32):
        mode = "nearest" if dice.happens(0.3) else "bilinear"
        scene = (
            scene
            + dice.uniform(0, 0.25) * F.interpolate(dice.normal(1, 3, cells, cells), (size, size), mode=mode)[0]
        )
    for _ in range(dice.below(6)):
        scene, _ = occluded(scene, dice)
    return picture + behind * (scene.clamp(0, 1) - picture)
