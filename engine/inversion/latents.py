"""Where a generator's latents lie: what a prior on w, and steps in w, are measured by.

The mapping network ends in a leaky ReLU of slope 0.2. Before it, w is nearly Gaussian, so a Gaussian there is a prior.
Source: Wulff and Torralba, "Improving Inversion and Generation Diversity in StyleGAN using a Gaussianized Latent Space",
arXiv 2009.06529; Zhu et al., "Improved StyleGAN Embedding: Where are the Good Latents?", arXiv 2012.09036.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F

from engine.networks.layers import LEAKY_SLOPE, check_shape
from engine.networks.stylegan2 import Generator

SAMPLES = 8192
LEAST_VARIANCE = 0.02  # of the mean over axes: no axis is narrower than this


@dataclass(frozen=True)
class LatentStatistics:
    """The distribution of w, a Gaussian before the last leaky ReLU.

    Attributes:
        centre: [w_dim], its mean. axes: [w_dim,w_dim], its principal axes as columns. deviations: [w_dim], along them.
        spread: root mean square distance of one number of w from its mean.
    """

    centre: torch.Tensor
    axes: torch.Tensor
    deviations: torch.Tensor
    spread: float

    @classmethod
    def of(cls, w: torch.Tensor) -> Self:
        """Of samples w [N,w_dim], N ≥ 2. Raises `ValueError` where there are fewer, or all are the same."""
        check_shape("w", w, ("N", "w_dim"))
        if len(w) < 2 or torch.equal(w, w[:1].expand_as(w)):
            raise ValueError("w: expected samples that differ")
        before = _before_activation(w).double()
        variances, axes = torch.linalg.eigh(torch.cov(before.T).reshape(w.shape[1], w.shape[1]))
        deviations = variances.clamp(min=LEAST_VARIANCE * float(variances.mean())).sqrt()
        spread = (w - w.mean(0)).square().mean().sqrt().item()
        return cls(before.mean(0).to(w), axes.to(w), deviations.to(w), spread)

    @classmethod
    def around(cls, w_plus: torch.Tensor) -> Self:
        """A guess from one w_plus [1,num_ws,w_dim], for a generator without a mapping network: as wide as it is long."""
        before = _before_activation(w_plus[0])
        width = before.square().mean().sqrt().item() or 1.0
        count = w_plus.shape[-1]
        axes = torch.eye(count, device=w_plus.device, dtype=w_plus.dtype)
        spread = w_plus.square().mean().sqrt().item() or 1.0
        return cls(before.mean(0), axes, torch.full_like(before[0], width), spread)

    def distance(self, w: torch.Tensor) -> torch.Tensor:
        """Squared Mahalanobis distance per number, mean over all w [...,w_dim]: about 1 for what the mapping makes."""
        along = (_before_activation(w) - self.centre) @ self.axes
        return (along / self.deviations).square().mean()

    def sample(self, count: int, seed: int) -> torch.Tensor:
        """w [count,w_dim], the same for the same seed."""
        rng = torch.Generator().manual_seed(seed)
        drawn = torch.randn(count, len(self.centre), generator=rng).to(self.centre)
        return F.leaky_relu(self.centre + (drawn * self.deviations) @ self.axes.T, LEAKY_SLOPE)


@torch.no_grad()
def latent_statistics(generator: Generator, samples: int = SAMPLES, seed: int = 0) -> LatentStatistics:
    """Of what the generator's own mapping network makes. Raises `ValueError` where it has none."""
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(samples, generator.config.w_dim, generator=rng)
    return LatentStatistics.of(generator.mapping(z))


def _before_activation(w: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(w, 1 / LEAKY_SLOPE)
