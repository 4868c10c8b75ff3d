"""A patch discriminator: does a neighbourhood of some thirty pixels look real?

Pictures come in as their colours and, enlarged, what a 3×3 mean takes away, so that hair and skin count. After Isola et al.,
CVPR 2017, arXiv 1611.07004 (PatchGAN), with StyleGAN2's loss.
"""

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.layers import LEAKY_SLOPE

_COLOUR, _DETAIL = 0.3, 6.0


class PatchDiscriminator(nn.Module):
    """Image [N,3,R,R] in [-1,1] → logits [N,1,R/8,R/8], positive for real."""

    def __init__(self, channels: tuple[int, ...] = (32, 64, 96, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 6
        for k, wide in enumerate(channels):
            last = k == len(channels) - 1
            layers += [nn.Conv2d(width, wide, 3 if last else 4, 1 if last else 2, 1), nn.LeakyReLU(LEAKY_SLOPE)]
            width = wide
        self.body = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        detail = image - F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
        return self.body(torch.cat([_COLOUR * image, _DETAIL * detail], 1))
