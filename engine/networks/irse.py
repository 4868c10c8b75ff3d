"""Building blocks of the IR-SE50 face backbone, and its body.

Source: Deng et al., "ArcFace", CVPR 2019, arXiv 1801.07698 (the improved residual unit), with the squeeze and
excitation of Hu et al., CVPR 2018, arXiv 1709.01507. Names are those of the public `model_ir_se50.pth`:
`res_layer` 0 norm, 1 convolution, 2 PReLU, 3 convolution (strided), 4 norm, 5 squeeze and excitation;
`shortcut_layer` 0 convolution, 1 norm, or nothing where the width stays.
"""

from collections.abc import Callable

import torch
from torch import nn

UNITS_PER_STAGE = (3, 4, 14, 3)
SE_REDUCTION = 16

Norm = Callable[[int], nn.Module]


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate in (0,1) that sees all channels' means."""

    def __init__(self, channels: int, reduction: int = SE_REDUCTION) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [N,C,H,W]
        gate = self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


class IRUnit(nn.Module):
    """Improved residual unit: norm, 3×3, PReLU, 3×3 (strided), norm, plus a shortcut.

    The shortcut is a strided 1×1 convolution with a norm where the width changes, else the strided input.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, norm: Norm, *tail: nn.Module) -> None:
        super().__init__()
        if in_channels == out_channels:
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels)
            )
        self.res_layer = nn.Sequential(
            norm(in_channels),
            nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False),
            nn.PReLU(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, stride, 1, bias=False),
            norm(out_channels),
            *tail,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [N,Ci,H,W] → [N,Co,H/stride,W/stride]
        return self.res_layer(x) + self.shortcut_layer(x)


def input_layer(width: int, in_channels: int = 3) -> nn.Sequential:
    """The backbone's first layer, at full size."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width)
    )


def body(widths: tuple[int, ...]) -> nn.Sequential:
    """The 24 units of IR-SE50; `widths` are those of the input layer and of the four stages.

    Each stage halves the size in its first unit.
    """
    units: list[nn.Module] = []
    width = widths[0]
    for stage_width, count in zip(widths[1:], UNITS_PER_STAGE, strict=True):
        for i in range(count):
            stride = 2 if i == 0 else 1
            se = SqueezeExcitation(stage_width)
            units.append(IRUnit(width, stage_width, stride, nn.BatchNorm2d, se))
            width = stage_width
    return nn.Sequential(*units)
