"""What the training of both feature networks shares: steps, averaged weights, state, files."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

from engine.training import checkpoint, draws
from engine.training.augmentation import occluded, photographed
from engine.training.checkpoint import prefixed, under
from engine.training.dice import Dice
from engine.training.jitter import Jitter, moved_pictures
from engine.training.parallel import Team
from engine.training.rates import ema_share, rate_at, set_rate
from engine.training.recipe import FeatureStage
from engine.training.renders import Renders
from engine.weights.features import FORMAT

_BETAS = (0.9, 0.99)
_WEIGHT_DECAY = 0.01
_OCCLUDED = 0.3  # share of the pictures
SEEN_AT_ONCE = 32

Network = TypeVar("Network", bound=nn.Module)


class FeatureTask(ABC, Generic[Network]):
    """One stage of a recipe's feature networks; a `loop.Task`."""

    def __init__(self, network: Network, stage: FeatureStage, renders: Renders, held_out: Renders, team: Team):
        self.stage, self.team = stage, team
        self.steps, self.batch = stage.steps, stage.batch
        self.renders, self.held_out = renders, held_out
        self.described = checkpoint.described(stage, renders.made, held_out.made)
        self.network = network.to(team.device)
        self.ema = copy.deepcopy(network).requires_grad_(False)
        self.trained = list(network.parameters())
        self.optimiser = torch.optim.AdamW(
            self.trained, stage.rate.first, _BETAS, weight_decay=_WEIGHT_DECAY, fused=True
        )

    @abstractmethod
    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss of this process's share of batch number k, and figures about it."""

    @abstractmethod
    def look(self, picture: Path) -> dict[str, float]: ...

    @abstractmethod
    def metadata(self) -> dict[str, str]:
        """What `engine.weights.features` needs to build the network again."""

    def step(self, k: int) -> dict[str, float]:
        loss, figures = self.loss(k)
        self.optimiser.zero_grad()
        loss.backward()
        self.team.average_gradients(self.trained)
        set_rate(self.optimiser, rate_at(self.stage.rate, k, self.steps))
        self.optimiser.step()
        share = ema_share(self.stage.ema_images, k, self.batch)
        checkpoint.average(self.ema.parameters(), self.network.parameters(), share)
        return self.team.mean(figures)

    def dice(self, k: int, place: int) -> Dice:
        """For picture number `place` of the global batch number k."""
        return Dice(draws.generator(self.stage.seed, "augmentation", k, place))

    def state(self) -> dict[str, torch.Tensor]:
        tensors = prefixed("network.", self.network.state_dict()) | prefixed("ema.", self.ema.state_dict())
        return tensors | prefixed("optimiser.", checkpoint.optimiser_tensors(self.optimiser))

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        self.network.load_state_dict(under("network.", tensors))
        self.ema.load_state_dict(under("ema.", tensors))
        checkpoint.restore_optimiser(self.optimiser, under("optimiser.", tensors))

    def write_weights(self, path: Path) -> None:
        """The averaged weights in fp16."""
        tensors = {key: value.half() for key, value in self.ema.state_dict().items()}
        checkpoint.write_tensors(
            path, tensors, FORMAT | {"kind": self.stage.name, "described": self.described} | self.metadata()
        )


def disturbed(
    pictures: torch.Tensor, jitters: Sequence[Jitter], dice: Sequence[Dice]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures [N,3,S,S] in [-1,1] as photographs of them might look.

    Returns:
        the pictures, and where they are not covered by something else, 1 or 0: [N,S,S].
    """
    moved = (moved_pictures(pictures, jitters) + 1) / 2
    results, shown = [], []
    for picture, die in zip(moved, dice, strict=True):
        visible = torch.ones(picture.shape[-2:])
        if die.happens(_OCCLUDED):
            picture, visible = occluded(picture, die)
        results.append(photographed(picture, die))
        shown.append(visible)
    return torch.stack(results) * 2 - 1, torch.stack(shown)
