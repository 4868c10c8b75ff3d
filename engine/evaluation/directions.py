"""Who moves whom: what each direction does to every attribute, read by the face reader on edited samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.evaluation.generator import Trained
from engine.networks.features import FaceReader

_AT_ONCE = 16


@dataclass(frozen=True)
class Influence:
    """What directions move.

    Attributes:
        directions: K names.
        attributes: A names.
        moved: [K,A], by how many standard deviations strength 1 moves the attribute, mean over samples.
    """

    directions: tuple[str, ...]
    attributes: tuple[str, ...]
    moved: torch.Tensor

    def strays(self, direction: str, own: str) -> float:
        """The largest move of another attribute, as a share of the direction's own."""
        row = self.moved[self.directions.index(direction)].abs()
        mine = self.attributes.index(own)
        others = torch.cat([row[:mine], row[mine + 1 :]])
        return float(others.max() / row[mine])

    def markdown(self) -> str:
        """The table, a row for each direction."""
        head = f"| | {' | '.join(self.attributes)} |\n|---|{'---|' * len(self.attributes)}"
        rows = [
            f"| {name} | {' | '.join(f'{value:+.2f}' for value in row)} |"
            for name, row in zip(self.directions, self.moved.tolist(), strict=True)
        ]
        return "\n".join([head, *rows])


@torch.no_grad()
def influence(
    trained: Trained, reader: FaceReader, steps: dict[str, torch.Tensor], c: torch.Tensor, strength: float = 1.0
) -> Influence:
    """Measure directions given in w on the faces c [N,P].

    `steps`: [N,w_dim] or [w_dim] by name, what strength 1 adds to w. Each face is edited both ways and the readings'
    difference is halved.
    """
    w = trained.mapping(c)
    rows = [
        (_read(trained, reader, w + strength * step) - _read(trained, reader, w - strength * step)).mean(0)
        / (2 * strength)
        for step in steps.values()
    ]
    return Influence(tuple(steps), reader.config.attributes, torch.stack(rows))


def exact_steps(trained: Trained, c: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """What a step in the parameters, [P] in c, does to w of each face of c [N,P]: [N,w_dim]."""
    return trained.mapping(c + step) - trained.mapping(c)


def _read(trained: Trained, reader: FaceReader, w: torch.Tensor) -> torch.Tensor:
    images = torch.cat([trained.generator.synthesis(part).clamp(-1, 1) for part in w.split(_AT_ONCE)])
    size = reader.config.size
    if images.shape[-1] != size:
        images = torch.nn.functional.interpolate(images, (size, size), mode="bilinear", antialias=True)
    return torch.cat([reader(part).attributes for part in images.split(_AT_ONCE)])
