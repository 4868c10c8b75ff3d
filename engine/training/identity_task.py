"""Training the identity reader: two views of one head belong together, those of other heads do not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.errors import BadRequest
from engine.networks.identity import IdentityReader, IdentityReaderConfig
from engine.training import draws
from engine.training.ahead import Ahead
from engine.training.attributes import shape_names, statistics
from engine.training.feature_task import SEEN_AT_ONCE, FeatureTask, disturbed
from engine.training.jitter import Jitter
from engine.training.parallel import Team
from engine.training.recipe import FeatureStage
from engine.training.renders import Renders
from engine.training.sheets import write_sheet

EMBEDDING = 64
_TEMPERATURE = 0.1
_SHAPE = 1.0  # weight of naming the shape
_JITTER = 0.5  # of the face reader's: proportions are what a head is known by, and crops are steady
_LOOKED_AT = 256


@dataclass(frozen=True)
class IdentityFigures:
    """How heads are told apart.

    Attributes:
        auc: how often two pictures of one head are more alike than two of different heads.
        nearest: the share of pictures whose nearest other picture is of the same head.
    """

    auc: float
    nearest: float


class IdentityTask(FeatureTask[IdentityReader]):
    """The stage called `identity`. Raises `BadRequest` where a batch holds no pairs."""

    def __init__(self, stage: FeatureStage, renders: Renders, held_out: Renders, team: Team) -> None:
        if stage.batch % (2 * team.size):
            raise BadRequest(f"Stage {stage.name}: a batch of {stage.batch} cannot be shared out in pairs.")
        names = shape_names(renders)
        torch.manual_seed(stage.seed)  # for the first weights; nothing else is drawn from it
        network = IdentityReader(IdentityReaderConfig(stage.size, stage.channels, EMBEDDING, names))
        mean, std = statistics(renders.columns(*names))
        network.shape_mean.copy_(mean)
        network.shape_std.copy_(std)
        super().__init__(network, stage, renders, held_out, team)
        self._ahead = Ahead(self.steps)
        self.shape = (renders.columns(*names) - mean) / std

    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        image, index, heads = self._ahead(self.batch_of, k)
        device = self.team.device
        embeddings, shape = self.network.read(image.to(device))
        contrast = contrast_loss(self.team.gather(embeddings), self.team.gather(heads.to(device)))
        named = F.smooth_l1_loss(shape, self.shape[index].to(device))
        figures = {"loss": contrast + _SHAPE * named, "contrast": contrast, "shape": named}
        # Everybody computes the whole contrast; its gradient arrives in shares, which are to be added, not averaged.
        return self.team.size * contrast + _SHAPE * named, figures

    def batch_of(self, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """This process's share of batch number k: pictures [n,3,S,S], which renders [n], and whose heads [n]."""
        views = self.renders.views
        pairs = self.batch // 2
        heads = draws.batch_indices(self.stage.seed, k, pairs, len(self.renders) // views)
        heads, places = self.team.share(heads, torch.arange(pairs))
        dice = [self.dice(k, 2 * place + side) for place in places.tolist() for side in (0, 1)]
        # The second view is another one than the first; a set of single views pairs a picture with itself.
        first = torch.tensor([die.below(views) for die in dice[::2]])
        second = (first + 1 + torch.tensor([die.below(max(1, views - 1)) for die in dice[1::2]])) % views
        index = (heads[:, None] * views + torch.stack([first, second], 1)).flatten()
        jitters = [Jitter.draw(die, _JITTER) for die in dice]
        image, _ = disturbed(self.renders.pictures(index, self.stage.size), jitters, dice)
        return image, index, heads.repeat_interleave(2)

    def look(self, picture: Path) -> dict[str, float]:
        figures = measure_identity(self.ema, self.held_out, picture)
        return {"identity_auc": figures.auc, "nearest_is_same": figures.nearest}

    def metadata(self) -> dict[str, str]:
        config = self.network.config
        return {
            "size": str(config.size),
            "channels": json.dumps(config.channels),
            "embedding": str(config.embedding),
            "shape": json.dumps(config.shape),
        }


@torch.no_grad()
def measure_identity(reader: IdentityReader, held_out: Renders, picture: Path) -> IdentityFigures:
    """Compare the first held-out renders; `picture` gets some of them above those that the reader takes for nearest."""
    count = min(len(held_out), _LOOKED_AT)
    image = held_out.pictures(torch.arange(count), reader.config.size)
    heads = torch.arange(count) // held_out.views
    if held_out.views == 1:  # then a picture's other view is its mirror image
        image, heads = torch.cat([image, image.flip(3)]), heads.repeat(2)
    device = reader.shape_mean.device
    embeddings = torch.cat([reader(part.to(device)).cpu() for part in image.split(SEEN_AT_ONCE)])
    similarity = embeddings @ embeddings.T
    nearest = (similarity - 2 * torch.eye(len(similarity))).argmax(1)
    write_sheet(picture, image[:16], image[nearest[:16]])
    return IdentityFigures(pair_auc(similarity, heads), float((heads[nearest] == heads).float().mean()))


def contrast_loss(embeddings: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
    """Supervised contrast: for each of [N,E] the cross-entropy of finding its head's others among all the others."""
    itself = torch.eye(len(heads), dtype=torch.bool, device=heads.device)
    logits = (embeddings @ embeddings.T / _TEMPERATURE).masked_fill(itself, -1e4)
    same = (heads[:, None] == heads[None]) & ~itself
    likelihood = (logits.log_softmax(1) * same).sum(1) / same.sum(1).clamp(min=1)
    return -likelihood.mean()


def pair_auc(similarity: torch.Tensor, heads: torch.Tensor) -> float:
    """How often two pictures of one head are more alike than two of different heads; similarity [N,N], heads [N]."""
    upper = torch.ones_like(similarity, dtype=torch.bool).triu(1)
    same = heads[:, None] == heads[None]
    alike, other = similarity[upper & same], similarity[upper & ~same]
    if not len(alike) or not len(other):
        return float("nan")
    order = torch.cat([alike, other]).argsort().argsort().double()
    least = len(alike) * (len(alike) - 1) / 2
    return float((order[: len(alike)].sum() - least) / (len(alike) * len(other)))
