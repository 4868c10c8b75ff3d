"""SAMM, the spatial alignment and masking module, in its published form.

Source: Yang, Xu, Chen, "Out-of-domain GAN inversion via Invertibility Decomposition for Photo-Realistic Human
Face Manipulation", ICCV 2023, arXiv 2212.09262. It is kept as published, weaknesses included, so that the
reference vectors hold and comparisons are fair. Parameter names are those of the published checkpoints.

*Convention, mask.* `invertibility_mask` is in [0,1]: 1 where the generator cannot make the pixel
(out-of-domain, the photograph stays), 0 where it can (in-domain, the edit may act). The blend is
mask·photograph + (1 − mask)·generated.

*Convention, flow.* `alignment_flow` (dx, dy), x to the right and y down, says where to *read*: the warped
feature at grid position p is the feature at p + flow. Positions run from −1 at the first pixel to +1 at the
last (corners aligned), but are read as if ±1 were the outer borders, with zeros outside: published so. Zero
flow is therefore not the identity: the feature shrinks to (N − 1)/N of its size about the middle and fades at
its border. The flow is limited to ±`max_flow` of these units.

An *alignment* is both in one tensor [N,3,H,W]: dx, dy, mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from engine.networks.irse import IRUnit
from engine.networks.layers import Fir, check_shape


@dataclass(frozen=True)
class PreparedFeature:
    """What SAMM needs of the photograph: constant over cycles and edits.

    Attributes:
        normalised: the encoder feature after an instance norm, [N,C,H,W].
        response: what it contributes to the first convolution of `Align`, [N,2C,H,W].
    """

    normalised: torch.Tensor
    response: torch.Tensor


class AlignmentBody(nn.Module):
    """The two residual units of `Align`, with instance norms; a level of its own in the parameters' names."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            IRUnit(2 * channels, 2 * channels, 1, _affine_instance_norm),
            IRUnit(2 * channels, 3, 1, _affine_instance_norm),
        )

    def units(self) -> tuple[IRUnit, IRUnit]:
        first, second = self.body[0], self.body[1]
        assert isinstance(first, IRUnit)
        assert isinstance(second, IRUnit)
        return first, second


class AlignmentHead(nn.Module):
    """`Align`: two residual units 2C → 2C → 3, then the limits of flow and mask, then a blur."""

    def __init__(self, channels: int, max_flow: float) -> None:
        super().__init__()
        self.channels = channels
        self.max_flow = max_flow
        self.body = AlignmentBody(channels)
        self.blur = Fir()

    def prepare(self, normalised: torch.Tensor) -> PreparedFeature:
        return PreparedFeature(normalised, self._first_convolution(normalised, slice(self.channels, None)))

    def forward(self, difference: torch.Tensor, prepared: PreparedFeature) -> torch.Tensor:  # → [N,3,H,W]
        first, second = self.body.units()
        response = self._first_convolution(difference, slice(0, self.channels)) + prepared.response
        # What is left of the first unit after its first convolution; its shortcut is its input.
        x = first.res_layer[2:](response) + torch.cat([difference, prepared.normalised], dim=1)
        x = second(x)
        alignment = torch.cat([self.max_flow * torch.tanh(x[:, :2]), torch.sigmoid(x[:, 2:])], dim=1)
        return self.blur.filter(alignment, padding=(2, 1))

    def _first_convolution(self, x: torch.Tensor, inputs: slice) -> torch.Tensor:
        """The share that some of its input channels have in norm and first convolution of the first unit.

        An instance norm treats every channel for itself and a convolution adds over them, so the shares add up.
        """
        layers = self.body.units()[0].res_layer
        norm, convolution = layers[0], layers[1]
        assert isinstance(norm, nn.InstanceNorm2d)
        assert isinstance(convolution, nn.Conv2d)
        x = F.instance_norm(x, weight=norm.weight[inputs], bias=norm.bias[inputs], eps=norm.eps)
        return F.conv2d(x, convolution.weight[:, inputs], padding=1)


class NoiseInjection(nn.Module):
    """Published with a weight that the forward pass never uses; here so that checkpoints load strictly."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class PublishedSAMM(nn.Module):
    """Aligns the generator's feature at one scale with the photograph's, and says where that is hopeless."""

    def __init__(self, channels: int, cycles: int = 2, max_flow: float = 0.08) -> None:
        super().__init__()
        self.channels = channels
        self.cycles = cycles
        self.max_flow = max_flow
        self.alignment = AlignmentHead(channels, max_flow)
        self.noiseInj = NoiseInjection()  # unused, as is `weight`
        self.weight = nn.Parameter(torch.zeros(1))

    def prepare(self, encoder_feature: torch.Tensor) -> PreparedFeature:
        """encoder_feature [N,C,H,W] of the photograph → what `align` needs of it, for any number of edits."""
        check_shape("encoder_feature", encoder_feature, ("N", self.channels, "H", "W"))
        return self.alignment.prepare(F.instance_norm(encoder_feature))

    def align(
        self,
        prepared: PreparedFeature,
        generator_feature: torch.Tensor,  # [N,C,H,W]
        coarser: torch.Tensor | None = None,  # [N,3,h,w]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Warp the generator's feature towards the photograph's.

        Args:
            prepared: from `prepare`.
            generator_feature: after FIR, before noise.
            coarser: the alignment of the next coarser scale; only its mask is used.

        Returns:
            The feature [N,C,H,W], warped where the mask is 1, and the alignment [N,3,H,W].

        Raises:
            ValueError: the feature has not the shape of the prepared one.
        """
        g = generator_feature
        check_shape("generator_feature", g, tuple(prepared.normalised.shape))
        alignment: torch.Tensor | None = None
        warped = g
        for cycle in range(self.cycles):
            update: torch.Tensor = self.alignment(F.instance_norm(warped) - prepared.normalised, prepared)
            alignment = update if alignment is None else self._accumulate(alignment, update)
            if cycle == self.cycles - 1 and coarser is not None:
                alignment = _merge_coarser(alignment, coarser)
            # The original is warped in every cycle, by all of the flow so far.
            warped = torch.lerp(g, warp(g, alignment[:, :2]), alignment[:, 2:])
        assert alignment is not None
        return warped, alignment

    def forward(
        self,
        encoder_feature: torch.Tensor,  # [N,C,H,W]
        generator_feature: torch.Tensor,  # [N,C,H,W]
        coarser: torch.Tensor | None = None,  # [N,3,h,w]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`prepare` and `align` in one."""
        return self.align(self.prepare(encoder_feature), generator_feature, coarser)

    def _accumulate(self, earlier: torch.Tensor, update: torch.Tensor) -> torch.Tensor:
        flow = (earlier[:, :2] + update[:, :2]).clamp(-self.max_flow, self.max_flow)
        return torch.cat([flow, merge_masks(earlier[:, 2:], update[:, 2:]).clamp(0, 1)], dim=1)


def merge_masks(earlier: torch.Tensor, later: torch.Tensor) -> torch.Tensor:
    """R(p, q) = p·q + p·(1 − p), p the earlier (or coarser) mask. Not clipped; up to 1 where both are 1."""
    return earlier * later + earlier * (1 - earlier)


def warp(feature: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Read feature [N,C,H,W] at p + flow, flow [N,2,H,W]; see the convention at the top of this module."""
    height, width = feature.shape[-2:]
    y = torch.linspace(-1, 1, height, dtype=flow.dtype, device=flow.device)
    x = torch.linspace(-1, 1, width, dtype=flow.dtype, device=flow.device)
    grid = torch.stack([flow[:, 0] + x, flow[:, 1] + y[:, None]], dim=-1)  # [N,H,W,2]
    return F.grid_sample(feature, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def compose_masks(alignments: Sequence[torch.Tensor], size: int) -> torch.Tensor:
    """The masks of all scales as one: alignments [N,3,r,r], coarse to fine → mask [N,1,size,size] in [0,1]."""
    composed: torch.Tensor | None = None
    for alignment in alignments:
        finer = F.interpolate(alignment[:, 2:], size=(size, size), mode="bilinear", align_corners=False)
        composed = finer if composed is None else merge_masks(composed, finer)
    if composed is None:
        raise ValueError("compose_masks: no alignment given")
    return composed.clamp(0, 1)


def _merge_coarser(alignment: torch.Tensor, coarser: torch.Tensor) -> torch.Tensor:
    size = alignment.shape[-2:]
    mask = F.interpolate(coarser[:, 2:], size=size, mode="bicubic", align_corners=True)
    return torch.cat([alignment[:, :2], merge_masks(mask, alignment[:, 2:]).clamp(0, 1)], dim=1)


def _affine_instance_norm(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=True)
