"""A generator of random weights, small enough to invert into within a test; and what its inversion is measured by."""

from __future__ import annotations

import torch

from engine.inversion.detection import Generated
from engine.inversion.latents import LatentStatistics, latent_statistics
from engine.inversion.presets import Preset
from engine.networks.stylegan2 import Generator, GeneratorConfig

W_DIM = 8


def tiny_generator(resolution: int, seed: int = 7) -> Generator:
    """Its noise is weak and its biases are not zero."""
    torch.manual_seed(seed)
    channels = (8,) * (resolution.bit_length() - 2)
    generator = Generator(GeneratorConfig(resolution, channels, W_DIM, n_mlp=2, lr_mlp=1.0))
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(("noise.weight", "activate.bias")):
                parameter.normal_(std=0.1)
    return generator.freeze()


def tiny_statistics(generator: Generator) -> LatentStatistics:
    return latent_statistics(generator, samples=512)


def sampled(generator: Generator, seed: int) -> torch.Tensor:
    """w_plus [1,num_ws,w_dim] that the mapping makes."""
    z = torch.randn(1, W_DIM, generator=torch.Generator().manual_seed(seed))
    return generator.broadcast(generator.mapping(z)).contiguous()


def average(generator: Generator) -> torch.Tensor:
    """w_plus [1,num_ws,w_dim] of the average latent."""
    z = torch.randn(512, W_DIM, generator=torch.Generator().manual_seed(1))
    return generator.broadcast(generator.mapping(z).mean(0, keepdim=True)).contiguous()


def preset(rounds: int, steps: int, size: int = 32, patience: int = 1000, pivotal_steps: int = 0) -> Preset:
    return Preset(1, rounds, steps, size, 0.1, patience, pivotal_steps, 4)


def nothing(photo: torch.Tensor, generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
    """A detector that finds all of it in-domain and in place."""
    return torch.zeros(1, 1, 16, 16), torch.zeros(1, 2, 16, 16)


def silent(fraction: float, preview: torch.Tensor | None) -> None:
    """A report to nobody."""


def psnr(y: torch.Tensor, x: torch.Tensor) -> float:
    """In dB, of pictures that span 2."""
    return float(10 * torch.log10(4 / (y - x).square().mean()))
