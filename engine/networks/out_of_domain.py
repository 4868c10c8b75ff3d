"""The published pass as a whole: encode, generate with SAMM inside, compose the masks, blend.

Source: Yang, Xu, Chen, ICCV 2023, arXiv 2212.09262; parameter names are those of its checkpoints' `params_ema`.
The mask's polarity and the flow's direction are set down in `samm.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.encoder import INPUT_SIZE, E4eEncoder, EncoderConfig
from engine.networks.layers import check_shape
from engine.networks.samm import PreparedFeature, PublishedSAMM, compose_masks
from engine.networks.stylegan2 import Generator, GeneratorConfig

SCALES = (256, 128, 64, 32)  # in the order of the checkpoints' `modulation` and `feats_conv`


@dataclass(frozen=True)
class InverterConfig:
    """What determines the shape of the composed model.

    Attributes:
        generator, encoder: their own.
        widths: SAMM's channels at 256, 128, 64 and 32 px: the generator's. A checkpoint of a generator below
            256 px has modules for the finer scales too, which are never run.
        cycles: alignment steps at one scale (2 for an e4e encoder); not visible in a checkpoint.
        max_flow: largest flow in grid units; not visible in a checkpoint.
    """

    generator: GeneratorConfig
    encoder: EncoderConfig
    widths: tuple[int, int, int, int]
    cycles: int = 2
    max_flow: float = 0.08

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, torch.Tensor], cycles: int = 2, max_flow: float = 0.08
    ) -> Self:
        """Read the sizes off a `params_ema` state dict.

        Raises:
            ValueError: it is not one.
        """
        keys = [f"feats_conv.{i}.weight" for i in range(len(SCALES))]
        if missing := [key for key in keys if key not in state]:
            raise ValueError(f"not a checkpoint of the published method: {missing[0]} is missing")
        w256, w128, w64, w32 = (len(state[key]) for key in keys)
        return cls(
            GeneratorConfig.from_state_dict(_below("generator.", state)),
            EncoderConfig.from_state_dict(_below("encoder.", state), pyramid="bicubic"),
            (w256, w128, w64, w32),
            cycles,
            max_flow,
        )


@dataclass(frozen=True)
class EncodedImage:
    """What a pass needs of the photograph, computed once for all edits.

    Attributes:
        w_plus: the encoder's raw answer [N,num_ws,w_dim], without `latent_avg`.
        prepared: by scale in px, what SAMM compares with.
    """

    w_plus: torch.Tensor
    prepared: Mapping[int, PreparedFeature]


@dataclass(frozen=True)
class InversionPass:
    """The answer of one pass.

    Attributes:
        w_plus: the latents that were painted, [N,num_ws,w_dim].
        generated: the generator's image with SAMM in its features, [N,3,R,R], not clamped.
        blended: mask·photograph + (1 − mask)·generated, [N,3,R,R].
        invertibility_mask: [N,1,R,R] in [0,1], 1 = out-of-domain.
        alignments: by scale in px, coarse to fine: dx, dy, mask, [N,3,r,r].
    """

    w_plus: torch.Tensor
    generated: torch.Tensor
    blended: torch.Tensor
    invertibility_mask: torch.Tensor
    alignments: Mapping[int, torch.Tensor]


class PublishedOutOfDomainInverter(nn.Module):
    """Encoder, generator and SAMM as one model. Call `encode` once per photograph, `render` once per edit."""

    avg_latent: torch.Tensor

    def __init__(self, config: InverterConfig) -> None:
        super().__init__()
        if config.encoder.num_ws != config.generator.num_ws:
            raise ValueError(
                f"the encoder makes {config.encoder.num_ws} rows, the generator takes {config.generator.num_ws}"
            )
        self.config = config
        self.encoder = E4eEncoder(config.encoder)
        self.generator = Generator(config.generator)
        self.feats_conv = nn.ModuleList(
            nn.Conv2d(theirs, ours, 1)
            for theirs, ours in zip(config.encoder.widths[:4], config.widths, strict=True)
        )
        self.modulation = nn.ModuleList(
            PublishedSAMM(width, config.cycles, config.max_flow) for width in config.widths
        )
        self.register_buffer("avg_latent", torch.zeros(1, config.generator.w_dim))

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, torch.Tensor], cycles: int = 2, max_flow: float = 0.08
    ) -> Self:
        """Build the model of a `params_ema` state dict and load it strictly, ready for inference.

        `delta_latent` is the last edit somebody made, not a weight, and is left out.
        """
        model = cls(InverterConfig.from_state_dict(state, cycles, max_flow))
        model.load_state_dict({key: value for key, value in state.items() if key != "delta_latent"})
        model.eval().generator.freeze()
        return model

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales in px at which this generator has features, fine to coarse."""
        return tuple(scale for scale in SCALES if scale <= self.config.generator.resolution)

    def encode(self, x: torch.Tensor) -> EncodedImage:
        """x [N,3,H,W], RGB in [-1,1], any square size."""
        check_shape("image", x, ("N", 3, "H", "W"))
        small = F.interpolate(x, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False)
        encoding = self.encoder(small)
        features = self.project(encoding.features)
        prepared = {scale: self._samm(scale).prepare(features[scale]) for scale in self.scales}
        return EncodedImage(encoding.w_plus, prepared)

    def project(self, features: tuple[torch.Tensor, ...]) -> dict[int, torch.Tensor]:
        """The encoder's features brought to the generator's widths, by scale."""
        return {
            scale: convolution(feature)
            for scale, convolution, feature in zip(SCALES, self.feats_conv, features[:4], strict=True)
        }

    def latents(
        self, encoded: EncodedImage, direction: torch.Tensor | None = None, truncation_psi: float = 1.0
    ) -> torch.Tensor:
        """w_plus = encoder's answer + latent_avg + direction, then truncated.

        `direction` has its strength in it and broadcasts to [N,num_ws,w_dim].
        """
        w_plus = encoded.w_plus + self.avg_latent
        if direction is not None:
            w_plus = w_plus + direction
        if truncation_psi == 1:
            return w_plus
        return self.generator.truncate(w_plus, self.avg_latent, truncation_psi)

    def render(self, x: torch.Tensor, encoded: EncodedImage, w_plus: torch.Tensor) -> InversionPass:
        """Paint `w_plus` and blend it with the photograph x [N,3,H,W], brought to the generator's size."""
        alignments: dict[int, torch.Tensor] = {}

        def align_at(scale: int, feature: torch.Tensor) -> torch.Tensor:
            coarser = alignments.get(scale // 2)
            feature, alignments[scale] = self._samm(scale).align(encoded.prepared[scale], feature, coarser)
            return feature

        hooks = {scale: lambda g, scale=scale: align_at(scale, g) for scale in self.scales}
        generated = self.generator.synthesis(w_plus, feature_hooks=hooks)
        size = generated.shape[-1]
        mask = compose_masks(list(alignments.values()), size)
        if x.shape[-1] != size:
            x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
        blended = mask * x + (1 - mask) * generated
        return InversionPass(w_plus, generated, blended, mask, alignments)

    def forward(
        self, x: torch.Tensor, direction: torch.Tensor | None = None, truncation_psi: float = 1.0
    ) -> InversionPass:
        """One pass over x [N,3,H,W], RGB in [-1,1]; see `latents` for the other arguments."""
        encoded = self.encode(x)
        return self.render(x, encoded, self.latents(encoded, direction, truncation_psi))

    def _samm(self, scale: int) -> PublishedSAMM:
        module = self.modulation[SCALES.index(scale)]
        assert isinstance(module, PublishedSAMM)
        return module


def _below(prefix: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
