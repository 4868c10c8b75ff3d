"""The decomposer: from a photograph and its inversion, both as pictures, what of the one the other cannot make, and how far
the rest of it is out of place. It sees no generator's features, so one trained network serves every generator.

Both pictures go through one small pyramid. From coarse to fine, the inversion's features are moved by the flow found so far
and compared with the photograph's over a window of displacements (the cost volume of FlowNet, Dosovitskiy et al., ICCV 2015,
arXiv 1504.06852; coarse to fine with warping as in PWC-Net, Sun et al., CVPR 2018, arXiv 1709.02371). That is what tells
“wrong place” from “cannot be made”: the one is alike somewhere in the window, the other nowhere. A decoder reads the
comparison and adds to the flow and to the mask's logits.

*Convention.* The invertibility mask is 1 where the generator cannot make the pixel. The alignment flow is in crop units
(`flow`): the photograph at p shows what the inversion has at p + flow(p).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.flow import enlarged, warp
from engine.networks.layers import check_shape
from engine.networks.trunk import Residual, Trunk, activated, at_size, norm

_FINEST = 16  # width of the map at full size, where only the mask is refined
_HANDED_ON = (16, 16, 8)  # width of what each decoder hands on to the next scale
_FIRST_SHARPNESS = 10.0  # of the softmax over a window's cosines, learnt


@dataclass(frozen=True)
class DecomposerConfig:
    """What determines the shape of a decomposer.

    Attributes:
        size: side in pixels of the pictures that it looks at, a multiple of 8.
        channels: of the pyramid at size/2, /4, /8; multiples of 8.
        hidden: of the decoders at size/8, /4, /2; multiples of 8.
        radii: of the windows at size/8, /4, /2, in cells. The first bounds what can be found: 3 cells of 1/16 at 128 px.
    """

    size: int = 128
    channels: tuple[int, int, int] = (16, 32, 64)
    hidden: tuple[int, int, int] = (64, 48, 24)
    radii: tuple[int, int, int] = (3, 2, 1)

    def __post_init__(self) -> None:
        if self.size < 16 or self.size % 8:
            raise ValueError(f"a size of {self.size} is no multiple of 8")
        if not len(self.channels) == len(self.hidden) == len(self.radii) == 3 or min(self.radii) < 1:
            raise ValueError("widths and radii of three scales are needed")

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """The inverse of `metadata`. Raises `KeyError`, `ValueError`, `TypeError`."""
        return cls(int(metadata["size"]), *(_three(metadata[name]) for name in ("channels", "hidden", "radii")))

    def metadata(self) -> dict[str, str]:
        """As strings, for a file's metadata."""
        lists = {"channels": self.channels, "hidden": self.hidden, "radii": self.radii}
        return {"size": str(self.size)} | {name: json.dumps(values) for name, values in lists.items()}


def _three(text: str) -> tuple[int, int, int]:
    first, second, third = map(int, json.loads(text))
    return first, second, third


@dataclass(frozen=True)
class Decomposition:
    """What is found in N pairs of pictures, at every scale, coarse to fine.

    Attributes:
        logits: of the mask, [N,1,r,r] at r = S/8, S/4, S/2, S.
        flows: [N,2,r,r] at r = S/8, S/4, S/2, crop units.
    """

    logits: tuple[torch.Tensor, ...]
    flows: tuple[torch.Tensor, ...]

    @property
    def invertibility_mask(self) -> torch.Tensor:
        """[N,1,S,S] in 0…1."""
        return torch.sigmoid(self.logits[-1])

    @property
    def alignment_flow(self) -> torch.Tensor:
        """[N,2,S,S], crop units."""
        return enlarged(self.flows[-1], self.logits[-1].shape[-1])


class Comparison(nn.Module):
    """How alike two maps are over a window of displacements.

    Returns, of two maps [N,C,H,W], [N,(2r+1)²+3,H,W]: the cosine at each displacement; the mean displacement in cells,
    weighted by a softmax of the cosines; the greatest cosine.
    """

    displacements: torch.Tensor

    def __init__(self, radius: int) -> None:
        super().__init__()
        self.radius = radius
        self.sharpness = nn.Parameter(torch.tensor(_FIRST_SHARPNESS))
        reach = torch.arange(-radius, radius + 1).float()
        y, x = torch.meshgrid(reach, reach, indexing="ij")
        displacements = torch.stack([x.flatten(), y.flatten()])
        self.register_buffer("displacements", displacements, persistent=False)

    @property
    def width(self) -> int:
        return self.displacements.shape[1] + 3

    def forward(self, photograph: torch.Tensor, inversion: torch.Tensor) -> torch.Tensor:
        here, there = F.normalize(photograph, dim=1), F.normalize(inversion, dim=1)
        height, width = here.shape[2:]
        # Nothing is alike beyond the border: a repeated border would be the best match of itself.
        padded = F.pad(there, (self.radius,) * 4)
        side = 2 * self.radius + 1
        cosines = torch.cat(
            [
                (here * padded[..., dy : dy + height, dx : dx + width]).sum(1, keepdim=True)
                for dy in range(side)
                for dx in range(side)
            ],
            1,
        )
        likely = (self.sharpness * cosines).softmax(1)
        mean = torch.einsum("nkhw,ck->nchw", likely, self.displacements)
        return torch.cat([cosines, mean, cosines.amax(1, keepdim=True)], 1)


State = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # what a scale hands on, flow, logits: each [N,…,r,r]


class Decoder(nn.Module):
    """One scale: reads the comparison, and adds to the flow and to the mask's logits."""

    def __init__(self, channels: int, radius: int, hidden: int, handed: int, on: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.comparison = Comparison(radius)
        read = self.comparison.width + 2 * channels + (handed + 3 if handed else 0)
        self.read = nn.Conv2d(read, hidden, 3, 1, 1)
        self.block = Residual(hidden)
        self.hand_on = nn.Conv2d(hidden, on, 1)
        # dx, dy, the mask's logit, and that of the trust in the comparison's own mean displacement
        self.found = nn.Conv2d(hidden, 4, 3, 1, 1)
        nn.init.zeros_(self.found.weight)  # at first the mask is undecided, and the comparison is half trusted
        nn.init.zeros_(self.found.get_parameter("bias"))

    def forward(
        self,
        photograph: torch.Tensor,  # [N,C,r,r]
        inversion: torch.Tensor,  # [N,C,r,r], not moved
        coarser: State | None,
    ) -> State:
        size = photograph.shape[-1]
        before = [enlarged(part, size) for part in coarser] if coarser else []
        if before:
            inversion = warp(inversion, before[1])
        photograph, inversion = self.norm(photograph), self.norm(inversion)
        # In cells, the flow has the unit of the comparison's displacements.
        known = [before[0], before[1] * size, before[2]] if before else []
        compared = self.comparison(photograph, inversion)
        seen = torch.cat([compared, photograph, (photograph - inversion).abs(), *known], 1)
        hidden = activated(self.block(self.read(seen)))
        found = self.found(hidden)
        likely = compared[:, -3:-1]
        flow, logits = (found[:, :2] + found[:, 3:].sigmoid() * likely) / size, found[:, 2:3]
        if before:
            flow, logits = before[1] + flow, before[2] + logits
        return self.hand_on(hidden), flow, logits


class Decomposer(nn.Module):
    """A photograph and its inversion → `Decomposition`."""

    def __init__(self, config: DecomposerConfig) -> None:
        super().__init__()
        self.config = config
        self.pyramid = Trunk(config.channels)
        channels, handed = reversed(config.channels), (0, *_HANDED_ON[:-1])
        self.decoders = nn.ModuleList(
            Decoder(*widths)
            for widths in zip(channels, config.radii, config.hidden, handed, _HANDED_ON, strict=True)
        )
        self.finest = nn.Conv2d(9 + _HANDED_ON[-1] + 1, _FINEST, 3, 1, 1)
        self.edge = nn.Conv2d(_FINEST, 1, 3, 1, 1)
        nn.init.zeros_(self.edge.weight)

    def forward(self, photograph: torch.Tensor, inversion: torch.Tensor) -> Decomposition:
        """Both [N,3,H,W], RGB in [-1,1], any size; they are brought to `config.size`.

        Raises:
            ValueError: they are not of one shape.
        """
        check_shape("photograph", photograph, ("N", 3, "H", "W"))
        check_shape("inversion", inversion, (len(photograph), 3, "H", "W"))
        count = len(photograph)
        pictures = torch.cat([at_size(one, self.config.size) for one in (photograph, inversion)])
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        maps = self.pyramid(pictures)
        state: State | None = None
        logits, flows = [], []
        for decoder, both in zip(self.decoders, reversed(maps), strict=True):
            handed, flow, logit = decoder(both[:count], both[count:], state)
            state = handed, flow, logit
            flows.append(flow)
            logits.append(logit)
        assert state is not None
        logits.append(self._refined(pictures[:count], pictures[count:], state))
        return Decomposition(tuple(logits), tuple(flows))

    def _refined(self, photograph: torch.Tensor, inversion: torch.Tensor, state: State) -> torch.Tensor:
        """The mask's logits at full size, where its edges are."""
        handed, flow, logits = state
        size = self.config.size
        moved = warp(inversion, enlarged(flow, size))
        logits = enlarged(logits, size)
        seen = torch.cat([photograph, moved, (photograph - moved).abs(), enlarged(handed, size), logits], 1)
        return logits + self.edge(activated(self.finest(seen)))
