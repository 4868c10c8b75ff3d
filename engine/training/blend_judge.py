"""The adversarial term's other side: a discriminator that learns to tell blends from photographs.

StyleGAN2's non-saturating loss on patches, with R1 every so often, as in the generator's training.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from engine.networks.discriminator import PatchDiscriminator
from engine.training import checkpoint
from engine.training.checkpoint import prefixed, under
from engine.training.parallel import Team
from engine.training.rates import set_rate

_BETAS = (0.0, 0.99)
_R1, _R1_EVERY = 0.2, 16


class BlendJudge:
    """Photographs and blends [N,3,R,R] in [-1,1]."""

    def __init__(self, seed: int, team: Team) -> None:
        torch.manual_seed(seed)  # for the first weights; nothing else is drawn from it
        self.team = team
        self.network = PatchDiscriminator().to(team.device).requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.network.parameters(), 1.0, _BETAS, fused=True)

    def fooled(self, blend: torch.Tensor) -> torch.Tensor:
        """The loss of who made the blends."""
        return F.softplus(-self.network(blend)).mean()

    def learn(self, k: int, photograph: torch.Tensor, blend: torch.Tensor, rate: float) -> dict[str, float]:
        """Step number k on this process's share of a batch; the blends are not of the gradient."""
        self.network.requires_grad_(True)
        regularise = k % _R1_EVERY == 0
        real = photograph.detach().requires_grad_(regularise)
        logits, blend_logits = self.network(real), self.network(blend.detach())
        loss = F.softplus(-logits).mean() + F.softplus(blend_logits).mean()
        right = ((logits > 0).float().mean() + (blend_logits < 0).float().mean()) / 2
        figures = {"discriminator": loss, "right": right}
        if regularise:
            scaled = logits.sum() / logits[0].numel() ** 0.5
            (gradient,) = torch.autograd.grad(scaled, real, create_graph=True)
            loss = loss + gradient.square().sum((1, 2, 3)).mean() * _R1 * _R1_EVERY / 2
        self.optimiser.zero_grad()
        loss.backward()
        self.team.average_gradients(self.network.parameters())
        set_rate(self.optimiser, rate)
        self.optimiser.step()
        self.network.requires_grad_(False)
        return self.team.mean(figures)

    def state(self) -> dict[str, torch.Tensor]:
        tensors = prefixed("discriminator.", self.network.state_dict())
        return tensors | prefixed("judge.", checkpoint.optimiser_tensors(self.optimiser))

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self.network.load_state_dict(under("discriminator.", tensors))
        checkpoint.restore_optimiser(self.optimiser, under("judge.", tensors))
