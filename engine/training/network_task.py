"""What every training of a single network needs: steps, averaged weights, state, a file."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

from engine.training import checkpoint, draws
from engine.training.checkpoint import prefixed, under
from engine.training.dice import Dice
from engine.training.inversion_recipe import NetworkStage
from engine.training.parallel import Team
from engine.training.rates import ema_share, rate_at, set_rate
from engine.weights.inverters import FORMAT

_BETAS = (0.9, 0.99)
_WEIGHT_DECAY = 0.01
_STEEPEST = 1.0  # longest gradient; one odd batch does not undo many
SEEN_AT_ONCE = 16

Network = TypeVar("Network", bound=nn.Module)


class NetworkTask(ABC, Generic[Network]):
    """The training of one network; a `loop.Task`. The network has no buffers that training changes."""

    def __init__(self, network: Network, stage: NetworkStage, team: Team, described: str) -> None:
        self.steps, self.batch, self.seed = stage.steps, stage.batch, stage.seed
        self.rate, self.ema_images = stage.rate, stage.ema_images
        self.team, self.described = team, described
        self.network = network.to(team.device)
        self.ema = copy.deepcopy(self.network).requires_grad_(False)
        self.trained = list(self.network.parameters())
        self.optimiser = torch.optim.AdamW(
            self.trained, stage.rate.first, _BETAS, weight_decay=_WEIGHT_DECAY, fused=True
        )

    @abstractmethod
    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss of this process's share of batch number k, and figures about it.

        Everything is a mean over pictures, so that the mean over shares is that of the batch.
        """

    @abstractmethod
    def look(self, picture: Path) -> dict[str, float]: ...

    @abstractmethod
    def metadata(self) -> dict[str, str]:
        """`kind`, and what is needed to build the network again."""

    def step(self, k: int) -> dict[str, float]:
        loss, figures = self.loss(k)
        self.optimiser.zero_grad()
        loss.backward()
        self.team.average_gradients(self.trained)
        nn.utils.clip_grad_norm_(self.trained, _STEEPEST)
        set_rate(self.optimiser, rate_at(self.rate, k, self.steps))
        self.optimiser.step()
        share = ema_share(self.ema_images, k, self.batch)
        checkpoint.average(self.ema.parameters(), self.network.parameters(), share)
        return self.team.mean(figures)

    def dice(self, k: int, place: int) -> Dice:
        """For picture number `place` of the global batch number k."""
        return Dice(draws.generator(self.seed, "picture", k, place))

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
        checkpoint.write_tensors(path, tensors, FORMAT | {"described": self.described} | self.metadata())
