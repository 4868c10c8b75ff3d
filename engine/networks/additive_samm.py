"""SAMM in our form: spatial alignment and masking inside the generator, where everything adds up and nothing is undone.

What it does is the published module's (`samm`; Yang, Xu, Chen, ICCV 2023, arXiv 2212.09262): at some scales the generator's
feature is compared with the encoder's, is moved to where the photograph has it, and what cannot be made is marked. What is
different:

- The gate of the warp and the mask are two things: what the generator can make is aligned, the mask only decides the blend.
  The gate scales the flow, so that nothing is a double exposure of moved and unmoved.
- The mask's logits add up over cycles and scales: a finer scale can reopen what a coarser one closed, and the reverse.
- Zero flow is the identity (`flow`), the blur is symmetric, the logits have a bias and do not come out of an instance norm.

*Convention.* The invertibility mask is 1 where the generator cannot make the pixel. Flows are in crop units and say where to
read. As every scale's feature grows out of the coarser ones, which are moved already, flows of several scales follow one
another (`flow.composed`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.flow import composed, enlarged, warp
from engine.networks.irse import IRUnit
from engine.networks.layers import check_shape
from engine.networks.samm import PublishedSAMM, compose_masks
from engine.networks.stylegan2 import Generator
from engine.networks.trunk import activated, norm

MAX_FLOW = 0.1  # crop units, at one scale
_FIRST_MASK, _FIRST_GATE = (
    -2.0,
    1.0,
)  # biases of the logits: at first nearly everything can be made and may be moved
_LEAST_LOGIT = 1e-4  # of a mask that is given as a probability

Form = Literal["additive", "published"]


@dataclass(frozen=True)
class Alignment:
    """What is found at one scale of r pixels.

    Attributes:
        flow: [N,2,r,r], crop units, the gate in it.
        logits: [N,1,r,r] of the mask, those of the coarser scales in them.
    """

    flow: torch.Tensor
    logits: torch.Tensor

    @property
    def invertibility_mask(self) -> torch.Tensor:
        return self.logits.sigmoid()


class AdditiveSAMM(nn.Module):
    """One scale: aligns the generator's feature [N,C,r,r] with the photograph's."""

    blur: torch.Tensor

    def __init__(self, channels: int, width: int, cycles: int) -> None:
        super().__init__()
        self.channels, self.cycles = channels, cycles
        self.reduce = nn.Conv2d(channels, width, 1, bias=False)
        self.unit = IRUnit(2 * width, width, 1, norm)
        self.head = nn.Conv2d(width, 4, 3, 1, 1)  # dx, dy, the gate's logit, the mask's
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.get_parameter("bias").copy_(torch.tensor([0.0, 0.0, _FIRST_GATE, _FIRST_MASK]) / cycles)
        taps = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("blur", torch.outer(taps, taps)[None, None] / 16, persistent=False)

    def forward(
        self, encoder_feature: torch.Tensor, generator_feature: torch.Tensor, coarser: Alignment | None = None
    ) -> tuple[torch.Tensor, Alignment]:
        """Both features [N,C,r,r]; `coarser` is the alignment of the next coarser scale, of which the logits are used.

        Returns:
            the generator's feature, moved, and how.

        Raises:
            ValueError: the features have not the same shape.
        """
        check_shape("encoder_feature", encoder_feature, ("N", self.channels, "H", "W"))
        g = generator_feature
        check_shape("generator_feature", g, tuple(encoder_feature.shape))
        e = F.instance_norm(self.reduce(encoder_feature))
        total: torch.Tensor | None = None
        moved = g
        for _ in range(self.cycles):
            difference = F.instance_norm(self.reduce(moved)) - e
            found = self._blurred(self.head(activated(self.unit(torch.cat([difference, e], 1)))))
            total = found if total is None else total + found
            # The original is moved in every cycle, by all of the flow so far.
            moved = warp(g, _flow(total))
        assert total is not None
        logits = total[:, 3:]
        if coarser is not None:
            logits = logits + enlarged(coarser.logits, logits.shape[-1])
        return moved, Alignment(_flow(total), logits)

    def _blurred(self, x: torch.Tensor) -> torch.Tensor:  # [N,4,r,r]
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.conv2d(padded, self.blur.expand(4, 1, 3, 3), groups=4)


def _flow(total: torch.Tensor) -> torch.Tensor:
    """The gated flow of what has been added up."""
    return MAX_FLOW * torch.tanh(total[:, :2]) * torch.sigmoid(total[:, 2:3])


@dataclass(frozen=True)
class AlignerConfig:
    """What determines the shape of an aligner.

    Attributes:
        form: “additive” is ours, “published” the ablation.
        scales: in pixels, coarse to fine.
        encoder_widths, generator_widths: channels of both networks' features at these scales.
        width: of the additive form's inner layers, at most; a multiple of 8.
        cycles: alignment steps at each scale.
    """

    form: Form
    scales: tuple[int, ...]
    encoder_widths: tuple[int, ...]
    generator_widths: tuple[int, ...]
    width: int
    cycles: int

    def __post_init__(self) -> None:
        if not len(self.scales) == len(self.encoder_widths) == len(self.generator_widths) > 0:
            raise ValueError("there are as many widths as scales, at least one")
        if min(*self.scales, *self.encoder_widths, *self.generator_widths, self.width, self.cycles) < 1:
            raise ValueError("the aligner's sizes make no sense")

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """The inverse of `metadata`. Raises `KeyError`, `ValueError`, `TypeError`."""
        form: Form = "published" if metadata["form"] == "published" else "additive"
        if metadata["form"] != form:
            raise ValueError(f"there is no form {metadata['form']!r}")
        lists = (tuple(map(int, json.loads(metadata[name]))) for name in _LISTS)
        return cls(form, *lists, width=int(metadata["width"]), cycles=int(metadata["cycles"]))

    def metadata(self) -> dict[str, str]:
        """As strings, for a file's metadata."""
        lists = {name: json.dumps(getattr(self, name)) for name in _LISTS}
        return {"form": self.form, "width": str(self.width), "cycles": str(self.cycles)} | lists


_LISTS = ("scales", "encoder_widths", "generator_widths")


@dataclass(frozen=True)
class AlignedPass:
    """What one pass gives.

    Attributes:
        generated: the generator's picture with its features moved, [N,3,R,R], not clamped.
        invertibility_mask: of all scales, [N,1,R,R].
        alignment_flow: of all scales, [N,2,R,R], crop units.
        alignments: by scale in px, coarse to fine.
    """

    generated: torch.Tensor
    invertibility_mask: torch.Tensor
    alignment_flow: torch.Tensor
    alignments: Mapping[int, Alignment]

    def blended(self, photograph: torch.Tensor) -> torch.Tensor:
        """Mask · photograph [N,3,R,R] + (1 − mask) · generated."""
        return torch.lerp(self.generated, photograph, self.invertibility_mask)


class Aligner(nn.Module):
    """SAMM at all scales of one generator. Encoder and generator are not part of it."""

    def __init__(self, config: AlignerConfig) -> None:
        super().__init__()
        self.config = config
        widths = dict(
            zip(config.scales, zip(config.encoder_widths, config.generator_widths, strict=True), strict=True)
        )
        self.project = nn.ModuleDict(
            {str(s): nn.Conv2d(theirs, ours, 1) for s, (theirs, ours) in widths.items()}
        )
        self.samm = nn.ModuleDict({str(s): self._module(ours) for s, (_, ours) in widths.items()})

    def _module(self, channels: int) -> nn.Module:
        config = self.config
        if config.form == "published":
            return PublishedSAMM(channels, config.cycles)
        return AdditiveSAMM(channels, min(config.width, max(8, channels // 16 * 8)), config.cycles)

    def forward(
        self,
        generator: Generator,
        w_plus: torch.Tensor,
        features: Mapping[int, torch.Tensor],
        scales: int | None = None,
    ) -> AlignedPass:
        """Paint w_plus [N,num_ws,w_dim] (or w) aligned with the photograph's encoder features, by scale [N,C,r,r].

        `scales`: only so many, from the coarsest on; None is all of them.
        """
        used = self.config.scales[:scales]
        projected = {scale: self.project[str(scale)](features[scale]) for scale in used}
        if self.config.form == "published":
            return self._published(generator, w_plus, projected)
        found: dict[int, Alignment] = {}

        def align_at(scale: int, g: torch.Tensor) -> torch.Tensor:
            before = found[used[used.index(scale) - 1]] if found else None
            g, found[scale] = self.samm[str(scale)](projected[scale], g, before)
            return g

        hooks = {scale: lambda g, scale=scale: align_at(scale, g) for scale in used}
        generated = generator.synthesis(w_plus, feature_hooks=hooks)
        size = generated.shape[-1]
        mask = enlarged(found[used[-1]].logits, size).sigmoid()
        flow = composed([found[scale].flow for scale in used], size)
        return AlignedPass(generated, mask, flow, found)

    def repeated(
        self, generator: Generator, w_plus: torch.Tensor, found: Mapping[int, Alignment]
    ) -> torch.Tensor:
        """Paint an edited w_plus with an earlier pass's flows, nothing detected again: [N,3,R,R]. Additive form only."""
        hooks = {scale: lambda g, flow=one.flow: warp(g, flow) for scale, one in found.items()}
        return generator.synthesis(w_plus, feature_hooks=hooks)

    def _published(
        self, generator: Generator, w_plus: torch.Tensor, projected: Mapping[int, torch.Tensor]
    ) -> AlignedPass:
        """The ablation: masks are multiplied, flows are in grid units, twice ours, and their gate is the mask."""
        raw: dict[int, torch.Tensor] = {}

        def align_at(scale: int, g: torch.Tensor) -> torch.Tensor:
            module = self.samm[str(scale)]
            assert isinstance(module, PublishedSAMM)
            g, raw[scale] = module(projected[scale], g, raw.get(scale // 2))
            return g

        hooks = {scale: lambda g, scale=scale: align_at(scale, g) for scale in projected}
        generated = generator.synthesis(w_plus, feature_hooks=hooks)
        size = generated.shape[-1]
        found = {
            scale: Alignment(one[:, :2] / 2, one[:, 2:].clamp(_LEAST_LOGIT, 1 - _LEAST_LOGIT).logit())
            for scale, one in raw.items()
        }
        mask = compose_masks(list(raw.values()), size)
        return AlignedPass(generated, mask, composed([one.flow for one in found.values()], size), found)
