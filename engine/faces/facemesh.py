"""MediaPipe's Face Mesh network (468 points, 604,685 parameters) as a differentiable torch module.

Sources: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", CVPR
Workshop 2019, arXiv 1907.06724; `face_landmark.tflite` of google/mediapipe (Apache-2.0), converted by
`models/facemesh/convert.py`. The rest of Likeness uses it through `engine.faces.landmarks`.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.faces.weights import load_weights

INPUT_SIZE = 192
POINT_COUNT = 468

# (channels in, channels out, stride) of the trunk's blocks, from 96 px down to 6.
TRUNK = (
    (16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1),
    (64, 128, 2), (128, 128, 1), (128, 128, 1), (128, 128, 2), (128, 128, 1), (128, 128, 1),
)  # fmt: skip


def pad_like_tensorflow(x: Tensor) -> Tensor:
    """TensorFlow's SAME padding for a 3×3 window at stride 2 on an even size: one pixel, at the end."""
    return F.pad(x, (0, 1, 0, 1))


class Block(nn.Module):
    """A "BlazeBlock": depthwise 3×3, pointwise 1×1, plus the input (pooled, widened with zeros), PReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.widening = channels_out - channels_in
        padding = 1 if stride == 1 else 0
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride, padding, groups=channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)
        self.activation = nn.PReLU(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(self.depthwise(x if self.stride == 1 else pad_like_tensorflow(x)))
        if self.stride == 2:
            x = F.max_pool2d(x, 2)
        if self.widening:
            x = F.pad(x, (0, 0, 0, 0, 0, self.widening))
        return self.activation(x + y)


class Activated(nn.Module):
    """A convolution and its PReLU."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.activation = nn.PReLU(convolution.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.convolution(x))


class FaceMeshNetwork(nn.Module):
    """A square image of a face → 468 points and how surely a face is there."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Activated(nn.Conv2d(3, 16, 3, stride=2))
        self.trunk = nn.Sequential(*(Block(*widths) for widths in TRUNK))
        self.points = nn.Sequential(
            Block(128, 128, 2), Block(128, 128), Block(128, 128),
            Activated(nn.Conv2d(128, 32, 1)), Block(32, 32), nn.Conv2d(32, 3 * POINT_COUNT, 3),
        )  # fmt: skip
        self.presence = nn.Sequential(
            Block(128, 128, 2), Activated(nn.Conv2d(128, 32, 1)), Block(32, 32), nn.Conv2d(32, 1, 3)
        )

    @classmethod
    def load(cls, path: Path | str) -> FaceMeshNetwork:
        """Read `models/facemesh/facemesh.safetensors`. Raises `ModelDamaged`."""
        return load_weights(cls(), path)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network; gradients flow to `image`.

        Args:
            image: [N,3,192,192], RGB, 0..1.

        Returns:
            points [N,468,3] in pixels of the input: x right and y down, corner-based (the centre of pixel i is
            i + 0.5), z towards the scene in the same unit, about 0 at the head's centre of mass;
            presence [N], a logit.
        """
        if image.ndim != 4 or image.shape[1:] != (3, INPUT_SIZE, INPUT_SIZE):
            raise ValueError(f"expected [N,3,192,192], not {tuple(image.shape)}")
        x = self.trunk(self.stem(pad_like_tensorflow(image.contiguous(memory_format=torch.channels_last))))
        points = self.points(x).reshape(-1, POINT_COUNT, 3)
        return points, self.presence(x).reshape(-1)
