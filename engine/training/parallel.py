"""Several processes, one training run: every process takes its share of the global batch, gradients are averaged.

Start the same command under `torchrun --nproc-per-node N`. Random numbers are drawn for the global batch and then shared
out, so the number of processes changes nothing but the order in which floats are added.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from engine.errors import BadRequest

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Team:
    """The processes that train together; one alone is a team too.

    `device` is where this process's networks are. Everything is drawn and read on the CPU.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = _CPU

    @property
    def leads(self) -> bool:
        """Whether this process writes files and says things."""
        return self.rank == 0

    def share(self, *batches: torch.Tensor) -> list[torch.Tensor]:
        """This process's part of each global batch. Raises `BadRequest` where it does not divide by the team's size."""
        for batch in batches:
            if len(batch) % self.size:
                raise BadRequest(
                    f"A batch of {len(batch)} cannot be shared out among {self.size} processes.",
                    "Start another number of processes, or change the recipe's batch.",
                )
        return [batch.chunk(self.size)[self.rank] for batch in batches]

    def wait(self) -> None:
        """Until everybody is here."""
        if self.size > 1:
            dist.barrier()

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its mean over the team."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def gather(self, part: torch.Tensor) -> torch.Tensor:
        """Everybody's `part` [n,…] as one [size·n,…], in order of rank; gradients reach one's own only."""
        if self.size == 1:
            return part
        parts = [torch.empty_like(part) for _ in range(self.size)]
        dist.all_gather(parts, part.detach().contiguous())
        parts[self.rank] = part
        return torch.cat(parts)

    def mean(self, values: dict[str, torch.Tensor]) -> dict[str, float]:
        """Mean of each figure over the team."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.size > 1:
            dist.all_reduce(stacked)
            stacked /= self.size
        return dict(zip(values, stacked.tolist(), strict=True))


@contextmanager
def team() -> Iterator[Team]:
    """The team that torchrun's environment describes, over gloo or, with CUDA, NCCL."""
    if "WORLD_SIZE" not in os.environ:
        yield Team(device=_device(0))
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Team(dist.get_rank(), dist.get_world_size(), _device(int(os.environ["LOCAL_RANK"])))
    finally:
        dist.destroy_process_group()


def _device(number: int) -> torch.device:
    """The machine's graphics card of that number, or the CPU."""
    return torch.device("cuda", number) if torch.cuda.is_available() else _CPU
