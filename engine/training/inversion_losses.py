"""What a mask and a flow should be, and what is measured of them. Losses are means over pictures, of about unit scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from engine.training.renders import shrunk

_COVERED = 0.2  # weight of the flow under what is out-of-domain: there it can only be continued
_FLOW_UNIT = 0.02  # of the crop's side: an error that counts as 1
_NEAR = 0.1  # in that unit; nearer than this the distance's gradient fades
_THRESHOLDS = 24
_NOTHING = 0.005  # of the picture: where so little is masked, finding none of it is nearly right
_LEAST = 1e-4  # of a probability


def mask_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus one minus the soft intersection over union: logits [N,1,r,r], truth [N,1,S,S] in 0…1."""
    wanted = shrunk(truth, logits.shape[-1])
    return F.binary_cross_entropy_with_logits(logits, wanted) + _disagreement(logits.sigmoid(), wanted)


def probability_loss(mask: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """`mask_loss` of a mask [N,1,r,r] in 0…1."""
    wanted, mask = shrunk(truth, mask.shape[-1]), mask.clamp(_LEAST, 1 - _LEAST)
    return F.binary_cross_entropy(mask, wanted) + _disagreement(mask, wanted)


def _disagreement(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    both, either = torch.minimum(found, wanted).sum((1, 2, 3)), torch.maximum(found, wanted).sum((1, 2, 3))
    margin = _NOTHING * wanted[0].numel()
    return (1 - (both + margin) / (either + margin)).mean()


def flow_loss(flow: torch.Tensor, truth: torch.Tensor, mask: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Mean distance in `_FLOW_UNIT`: flow [N,2,r,r]; truth [N,2,S,S], true mask and `known` [N,1,S,S]."""
    size = flow.shape[-1]
    weight = shrunk(known * (1 - (1 - _COVERED) * mask), size)
    squared = ((flow - shrunk(truth, size)) / _FLOW_UNIT).square().sum(1, keepdim=True)
    return (((squared + _NEAR**2).sqrt() - _NEAR) * weight).mean()


def scales_loss(losses: Sequence[torch.Tensor]) -> torch.Tensor:
    """Losses at several scales, coarse to fine: the finest counts once, each coarser one half of the next."""
    weights = [0.5 ** (len(losses) - 1 - k) for k in range(len(losses))]
    return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()


def area_loss(mask: torch.Tensor, most: torch.Tensor) -> torch.Tensor:
    """Hinge on the share that is out-of-domain: mask [N,1,r,r], most [N] → max(0, mean − most), mean over pictures."""
    return F.relu(mask.mean((1, 2, 3)) - most).mean()


def binarity_loss(mask: torch.Tensor) -> torch.Tensor:
    """Mean of min(m, 1 − m)."""
    return torch.minimum(mask, 1 - mask).mean()


def style_distance(y: Sequence[torch.Tensor], x: Sequence[torch.Tensor]) -> torch.Tensor:
    """L1 between the Gram matrices of feature maps [N,C,h,w], in units of x's mean magnitude; mean over pictures and maps.

    Source: Gatys et al., CVPR 2016.
    """
    terms = []
    for a, b in zip(y, x, strict=True):
        first, second = _gram(a), _gram(b)
        terms.append(((first - second).abs().mean((1, 2)) / (second.abs().mean((1, 2)) + 1e-6)).mean())
    return torch.stack(terms).mean()


def _gram(maps: torch.Tensor) -> torch.Tensor:
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def mask_iou(found: torch.Tensor, truth: torch.Tensor) -> float:
    """Intersection over union of masks [N,1,S,S] cut at one half, over all pictures together."""
    a, b = found > 0.5, truth > 0.5
    return float((a & b).sum() / (a | b).sum().clamp(min=1))


def threshold_iou(photograph: torch.Tensor, inversion: torch.Tensor, truth: torch.Tensor) -> float:
    """The best that a threshold on |x − G(w)| reaches on these pictures; what a detector has to beat."""
    difference = (photograph - inversion).abs().mean(1, keepdim=True)
    bounds = torch.linspace(0, float(difference.max()), _THRESHOLDS + 2)[1:-1]
    return max(mask_iou((difference > bound).float(), truth) for bound in bounds.tolist())


def end_point_error(flow: torch.Tensor, truth: torch.Tensor, where: torch.Tensor) -> float:
    """Mean distance of flows [N,2,S,S] over where [N,1,S,S] is 1, crop units."""
    distance = (flow - truth).norm(dim=1, keepdim=True)
    return float((distance * where).sum() / where.sum().clamp(min=1))
