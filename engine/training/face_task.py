"""Training the face reader: attributes, landmarks and regions of disturbed renders."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.training import draws
from engine.training.attributes import ATTRIBUTES, face_attributes, mirror_signs, statistics
from engine.training.feature_task import SEEN_AT_ONCE, FeatureTask, disturbed
from engine.training.jitter import Jitter, mirror_order, moved_labels
from engine.training.losses import region_weights
from engine.training.parallel import Team
from engine.training.recipe import FeatureStage
from engine.training.renders import Renders
from engine.training.sheets import write_reading_sheet

# The terms' weights: about equal parts late in training, when points are off by a few hundredths of the eye distance.
_LANDMARKS, _FIVE, _REGIONS = 2.0, 3.0, 1.0
_NEAR = 0.01  # of the eye distance: nearer than this the distance's gradient fades
_LEAST_EYE_DISTANCE = 0.05  # of the crop's side: a face in profile does not count without bounds
_LOOKED_AT = 256


@dataclass(frozen=True)
class FaceTargets:
    """What is to be read in N pictures.

    Attributes:
        attributes: [N,A] normalised.
        landmarks: [N,L,2] in crop units, first `FIVE`.
        regions: [N,R,S/4,S/4], shares of each region in the cell.
        weight: [N,S/4,S/4], how much a cell counts; 0 where something covers it.
    """

    attributes: torch.Tensor
    landmarks: torch.Tensor
    regions: torch.Tensor
    weight: torch.Tensor


class FaceTask(FeatureTask[FaceReader]):
    """The stage called `face`."""

    def __init__(self, stage: FeatureStage, renders: Renders, held_out: Renders, team: Team) -> None:
        names = sorted(renders.regions, key=lambda name: renders.regions[name])
        config = FaceReaderConfig(
            stage.size, stage.channels, ATTRIBUTES, (*FIVE, *renders.landmark_names), tuple(names)
        )
        torch.manual_seed(stage.seed)  # for the first weights; nothing else is drawn from it
        network = FaceReader(config)
        mean, std = statistics(face_attributes(renders))
        network.attribute_mean.copy_(mean)
        network.attribute_std.copy_(std)
        super().__init__(network, stage, renders, held_out, team)
        self.mean, self.std = mean, std
        self.raw = face_attributes(renders)
        self.order = mirror_order(config.landmarks)
        self.region_weights = region_weights(renders.regions)

    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        image, targets = self.batch_of(k)
        device = self.team.device
        targets = FaceTargets(*(getattr(targets, field.name).to(device) for field in fields(targets)))
        reading = self.network(image.to(device))
        attributes = F.smooth_l1_loss(reading.attributes, targets.attributes)
        landmarks = landmark_loss(reading.landmarks, targets.landmarks)
        regions = region_loss(reading.segmentation, targets.regions, targets.weight)
        loss = attributes + _LANDMARKS * landmarks + _REGIONS * regions
        return loss, {"loss": loss, "attributes": attributes, "landmarks": landmarks, "regions": regions}

    def batch_of(self, k: int) -> tuple[torch.Tensor, FaceTargets]:
        """This process's share of batch number k: pictures [n,3,S,S] in [-1,1] and their targets."""
        index = draws.batch_indices(self.stage.seed, k, self.batch, len(self.renders))
        index, places = self.team.share(index, torch.arange(self.batch))
        dice = [self.dice(k, place) for place in places.tolist()]
        jitters = [Jitter.draw(die) for die in dice]
        image, visible = disturbed(self.renders.pictures(index, self.stage.size), jitters, dice)
        return image, self.targets(index, jitters, visible)

    def targets(self, index: torch.Tensor, jitters: list[Jitter], visible: torch.Tensor) -> FaceTargets:
        """The targets of the renders `index`, each moved by its jitter; `visible` [n,S,S]."""
        mirrored = torch.tensor([jitter.mirrored for jitter in jitters])
        raw = torch.where(mirrored[:, None], self.raw[index] * mirror_signs(), self.raw[index])
        points = torch.cat([self.renders.five, self.renders.landmarks], 1)[index]
        moved = torch.stack([jitter.points(one) for jitter, one in zip(jitters, points, strict=True)])
        moved = torch.where(mirrored[:, None, None], moved[:, self.order], moved)
        cells = self.stage.size // 4
        labels = moved_labels(self.renders.segmentation[index], jitters, 2 * cells).long()
        one_hot = F.one_hot(labels, len(self.network.config.regions)).permute(0, 3, 1, 2).float()
        regions = F.avg_pool2d(one_hot, 2)
        seen = F.avg_pool2d(visible[:, None], 4)[:, 0]
        weight = (regions * self.region_weights[None, :, None, None]).sum(1) * (seen > 0.99)
        return FaceTargets((raw - self.mean) / self.std, moved, regions, weight)

    @torch.no_grad()
    def look(self, picture: Path) -> dict[str, float]:
        count = min(len(self.held_out), _LOOKED_AT)
        index = torch.arange(count)
        image = self.held_out.pictures(index, self.stage.size)
        readings = [self.ema(part.to(self.team.device)) for part in image.split(SEEN_AT_ONCE)]
        regions = torch.cat([reading.regions(self.stage.size).cpu() for reading in readings])
        points = torch.cat([reading.landmarks.cpu() for reading in readings])
        attributes = torch.cat([reading.attributes.cpu() for reading in readings])
        write_reading_sheet(picture, image[:16], points[:16], regions[:16])
        labels = self._labels(index)
        raw = face_attributes(self.held_out)[:count]
        wanted = torch.cat([self.held_out.five, self.held_out.landmarks], 1)[:count]
        error = in_eye_distances(points, wanted)
        return {
            "attribute_correlation": float(correlation(attributes, raw).mean()),
            "five_percent": float(100 * error[:, :5].mean()),
            "landmarks_percent": float(100 * error[:, 5:].mean()),
            "region_iou": mean_iou(regions, labels, len(self.network.config.regions)),
        }

    def _labels(self, index: torch.Tensor) -> torch.Tensor:
        """Segmentation [n,S,S] at the network's size."""
        step = self.held_out.segmentation.shape[-1] // self.stage.size
        return self.held_out.segmentation[index, step // 2 :: step, step // 2 :: step]

    def metadata(self) -> dict[str, str]:
        config = self.network.config
        return {
            "size": str(config.size),
            "channels": json.dumps(config.channels),
            "attributes": json.dumps(config.attributes),
            "landmarks": json.dumps(config.landmarks),
            "regions": json.dumps(config.regions),
        }


def in_eye_distances(points: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Distances [N,L] between points [N,L,2] and the wanted ones, in units of these faces' eye distances."""
    eyes = (wanted[:, 1] - wanted[:, 0]).norm(dim=1).clamp(min=_LEAST_EYE_DISTANCE)
    return (points - wanted).norm(dim=2) / eyes[:, None]


def landmark_loss(points: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean distance in eye distances; the five count more, points outside the picture not at all."""
    eyes = (wanted[:, 1] - wanted[:, 0]).norm(dim=1).clamp(min=_LEAST_EYE_DISTANCE)
    distance = (((points - wanted) / eyes[:, None, None]).square().sum(2) + _NEAR**2).sqrt() - _NEAR
    weight = points.new_ones(points.shape[1])
    weight[:5] = _FIVE
    inside = ((wanted > 0) & (wanted < 1)).all(2)
    return (distance * inside * weight / weight.mean()).mean()


def region_loss(logits: torch.Tensor, shares: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy: logits and shares [N,R,h,w], weight [N,h,w]."""
    entropy = -(shares * logits.log_softmax(1)).sum(1)
    return (entropy * weight).mean()


def correlation(read: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation of each column of [N,A]; 0 where a column does not vary."""
    a, b = read - read.mean(0), true - true.mean(0)
    return (a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp(min=1e-6)


def mean_iou(read: torch.Tensor, true: torch.Tensor, regions: int) -> float:
    """Intersection over union, mean over the regions that occur in `true`; both [N,S,S]."""
    found = []
    for region in range(regions):
        a, b = read == region, true == region
        if b.any():
            found.append(float((a & b).sum() / (a | b).sum()))
    return sum(found) / len(found)
