"""Training the face reader: attributes, landmarks and regions of disturbed renders."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.networks.features import FIVE, FaceReader, FaceReaderConfig, FaceReading
from engine.training import draws
from engine.training.ahead import Ahead
from engine.training.attributes import ATTRIBUTES, face_attributes, mirror_signs, statistics
from engine.training.augmentation import cluttered
from engine.training.dice import Dice
from engine.training.feature_task import SEEN_AT_ONCE, FeatureTask, disturbed
from engine.training.jitter import Jitter, mirror_order, moved_labels
from engine.training.losses import region_weights
from engine.training.parallel import Team
from engine.training.recipe import FeatureStage
from engine.training.renders import Renders, shrunk
from engine.training.sheets import write_reading_sheet

# The terms' weights: about equal parts late in training, when points are off by a few hundredths of the eye distance.
_LANDMARKS, _FIVE, _REGIONS = 2.0, 3.0, 1.0
# Without this term the heat maps stay as wide as the picture, and whatever is in it moves their means.
_HEAT = 0.1
_HEAT_SIGMA = 1.0  # cells
_CLUTTERED = 0.5  # share of the pictures
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


@dataclass(frozen=True)
class FaceFigures:
    """How well held-out faces are read.

    Attributes:
        correlations: Pearson's r of each attribute with the truth.
        five_percent, landmarks_percent: mean distance from the labels in percent of the eye distance.
        region_iou: intersection over union, mean over the regions.
    """

    correlations: dict[str, float]
    five_percent: float
    landmarks_percent: float
    region_iou: float

    @property
    def correlation(self) -> float:
        """Mean over the attributes."""
        return sum(self.correlations.values()) / len(self.correlations)


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
        self._ahead = Ahead(self.steps)
        self.mean, self.std = mean, std
        self.raw = face_attributes(renders)
        self.order = mirror_order(config.landmarks)
        self.region_weights = region_weights(renders.regions)

    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        image, targets = self._ahead(self.batch_of, k)
        device = self.team.device
        targets = FaceTargets(*(getattr(targets, field.name).to(device) for field in fields(targets)))
        reading, heat = read_with_heat(self.network, image.to(device))
        attributes = F.smooth_l1_loss(reading.attributes, targets.attributes)
        landmarks = landmark_loss(reading.landmarks, targets.landmarks)
        spread = heat_loss(heat, targets.landmarks)
        regions = region_loss(reading.segmentation, targets.regions, targets.weight)
        loss = attributes + _LANDMARKS * landmarks + _HEAT * spread + _REGIONS * regions
        figures = {"attributes": attributes, "landmarks": landmarks, "heat": spread, "regions": regions}
        return loss, {"loss": loss} | figures

    def batch_of(self, k: int) -> tuple[torch.Tensor, FaceTargets]:
        """This process's share of batch number k: pictures [n,3,S,S] in [-1,1] and their targets."""
        index = draws.batch_indices(self.stage.seed, k, self.batch, len(self.renders))
        index, places = self.team.share(index, torch.arange(self.batch))
        dice = [self.dice(k, place) for place in places.tolist()]
        jitters = [Jitter.draw(die) for die in dice]
        image, visible = disturbed(self.pictures(index, dice), jitters, dice)
        return image, self.targets(index, jitters, visible)

    def pictures(self, index: torch.Tensor, dice: list[Dice]) -> torch.Tensor:
        """The renders `index` [n,3,S,S] in [-1,1], some before other backgrounds."""
        pictures = (self.renders.pictures(index, self.stage.size) + 1) / 2
        background = self.renders.segmentation[index] == self.renders.regions["background"]
        behind = shrunk(background[:, None].float(), self.stage.size)[:, 0]
        made = [
            cluttered(one, where, die) if die.happens(_CLUTTERED) else one
            for one, where, die in zip(pictures, behind, dice, strict=True)
        ]
        return torch.stack(made) * 2 - 1

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

    def look(self, picture: Path) -> dict[str, float]:
        figures = measure_faces(self.ema, self.held_out, picture)
        return {
            "attribute_correlation": figures.correlation,
            "five_percent": figures.five_percent,
            "landmarks_percent": figures.landmarks_percent,
            "region_iou": figures.region_iou,
        }

    def metadata(self) -> dict[str, str]:
        config = self.network.config
        return {
            "size": str(config.size),
            "channels": json.dumps(config.channels),
            "attributes": json.dumps(config.attributes),
            "landmarks": json.dumps(config.landmarks),
            "regions": json.dumps(config.regions),
        }


@torch.no_grad()
def measure_faces(reader: FaceReader, held_out: Renders, picture: Path) -> FaceFigures:
    """Read the first held-out renders; `picture` gets some of them with the points and regions that were read."""
    count, size = min(len(held_out), _LOOKED_AT), reader.config.size
    image = held_out.pictures(torch.arange(count), size)
    readings = [reader(part.to(reader.attribute_mean.device)) for part in image.split(SEEN_AT_ONCE)]
    regions = torch.cat([reading.regions(size).cpu() for reading in readings])
    points = torch.cat([reading.landmarks.cpu() for reading in readings])
    attributes = torch.cat([reading.attributes.cpu() for reading in readings])
    write_reading_sheet(picture, image[:16], points[:16], regions[:16])
    r = correlation(attributes, face_attributes(held_out)[:count])
    error = in_eye_distances(points, torch.cat([held_out.five, held_out.landmarks], 1)[:count])
    step = held_out.segmentation.shape[-1] // size
    labels = held_out.segmentation[:count, step // 2 :: step, step // 2 :: step]
    return FaceFigures(
        correlations=dict(zip(ATTRIBUTES, r.tolist(), strict=True)),
        five_percent=float(100 * error[:, :5].mean()),
        landmarks_percent=float(100 * error[:, 5:].mean()),
        region_iou=mean_iou(regions, labels, len(reader.config.regions)),
    )


def read_with_heat(reader: FaceReader, image: torch.Tensor) -> tuple[FaceReading, torch.Tensor]:
    """What the reader reads, and the logits of its heat maps: [N,L,S/4,S/4]."""
    kept: list[torch.Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: tuple[torch.Tensor], logits: torch.Tensor) -> None:
        kept.append(logits)

    hook = reader.heat.register_forward_hook(keep)
    try:
        reading = reader(image)
    finally:
        hook.remove()
    return reading, kept[0]


def in_eye_distances(points: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Distances [N,L] between points [N,L,2] and the wanted ones, in units of these faces' eye distances."""
    eyes = (wanted[:, 1] - wanted[:, 0]).norm(dim=1).clamp(min=_LEAST_EYE_DISTANCE)
    return (points - wanted).norm(dim=2) / eyes[:, None]


def landmark_loss(points: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean distance in eye distances; the five count more, points outside the picture not at all."""
    eyes = (wanted[:, 1] - wanted[:, 0]).norm(dim=1).clamp(min=_LEAST_EYE_DISTANCE)
    distance = (((points - wanted) / eyes[:, None, None]).square().sum(2) + _NEAR**2).sqrt() - _NEAR
    return _over_points(distance, wanted)


def heat_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far heat maps [N,L,H,W] (logits) are from a Gaussian of `_HEAT_SIGMA` cells at the wanted points [N,L,2].

    A regulariser of the soft-argmax after Nibali et al., arXiv 1801.07372: the Kullback–Leibler divergence, but from the
    Gaussian to the map, as its gradient does not vanish while the map is flat. Points outside the picture do not count.
    """
    height, width = logits.shape[2:]
    across, down = _bell(wanted[..., 0], width), _bell(wanted[..., 1], height)
    found = logits.flatten(2).log_softmax(2).unflatten(2, (height, width))
    crossed = -(torch.einsum("nlhw,nlw->nlh", found, across) * down).sum(2)
    return _over_points(crossed - torch.special.entr(across).sum(2) - torch.special.entr(down).sum(2), wanted)


def _bell(middle: torch.Tensor, cells: int) -> torch.Tensor:
    """Gaussians around places [N,L] in crop units over a row of cells: [N,L,cells], each of sum 1."""
    at = torch.arange(cells, device=middle.device, dtype=middle.dtype) + 0.5
    return (-0.5 * ((at - cells * middle[..., None]) / _HEAT_SIGMA).square()).softmax(2)


def _over_points(values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean of values [N,L] of points; the five count more, points outside the picture not at all."""
    weight = values.new_ones(values.shape[1])
    weight[:5] = _FIVE
    inside = ((wanted > 0) & (wanted < 1)).all(2)
    return (values * inside * weight / weight.mean()).mean()


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
