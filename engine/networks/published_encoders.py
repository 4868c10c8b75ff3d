"""The encoders that an import may bring: e4e, pSp, and ReStyle on either. Names of parameters are the published ones.

Sources: Tov et al., arXiv 2102.02766 (e4e); Richardson et al., arXiv 2008.00951 (pSp); Alaluf et al., arXiv 2104.02699
(ReStyle). They differ in what the heads read and what their answers mean; see `Heads`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks import irse
from engine.networks.encoder import INPUT_SIZE, E4eEncoder, EncoderConfig, Encoding, GradualStyleBlock
from engine.networks.layers import check_shape
from engine.networks.stylegan2 import Generator

_COARSE_ROWS, _MIDDLE_ROWS = 3, 7
_RESTYLE_CONVOLUTIONS = 4


@dataclass(frozen=True)
class Heads:
    """How an encoder's heads work.

    Attributes:
        pyramid: they read a feature pyramid; else all of them the 16-px map.
        to_first: answers are offsets to the first one; else each is a row of w_plus itself.
        iterative: the input has 6 channels, photograph and last image; the sum of all passes' answers counts.
    """

    pyramid: bool
    to_first: bool
    iterative: bool


HEADS = {
    "e4e": Heads(pyramid=True, to_first=True, iterative=False),
    "psp": Heads(pyramid=True, to_first=False, iterative=False),
    "restyle-e4e": Heads(pyramid=False, to_first=True, iterative=True),
    "restyle-psp": Heads(pyramid=False, to_first=False, iterative=True),
}


class ImportedEncoder(E4eEncoder):
    """Image [N,3,256,256] (ReStyle: [N,6,256,256]), RGB in [-1,1] → `Encoding`, to be added to the latent average."""

    def __init__(self, config: EncoderConfig, kind: str) -> None:
        super().__init__(config)
        self.heads = HEADS[kind]
        if self.heads.iterative:
            self.input_layer = irse.input_layer(config.widths[0], in_channels=6)
        if not self.heads.pyramid:
            self.styles = nn.ModuleList(
                GradualStyleBlock(config.widths[4], config.w_dim, _RESTYLE_CONVOLUTIONS)
                for _ in range(config.num_ws)
            )
            del self.latlayer1, self.latlayer2

    def forward(self, x: torch.Tensor) -> Encoding:
        """Raises `ValueError` where x has another shape. Resizing is the caller's."""
        check_shape("image", x, ("N", 6 if self.heads.iterative else 3, INPUT_SIZE, INPUT_SIZE))
        features = self._features(x)
        answers = [head(source) for head, source in zip(self.styles, self._sources(features), strict=True)]
        if self.heads.to_first:
            answers = [answers[0], *(answers[0] + answer for answer in answers[1:])]
        return Encoding(torch.stack(answers, dim=1), features)

    def _sources(self, features: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        """The map that each head reads."""
        coarse = features[4]
        if not self.heads.pyramid:
            return [coarse] * self.config.num_ws
        middle = self._add_upsampled(coarse, self.latlayer1(features[3]))
        fine = self._add_upsampled(middle, self.latlayer2(features[2]))
        rows = self.config.num_ws
        return [coarse if i < _COARSE_ROWS else middle if i < _MIDDLE_ROWS else fine for i in range(rows)]


def encode(
    encoder: ImportedEncoder, generator: Generator, x: torch.Tensor, average: torch.Tensor, passes: int = 1
) -> torch.Tensor:
    """x [N,3,256,256], RGB in [-1,1] → w_plus [N,num_ws,w_dim], `average` ([w_dim] to [num_ws,w_dim]) included.

    ReStyle sees its own last image beside the photograph, at first the average face, and corrects itself `passes` times.
    """
    w_plus = generator.broadcast(average.reshape(-1, average.shape[-1]).expand(generator.num_ws, -1)[None])
    w_plus = w_plus.expand(len(x), -1, -1)
    if not encoder.heads.iterative:
        return w_plus + encoder(x).w_plus
    for _ in range(passes):
        painted = F.adaptive_avg_pool2d(generator.synthesis(w_plus), INPUT_SIZE)
        w_plus = w_plus + encoder(torch.cat([x, painted], dim=1)).w_plus
    return w_plus
