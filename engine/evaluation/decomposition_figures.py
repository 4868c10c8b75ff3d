"""What is measured of masks, flows and inversions whose truth is known. In-domain is what the truth says, always."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from engine.networks.features import FaceReader
from engine.networks.flow import enlarged
from engine.networks.trunk import at_size
from engine.training.inversion_losses import end_point_error
from engine.training.losses import psnr

LEARNT_THRESHOLD = 0.5  # of a mask that a network finds: nothing is chosen


@dataclass(frozen=True)
class Truth:
    """N photographs, their inversions, and what is true of them, at S pixels.

    Attributes:
        photograph, inversion, plain: [N,3,S,S] in [-1,1]; plain is what a perfect inversion gives.
        invertibility_mask: [N,1,S,S].
        alignment_flow: [N,2,S,S] from photograph to inversion, crop units; None where the inversion's motion is not known.
        known: [N,1,S,S], 1 where that flow leads into the picture.
        kinds: [N], the kind of what is before the face; 0 for nothing.
    """

    photograph: torch.Tensor
    inversion: torch.Tensor
    plain: torch.Tensor
    invertibility_mask: torch.Tensor
    alignment_flow: torch.Tensor | None
    known: torch.Tensor
    kinds: torch.Tensor

    @property
    def is_out(self) -> torch.Tensor:
        """[N,1,S,S] bool: out-of-domain."""
        return self.invertibility_mask > 0.5

    def only(self, which: torch.Tensor) -> Truth:
        """Those of the numbers `which`."""
        flow = self.alignment_flow
        return Truth(
            self.photograph[which],
            self.inversion[which],
            self.plain[which],
            self.invertibility_mask[which],
            None if flow is None else flow[which],
            self.known[which],
            self.kinds[which],
        )


@dataclass(frozen=True)
class MaskFigures:
    """How well what is out-of-domain is found.

    Attributes:
        threshold: from which score on a pixel counts as found.
        iou: intersection over union, over all pictures together.
        auc: area under the ROC curve of the scores, over all pixels; None where all are of one sort.
        by_kind: `iou` by the kind of what is before the face.
        false_share: of the pixels of pictures with nothing before the face; None without such pictures.
    """

    threshold: float
    iou: float
    auc: float | None
    by_kind: dict[str, float]
    false_share: float | None


@dataclass(frozen=True)
class FlowFigures:
    """How well the rest is aligned.

    Attributes:
        error_percent, unaligned_percent: mean distance of the flow, and of no flow, from the truth, in percent of the
            crop's side; None where the truth is not known. ratio: of both.
        improved: share of the pictures whose in-domain error is smaller after warping.
        psnr, psnr_unaligned: in-domain, dB, of the inversion after and before.
    """

    error_percent: float | None
    unaligned_percent: float | None
    ratio: float | None
    improved: float
    psnr: float
    psnr_unaligned: float


@dataclass(frozen=True)
class EncoderFigures:
    """How near the encoder's inversion is.

    Attributes:
        psnr: dB, in-domain, of the photograph. psnr_plain: of what a perfect inversion gives, where nothing is misplaced.
        landmarks_percent: mean distance of the landmarks that it reads from the true ones, in percent of the crop's side.
        shape_percent: the same of the landmarks of the face that its code makes. None where nobody knows them.
    """

    psnr: float
    psnr_plain: float
    landmarks_percent: float | None
    shape_percent: float | None


def pixel_difference(x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """|x − G(w)|, mean over colours: [N,1,S,S]."""
    return (x - g).abs().mean(1, keepdim=True)


def feature_difference(reader: FaceReader, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """How different two pictures look at every place: [N,1,S,S].

    Squared distance of the reader's features, each of length one, mean over its maps (the form of LPIPS, Zhang et al.,
    CVPR 2018, without its weights).
    """
    both = (reader.maps(at_size(one, reader.config.size)) for one in (x, g))
    layers = [
        enlarged((F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1, keepdim=True), x.shape[-1])
        for a, b in zip(*both, strict=True)
    ]
    return torch.stack(layers).mean(0)


def best_threshold(score: torch.Tensor, is_out: torch.Tensor) -> float:
    """From which score on pixels have to count, so that the intersection over union is greatest."""
    values, order = score.flatten().sort(descending=True)
    hits = is_out.flatten()[order].double().cumsum(0)
    taken = torch.arange(1, len(hits) + 1)
    return float(values[(hits / (hits[-1] + taken - hits)).argmax()])


def iou(found: torch.Tensor, is_out: torch.Tensor) -> float:
    """Intersection over union of [N,1,S,S] bool, over all together; 1 where both are empty."""
    either = (found | is_out).sum()
    return float((found & is_out).sum() / either) if either else 1.0


def roc_auc(score: torch.Tensor, is_out: torch.Tensor) -> float | None:
    """How often a pixel that is out-of-domain has a higher score than one that is not; equal ones count half."""
    if is_out.all() or not is_out.any():
        return None
    values, place = torch.unique(score.flatten(), return_inverse=True)
    out = torch.bincount(place, is_out.flatten().double(), len(values))
    rest = torch.bincount(place, (~is_out).flatten().double(), len(values))
    below = rest.cumsum(0) - rest
    return float((out * (below + rest / 2)).sum() / (out.sum() * rest.sum()))


def measure_mask(score: torch.Tensor, truth: Truth, threshold: float, occluders: dict[str, int]) -> MaskFigures:
    """Of scores [N,1,S,S]."""
    found, is_out = score >= threshold, truth.is_out
    by_kind = {
        name: iou(found[truth.kinds == kind], is_out[truth.kinds == kind])
        for name, kind in occluders.items()
        if kind and (truth.kinds == kind).any()
    }
    bare = found[truth.kinds == 0]
    false_share = float(bare.float().mean()) if len(bare) else None
    return MaskFigures(threshold, iou(found, is_out), roc_auc(score, is_out), by_kind, false_share)


def measure_flow(flow: torch.Tensor, aligned: torch.Tensor, truth: Truth) -> FlowFigures:
    """Of a flow [N,2,S,S] and the inversion aligned by it [N,3,S,S]."""
    can = (~truth.is_out).float()
    before, after = (_errors(one, truth.photograph, can) for one in (truth.inversion, aligned))
    error = unaligned = ratio = None
    if truth.alignment_flow is not None:
        where = can * truth.known
        error = 100 * end_point_error(flow, truth.alignment_flow, where)
        unaligned = 100 * end_point_error(torch.zeros_like(flow), truth.alignment_flow, where)
        ratio = error / unaligned if unaligned else None
    return FlowFigures(
        error,
        unaligned,
        ratio,
        float((after < before).float().mean()),
        psnr(aligned, truth.photograph, can),
        psnr(truth.inversion, truth.photograph, can),
    )


def _errors(y: torch.Tensor, x: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of each picture over where it counts: [N]."""
    difference = ((y - x).abs() * where).sum((1, 2, 3))
    return difference / (3 * where.sum((1, 2, 3))).clamp(min=1)


def measure_encoder(truth: Truth, landmarks: torch.Tensor | None, shape: torch.Tensor | None) -> EncoderFigures:
    """`landmarks`, `shape`: distances [N,L] in crop units, None where nobody knows them."""
    can = (~truth.is_out).float()
    percent = [None if one is None else 100 * float(one.mean()) for one in (landmarks, shape)]
    return EncoderFigures(
        psnr(truth.inversion, truth.photograph, can), psnr(truth.inversion, truth.plain), *percent
    )
