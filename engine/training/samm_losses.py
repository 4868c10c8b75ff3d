"""What SAMM's answers should be: as the method asks, whatever is true, and as compositions know."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from engine.networks.additive_samm import AlignedPass
from engine.networks.features import FaceReader, map_distance
from engine.networks.identity import IdentityReader
from engine.networks.trunk import at_size
from engine.training.inversion_losses import (
    area_loss,
    binarity_loss,
    flow_loss,
    mask_loss,
    probability_loss,
    scales_loss,
    style_distance,
)

_MOST = {32: 0.30, 64: 0.30, 128: 0.20, 256: 0.20}  # share of a scale that may be out-of-domain
_MOST_COMPOSED = 0.20


@dataclass(frozen=True)
class Scenes:
    """N photographs with latents to paint beside them.

    Attributes:
        photograph: [N,3,R,R] in [-1,1].
        features: the encoder's, by scale in px.
        w_plus: [N,num_ws,w_dim].
        invertibility_mask: true, [N,1,R,R].
        alignment_flow: true, [N,2,R,R], crop units; `known` [N,1,R,R] where it leads into the picture.
    """

    photograph: torch.Tensor
    features: dict[int, torch.Tensor]
    w_plus: torch.Tensor
    invertibility_mask: torch.Tensor
    alignment_flow: torch.Tensor
    known: torch.Tensor


@dataclass(frozen=True)
class Readers:
    """The feature networks of the loss."""

    face: FaceReader
    identity: IdentityReader | None = None


def published_terms(found: AlignedPass, scenes: Scenes, readers: Readers | None) -> dict[str, torch.Tensor]:
    """What the method asks for whether or not the truth is known."""
    x, y = scenes.photograph, found.blended(scenes.photograph)
    terms = {"reconstruction": F.mse_loss(y, x)}
    if readers:
        size = readers.face.config.size
        with torch.no_grad():
            wanted = readers.face.maps(at_size(x, size))
        maps = readers.face.maps(at_size(y, size))
        terms |= {"perceptual": map_distance(maps, wanted), "style": style_distance(maps, wanted)}
        if readers.identity:
            terms["identity"] = 1 - readers.identity.similarity(y, x).mean()
    true = scenes.invertibility_mask.mean((1, 2, 3))
    masks = {scale: one.invertibility_mask for scale, one in found.alignments.items()}
    areas = [area_loss(mask, true.clamp(min=_MOST.get(scale, 0.2))) for scale, mask in masks.items()]
    areas.append(area_loss(found.invertibility_mask, true.clamp(min=_MOST_COMPOSED)))
    terms["area"] = torch.stack(areas).mean()
    terms["binarity"] = binarity_loss(found.invertibility_mask)
    return terms


def true_terms(found: AlignedPass, scenes: Scenes) -> dict[str, torch.Tensor]:
    """What compositions know: the mask at every scale and composed, and the flow of all scales together."""
    masks = [mask_loss(one.logits, scenes.invertibility_mask) for one in found.alignments.values()]
    composed = probability_loss(found.invertibility_mask, scenes.invertibility_mask)
    flow = flow_loss(found.alignment_flow, scenes.alignment_flow, scenes.invertibility_mask, scenes.known)
    return {"true_mask": scales_loss([*masks, composed]), "true_flow": flow}
