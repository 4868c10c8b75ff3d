"""Photographs beside imperfect inversions of them, with the truth about both: what the decomposer learns from.

What a real inversion looks like, and what stands for it here, so that a network trained on renders works on photographs:

- *It is elsewhere.* Crops are off by some hundredths, shapes are fitted to a prior: the compositions' own misalignment, and
  the step from the true code to a disturbed one, whose motion is known from the model's landmark map.
- *It is another picture of the face.* A generator's light, white balance and skin are near, never equal, and it has less
  detail: G(w) itself, with light and colours of its own, against a photograph with a camera's noise, blur and compression.
  None of that is out-of-domain. Where no generator is used, or not for this picture, the plain render stands for a better
  generator than ours, so that the network does not learn one generator's style.
- *It lacks what the generator never saw.* Hats, hands and letters have their true masks in the compositions; backgrounds
  full of things, and patches of any texture, are put into the photograph here and added to the mask.

Small differences between G(c) and the render of c (the outline of hair, single strands) count as in-domain on purpose: a
detector that marks them would mark every photograph everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from engine.networks.flow import enlarged, followed, inside
from engine.networks.trunk import at_size
from engine.training.augmentation import blurred, cluttered, lit_unevenly, occluded, photographed, recoloured
from engine.training.compositions import CompositionSource
from engine.training.dice import Dice
from engine.training.face_source import FaceSource, displacement, disturbed_code
from engine.training.jitter import Jitter, moved_pictures

_CLUTTERED, _OCCLUDED = 0.4, 0.3  # shares of the photographs
_STRONGEST = 0.3  # share of the way to another face that an inversion's code goes astray at most
_JITTER = 0.5  # strength, of both pictures alike
_OTHER_COLOURS, _OTHER_LIGHT, _SOFTER = 0.5, 0.4, 0.4  # shares of the inversions
_MOTION = 32  # cells across at which the motion between two codes is known


@dataclass(frozen=True)
class Pairs:
    """N photographs and their inversions.

    Attributes:
        photograph, inversion: [N,3,S,S] in [-1,1].
        invertibility_mask: [N,1,S,S], 1 = out-of-domain.
        alignment_flow: [N,2,S,S], crop units: the photograph at p shows what the inversion has at p + flow(p).
        known: [N,1,S,S], 1 where the flow leads into the picture.
    """

    photograph: torch.Tensor
    inversion: torch.Tensor
    invertibility_mask: torch.Tensor
    alignment_flow: torch.Tensor
    known: torch.Tensor

    def to(self, device: torch.device) -> Pairs:
        return Pairs(*(getattr(self, one.name).to(device) for one in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """All pairs of several batches."""
        return cls(*(torch.cat([getattr(part, one.name) for part in parts]) for one in fields(cls)))


def make_pairs(
    compositions: CompositionSource,
    faces: FaceSource | None,
    index: torch.Tensor,
    dice: Sequence[Dice],
    size: int,
    generated: float,
) -> Pairs:
    """Pairs of the compositions `index` [N], each by its own dice; the share `generated` has an inversion by `faces`."""
    flow = compositions.flows(index, size)
    inversion = compositions.inversions(index, size)
    if faces:
        inversion, flow = _generated(compositions, faces, index, dice, inversion, flow, generated)
    photograph, mask = foreign(
        (compositions.photographs(index, size) + 1) / 2,
        compositions.invertibility_masks(index, size),
        compositions.backgrounds(index, size)[:, 0],
        dice,
    )
    jitters = [Jitter.draw(die, _JITTER) for die in dice]
    photograph, inversion = (moved_pictures(one, jitters) for one in (photograph, (inversion + 1) / 2))
    linear = torch.stack([jitter.linear for jitter in jitters])
    flow = torch.einsum("nij,njhw->nihw", linear, moved_pictures(flow, jitters))
    photograph = torch.stack([photographed(one, die) for one, die in zip(photograph, dice, strict=True)])
    inversion = torch.stack([_approximate(one, die) for one, die in zip(inversion, dice, strict=True)])
    return Pairs(photograph * 2 - 1, inversion * 2 - 1, moved_pictures(mask, jitters), flow, known=inside(flow))


def foreign(
    photographs: torch.Tensor, mask: torch.Tensor, background: torch.Tensor, dice: Sequence[Dice]
) -> tuple[torch.Tensor, torch.Tensor]:
    """More that no generator makes: other backgrounds, patches. Pictures [N,3,S,S] 0…1, mask [N,1,S,S], background [N,S,S].

    Returns:
        the pictures and the mask with what was added.
    """
    pictures, masks = [], []
    for picture, masked, behind, die in zip(photographs, mask, background, dice, strict=True):
        if die.happens(_CLUTTERED):
            # What is before the background stays before it.
            behind = behind * (1 - masked[0])
            picture, masked = cluttered(picture, behind, die), torch.maximum(masked, behind[None])
        if die.happens(_OCCLUDED):
            picture, visible = occluded(picture, die)
            masked = torch.maximum(masked, 1 - visible[None])
        pictures.append(picture)
        masks.append(masked)
    return torch.stack(pictures), torch.stack(masks)


@torch.no_grad()
def _generated(
    compositions: CompositionSource,
    faces: FaceSource,
    index: torch.Tensor,
    dice: Sequence[Dice],
    inversion: torch.Tensor,
    flow: torch.Tensor,
    share: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Some of the inversions by the generator, from disturbed codes; and the flow that leads to these."""
    chosen = torch.tensor([k for k, die in enumerate(dice) if die.happens(share)], dtype=torch.long)
    if not len(chosen):
        return inversion, flow
    truth = faces.codes_of(compositions.parameters[index[chosen]], compositions.names)
    codes = disturbed_codes(faces, truth, [dice[k] for k in chosen.tolist()])
    size, device = inversion.shape[-1], faces.mean.device
    resolution = min(faces.generator.config.resolution, 1 << (size - 1).bit_length())
    made = faces.generator.synthesis(faces.latent(codes.to(device)), resolution=resolution).cpu().clamp(-1, 1)
    moved = enlarged(displacement(faces, truth, codes, _MOTION), size)
    inversion, flow = inversion.clone(), flow.clone()
    inversion[chosen] = at_size(made, size)
    flow[chosen] = followed(flow[chosen], moved)
    return inversion, flow


def disturbed_codes(faces: FaceSource, codes: torch.Tensor, dice: Sequence[Dice]) -> torch.Tensor:
    """Codes [N,K] as inversions find them: each astray by a distance of its own."""
    astray = [
        disturbed_code(faces, code, die.uniform(0, _STRONGEST), die)
        for code, die in zip(codes, dice, strict=True)
    ]
    return torch.stack(astray)


def _approximate(picture: torch.Tensor, dice: Dice) -> torch.Tensor:
    """A generator's picture [3,S,S] 0…1 with light and colours that are not the photograph's, and less detail."""
    if dice.happens(_OTHER_COLOURS):
        picture = recoloured(picture, dice)
    if dice.happens(_OTHER_LIGHT):
        picture = lit_unevenly(picture, dice)
    return blurred(picture, dice) if dice.happens(_SOFTER) else picture
