"""Random numbers as functions of (seed, step): nothing has to be remembered for a run to go on where it stopped."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *places: int | str) -> torch.Generator:
    """A generator of its own for each place, e.g. (seed, "noise", step)."""
    digest = hashlib.sha256(repr((seed, *places)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))


def batch_indices(seed: int, step: int, batch: int, count: int) -> torch.Tensor:
    """Which of `count` items make batch number `step`: [batch] int64.

    Items are dealt without repetition, shuffled anew for each pass through them.
    """
    first = step * batch
    parts = []
    while len(parts) < batch:
        deal, place = divmod(first + len(parts), count)
        order = torch.randperm(count, generator=generator(seed, "deal", deal))
        parts.extend(order[place : place + batch - len(parts)].tolist())
    return torch.tensor(parts)
