"""A network that reads faces: named attributes, landmarks, regions; and its feature maps as a measure of likeness.

*Convention.* Pictures are FFHQ crops [N,3,S,S] in [-1,1]. Points are in crop units, 0…1, corner-based: the centre of pixel
i lies at (i + 0.5) / S. Attributes are normalised: raw value = mean + std · attribute. The landmark maps are
soft-argmax heat maps after Nibali et al., arXiv 1801.07372; the perceptual distance is that of Johnson et al., ECCV 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.trunk import Trunk, activated, at_size, norm

FIVE = ("image_left_eye", "image_right_eye", "nose_tip", "image_left_corner", "image_right_corner")
_DECODER = 32  # width of the map at S/4
_POOLED = 4  # cells across, of what the attributes are read from
_HIDDEN = 128


@dataclass(frozen=True)
class FaceReaderConfig:
    """What a face reader reads, and its widths.

    Attributes:
        size: side in pixels of the pictures that it was trained on, a multiple of 32.
        channels: of the trunk's maps at S/2, S/4, …
        attributes: names, in order.
        landmarks: names, in order; the first five are `FIVE`.
        regions: names of the segmentation's values 0, 1, ….
    """

    size: int
    channels: tuple[int, ...]
    attributes: tuple[str, ...]
    landmarks: tuple[str, ...]
    regions: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise ValueError(f"a size of {self.size} is no multiple of 32")
        if len(self.channels) < 3 or min(self.channels) < 1:
            raise ValueError(f"at least three widths are needed, not {self.channels}")
        if self.landmarks[:5] != FIVE or not self.attributes or not self.regions:
            raise ValueError("attributes, landmarks or regions are missing")


@dataclass(frozen=True)
class FaceReading:
    """What was read in N pictures.

    Attributes:
        attributes: [N,A] normalised.
        landmarks: [N,L,2] in crop units; the first five are `FIVE`.
        segmentation: [N,R,S/4,S/4] logits.
    """

    attributes: torch.Tensor
    landmarks: torch.Tensor
    segmentation: torch.Tensor

    @property
    def five(self) -> torch.Tensor:
        """[N,5,2]."""
        return self.landmarks[:, :5]

    def regions(self, size: int) -> torch.Tensor:
        """The likeliest region of each pixel: [N,size,size] int64."""
        logits = F.interpolate(self.segmentation, (size, size), mode="bilinear", align_corners=False)
        return logits.argmax(1)


class _Merge(nn.Module):
    """x + conv(act(norm(x))), 3×3: mixes what came from the coarser map with the finer one."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = norm(_DECODER)
        self.conv = nn.Conv2d(_DECODER, _DECODER, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [N,_DECODER,H,W], in and out
        return x + self.conv(activated(self.norm(x)))


class FaceReader(nn.Module):
    """Image [N,3,S,S] → `FaceReading`. Any S that is a multiple of 32; trained at `config.size`."""

    attribute_mean: torch.Tensor
    attribute_std: torch.Tensor

    def __init__(self, config: FaceReaderConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.trunk = Trunk(channels)
        self.lateral = nn.ModuleList(nn.Conv2d(width, _DECODER, 1) for width in channels[1:])
        self.merged = nn.ModuleList(_Merge() for _ in channels[2:])
        self.decoded = norm(_DECODER)
        self.heat = nn.Conv2d(_DECODER, len(config.landmarks), 1)
        self.region = nn.Conv2d(_DECODER, len(config.regions), 1)
        self.deepest = norm(channels[-1])
        self.hidden = nn.Linear(channels[-1] * _POOLED**2 + 5 * _DECODER, _HIDDEN)
        self.attribute = nn.Linear(_HIDDEN, len(config.attributes))
        self.register_buffer("attribute_mean", torch.zeros(len(config.attributes)))
        self.register_buffer("attribute_std", torch.ones(len(config.attributes)))

    def forward(self, image: torch.Tensor) -> FaceReading:
        maps = self.trunk(image)
        fine = activated(self.decoded(self._decode(maps)))
        heat = self.heat(fine).flatten(2).softmax(2).unflatten(2, fine.shape[-2:])
        deep = F.adaptive_avg_pool2d(activated(self.deepest(maps[-1])), _POOLED).flatten(1)
        # What the features are at the five points; where these are is for the landmarks to learn.
        local = torch.einsum("nphw,nchw->npc", heat[:, :5].detach(), fine).flatten(1)
        hidden = activated(self.hidden(torch.cat([deep, local], 1)))
        return FaceReading(self.attribute(hidden), expectation(heat), self.region(fine))

    def _decode(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """The trunk's maps, coarse to fine, into one at S/4."""
        y = self.lateral[-1](maps[-1])
        for k in range(len(self.merged) - 1, -1, -1):
            finer = maps[k + 1]
            y = F.interpolate(y, finer.shape[-2:], mode="bilinear", align_corners=False) + self.lateral[k](
                finer
            )
            y = self.merged[k](y)
        return y

    def raw(self, attributes: torch.Tensor) -> torch.Tensor:
        """Normalised attributes [N,A] → raw values."""
        return self.attribute_mean + self.attribute_std * attributes

    def maps(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Image [N,3,S,S] → feature maps at S/2, S/4, S/8, …, as they come out of the trunk."""
        return self.trunk(image)

    def distance(self, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """How different y looks from x: a scalar of about unit scale. [N,3,R,R] each, any R; gradients reach y only.

        Both are brought to the trained size: there the maps mean what they were trained to mean, and a weight of
        this term means the same at every resolution. What is finer than that is for other terms to judge.
        """
        with torch.no_grad():
            wanted = self.maps(at_size(x, self.config.size))
        return map_distance(self.maps(at_size(y, self.config.size)), wanted)


def map_distance(y: list[torch.Tensor], x: list[torch.Tensor]) -> torch.Tensor:
    """L1 between the feature maps of two batches, in units of the mean magnitude of x's, mean over pictures and maps."""
    terms = [
        ((a - b).abs().mean((1, 2, 3)) / (b.abs().mean((1, 2, 3)) + 1e-6)).mean()
        for a, b in zip(y, x, strict=True)
    ]
    return torch.stack(terms).mean()


def expectation(heat: torch.Tensor) -> torch.Tensor:
    """Heat maps [N,L,H,W], each of sum 1 → their means [N,L,2], x before y, in crop units."""
    height, width = heat.shape[-2:]
    x = (torch.arange(width, device=heat.device, dtype=heat.dtype) + 0.5) / width
    y = (torch.arange(height, device=heat.device, dtype=heat.dtype) + 0.5) / height
    return torch.stack([heat.sum(2) @ x, heat.sum(3) @ y], -1)
