"""Pictures that an encoder learns from: renders, compositions and the generator's own faces, disturbed until photographs
are no stranger to it than they are.

Renders are pixels that the generator does not make, with codes that are known: they teach that G(w) need not be equal. The
generator's own faces are exact, and fill the space of codes evenly. Compositions have hats and hands before the face and
crops that are off, and are to be encoded as if these were not there. What a picture is compared with, its *target*, is
undisturbed and in the crop's own frame: what is off about a crop is for the alignment, not for the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

from engine.networks.trunk import at_size
from engine.training.augmentation import photographed
from engine.training.compositions import Compositions
from engine.training.dice import Dice
from engine.training.face_source import ConditionalFaces, FaceSource
from engine.training.inversion_pairs import foreign
from engine.training.jitter import Jitter, moved_pictures
from engine.training.losses import region_weights
from engine.training.renders import Renders, shrunk

_JITTER = 0.2  # strength: crops of found faces are off by about a hundredth of their side
UNKNOWN = -1.0  # a landmark out of the picture: it does not count


@dataclass(frozen=True)
class Examples:
    """N pictures with what an encoder should say about them.

    Attributes:
        picture: [N,3,S,S] in [-1,1], as a photograph might look.
        target: [N,3,T,T] in [-1,1], what G(w) should look like.
        weight: [N,1,T,T], how much a pixel of the target counts.
        code: [N,K].
        landmarks: [N,L,2] of the picture, crop units; `UNKNOWN` where nobody knows them.
    """

    picture: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor
    code: torch.Tensor
    landmarks: torch.Tensor

    def to(self, device: torch.device) -> Examples:
        return Examples(*(getattr(self, one.name).to(device) for one in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        return cls(*(torch.cat([getattr(part, one.name) for part in parts]) for one in fields(cls)))


@dataclass(frozen=True)
class Exposure:
    """In what form examples are wanted.

    Attributes:
        size: pixels of the picture's side.
        compared_at: of the target's.
        landmarks: how many points there are to read.
        disturbed: whether they are to look like photographs; else they stay what they are.
    """

    size: int
    compared_at: int
    landmarks: int
    disturbed: bool = True

    def examples(
        self,
        picture: torch.Tensor,  # [N,3,≥S,≥S], before anything happens to it
        target: torch.Tensor,  # [N,3,≥T,≥T]
        weight: torch.Tensor,  # [N,1,≥T,≥T]
        code: torch.Tensor,
        landmarks: torch.Tensor,
        background: torch.Tensor,  # [N,S,S], share of background
        dice: Sequence[Dice],
    ) -> Examples:
        """Examples of these pictures."""
        picture = at_size(picture, self.size)
        if self.disturbed:
            covered, _ = foreign((picture + 1) / 2, torch.zeros_like(picture[:, :1]), background, dice)
            jitters = [unmirrored(Jitter.draw(die, _JITTER)) for die in dice]
            moved = moved_pictures(covered, jitters)
            picture = (
                torch.stack([photographed(one, die) for one, die in zip(moved, dice, strict=True)]) * 2 - 1
            )
            inside = (landmarks != UNKNOWN).all(2, keepdim=True)
            points = torch.stack([jitter.points(one) for jitter, one in zip(jitters, landmarks, strict=True)])
            landmarks = torch.where(inside, points, landmarks)
        return Examples(
            picture, at_size(target, self.compared_at), at_size(weight, self.compared_at), code, landmarks
        )


def unmirrored(jitter: Jitter) -> Jitter:
    """The same without the mirror: a code has no mirror image."""
    if not jitter.mirrored:
        return jitter
    return replace(jitter, linear=jitter.linear @ torch.diag(torch.tensor([-1.0, 1.0])), mirrored=False)


def of_renders(
    renders: Renders, faces: ConditionalFaces, index: torch.Tensor, dice: Sequence[Dice], exposure: Exposure
) -> Examples:
    """Renders `index` [N], each by its own dice."""
    picture = renders.pictures(index, renders.images.shape[-1])
    background = renders.segmentation[index] == renders.regions["background"]
    weight = region_weights(renders.regions)[renders.segmentation[index].long()][:, None]
    code = faces.codes_of(renders.parameters[index], renders.names)
    landmarks = torch.cat([renders.five, renders.landmarks], 1)[index]
    behind = shrunk(background[:, None].float(), exposure.size)[:, 0]
    return exposure.examples(picture, picture, weight, code, landmarks, behind, dice)


def of_compositions(
    compositions: Compositions,
    faces: ConditionalFaces,
    index: torch.Tensor,
    dice: Sequence[Dice],
    exposure: Exposure,
) -> Examples:
    """Compositions `index` [N]: what is before the face is to be overlooked."""
    side = compositions.images.shape[-1]
    picture, target = compositions.photographs(index, side), compositions.inversions(index, side)
    weight = region_weights(compositions.regions)[compositions.segmentation[index].long()][:, None]
    code = faces.codes_of(compositions.parameters[index], compositions.names)
    mask = compositions.invertibility_masks(index, exposure.size)
    behind = compositions.backgrounds(index, exposure.size) * (1 - mask)
    return exposure.examples(picture, target, weight, code, compositions.points(index), behind[:, 0], dice)


@torch.no_grad()
def of_samples(faces: FaceSource, dice: Sequence[Dice], exposure: Exposure) -> Examples:
    """The generator's own faces, one for each of the dice."""
    code = torch.stack([faces.sample(die).cpu() for die in dice])
    device = faces.generator.input.input.device
    picture = faces.generator.synthesis(faces.latent(code.to(device))).cpu().clamp(-1, 1)
    landmarks = torch.full((len(code), exposure.landmarks, 2), UNKNOWN)
    behind = torch.zeros(len(code), exposure.size, exposure.size)
    return exposure.examples(picture, picture, torch.ones_like(picture[:, :1]), code, landmarks, behind, dice)
