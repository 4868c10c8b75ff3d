"""YuNet, a face detector of 53,104 parameters, as a torch module.

Sources: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023;
OpenCV Zoo's `face_detection_yunet_2023mar.onnx` (MIT), converted by `models/yunet/convert.py`.

Convention: coordinates are those of the input in pixels, x right, y down, corner-based: the centre of the pixel
in column i lies at i + 0.5. (The network's own output counts from the first pixel's centre: `PIXEL_CENTRE`.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.faces.weights import load_weights

STRIDES = (8, 16, 32)  # input pixels per cell of the three levels
SIZE_MULTIPLE = 32  # height and width of the input must be multiples of this

# Added to the network's coordinates, in input pixels, to make them corner-based. YuNet learned from labels that
# count from the centre of the first pixel (measured by mirroring photographs: −0.44 ± 0.3).
PIXEL_CENTRE = 0.5


@dataclass(frozen=True)
class Candidates:
    """What the network says about each of its A cells, before any selection.

    score [N,A] in 0..1 · box [N,A,4] (x, y, w, h) · points [N,A,5,2], in the order of
    `engine.faces.detect.Face`. Pixels of the input.
    """

    score: Tensor
    box: Tensor
    points: Tensor


class SeparableUnit(nn.Module):
    """1×1 convolution, then a 3×3 depthwise one; [N,C,h,w] → [N,D,h,w]."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)
        self.depthwise = nn.Conv2d(channels_out, channels_out, 3, padding=1, groups=channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.depthwise(self.pointwise(x))


class YuNet(nn.Module):
    """RGB image → candidates at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        widths = (((16, 16),), ((16, 16), (16, 32)), ((32, 32), (32, 64)), *(((64, 64), (64, 64)),) * 3)
        self.backbone = nn.ModuleList(nn.ModuleList(SeparableUnit(a, b) for a, b in stage) for stage in widths)
        self.neck = nn.ModuleList(SeparableUnit(64, 64) for _ in STRIDES)
        self.heads = nn.ModuleList(SeparableUnit(64, 16) for _ in STRIDES)

    @classmethod
    def load(cls, path: Path | str) -> YuNet:
        """Read `models/yunet/yunet.safetensors`. Raises `ModelDamaged`."""
        return load_weights(cls(), path)

    def levels(self, image: Tensor) -> list[Tensor]:
        """Raw output, one [N,16,H/s,W/s] per stride s: cls logit, obj logit, bbox 4, points 10.

        Args:
            image: [N,3,H,W], RGB, 0..255, H and W multiples of 32.
        """
        if image.shape[-2] % SIZE_MULTIPLE or image.shape[-1] % SIZE_MULTIPLE:
            raise ValueError(f"height and width must be multiples of 32, not {tuple(image.shape[-2:])}")
        x = F.relu(self.stem(image.contiguous(memory_format=torch.channels_last)))
        features: list[Tensor] = []
        for k, stage in enumerate(self.backbone):
            if k not in (0, 2):  # every stage but these works at half the size of the one before
                x = F.max_pool2d(x, 2)
            for unit in stage:  # pyright: ignore[reportGeneralTypeIssues]
                x = F.relu(unit(x))
            features.append(x)
        fine, middle, coarse = features[3:]
        coarse = F.relu(self.neck[2](coarse))
        middle = F.relu(self.neck[1](middle + F.interpolate(coarse, scale_factor=2.0)))
        fine = F.relu(self.neck[0](fine + F.interpolate(middle, scale_factor=2.0)))
        return [head(x) for head, x in zip(self.heads, (fine, middle, coarse), strict=True)]

    def forward(self, image: Tensor) -> Candidates:
        """Decode `levels` for an image [N,3,H,W], RGB, 0..255, H and W multiples of 32."""
        decoded = [decode_level(x, s) for x, s in zip(self.levels(image), STRIDES, strict=True)]
        return Candidates(
            score=torch.cat([c.score for c in decoded], 1),
            box=torch.cat([c.box for c in decoded], 1),
            points=torch.cat([c.points for c in decoded], 1),
        )


def decode_level(raw: Tensor, stride: int) -> Candidates:
    """Turn one level's raw output [N,16,h,w] into its h·w candidates, row by row."""
    n, _, h, w = raw.shape
    flat = raw.permute(0, 2, 3, 1).reshape(n, h * w, 16)
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    cell = torch.stack([columns, rows], -1).reshape(1, h * w, 2).to(raw)
    centre = (cell + flat[..., 2:4]) * stride + PIXEL_CENTRE
    size = flat[..., 4:6].exp() * stride
    points = (cell[:, :, None] + flat[..., 6:].reshape(n, h * w, 5, 2)) * stride + PIXEL_CENTRE
    return Candidates(
        score=(flat[..., 0].sigmoid() * flat[..., 1].sigmoid()).sqrt(),
        box=torch.cat([centre - size / 2, size], -1),
        points=points,
    )
