"""A model's generator with what w looks like: its average, and samples where something makes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.networks.stylegan2 import Generator
from engine.weights.header import Header
from engine.weights.imported import load_generator, sample_w
from engine.weights.store import WEIGHTS, build_generator, read_weights

_SAMPLES = 16_384
_PIECE = 8


@dataclass(frozen=True)
class Latents:
    """A generator and its w.

    Attributes:
        average: [num_ws,w_dim].
        samples: [N,w_dim], the same every time; None where the model has no mapping.
    """

    generator: Generator
    average: torch.Tensor
    samples: torch.Tensor | None

    @torch.no_grad()
    def painted(self, w_plus: torch.Tensor, size: int) -> torch.Tensor:
        """w_plus [N,num_ws,w_dim] → pictures [N,3,size,size], from the smallest skip image that is large enough."""
        resolution = self.generator.config.resolution
        while resolution // 2 >= size:
            resolution //= 2
        pictures = torch.cat(
            [self.generator.synthesis(piece, resolution=resolution) for piece in w_plus.split(_PIECE)]
        )
        if resolution > size:
            return F.interpolate(pictures, (size, size), mode="area")
        return F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False)


def open_latents(folder: Path, header: Header) -> Latents:
    """Raises `ModelDamaged`, `TensorUnfit`."""
    cpu = torch.device("cpu")
    if header.is_conditional:
        generator, conditional, parameters = build_generator(*read_weights(folder / WEIGHTS, cpu))
        random = torch.Generator().manual_seed(0)
        normal = torch.randn(_SAMPLES, len(parameters.names), generator=random)
        with torch.no_grad():
            samples = conditional(parameters.within(normal @ parameters.cholesky.T))
        average = samples.mean(0)
    else:
        generator, average = load_generator(folder / WEIGHTS, cpu)
        samples = sample_w(generator, _SAMPLES) if generator.config.n_mlp else None
    rows = average.reshape(-1, average.shape[-1]).expand(generator.num_ws, -1)
    return Latents(generator, rows, samples)
