"""Training the generator: first regression from the parameters to the render, then a discriminator for fine detail.

The network is StyleGAN2's (engine.networks.stylegan2) behind a conditional mapping. What a stage leaves,
`weights.safetensors`, holds the averaged weights (`generator.*`, `mapping.*`) and the parameters' statistics
(`parameters.*`).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import BadRequest
from engine.networks.discriminator import PatchDiscriminator
from engine.networks.modulated import NoiseStrength
from engine.networks.stylegan2 import ConditionalMapping, Generator, GeneratorConfig
from engine.training import checkpoint, draws
from engine.training.checkpoint import prefixed, under
from engine.training.losses import FACE, STRANDS, fine_detail, psnr, reconstruction, region_weights
from engine.training.parallel import Team
from engine.training.rates import ema_share, rate_at, set_rate
from engine.training.recipe import GeneratorRecipe, GeneratorStage
from engine.training.renders import Renders, shrunk
from engine.training.sheets import write_sheet

_BETAS = (0.5, 0.99)
_ADVERSARIAL_BETAS = (0.0, 0.99)
_MAPPING_RATE = 10.0  # undoes the multiplier 0.1 inside the mapping: its weights learn as fast as all others
_COARSER, _COARSEST = 0.2, 16  # weight of the skip images' loss, and their least size
_SEEN_AT_ONCE = 16


class Perceptual(Protocol):
    """What a feature network offers to the loss."""

    def distance(self, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """How different two batches [N,3,R,R] look: a scalar of about unit scale."""
        ...


class ConditionalGenerator(nn.Module):
    """Normalised parameters c [N,P] → image."""

    def __init__(self, recipe: GeneratorRecipe, parameters: int) -> None:
        super().__init__()
        config = GeneratorConfig(recipe.resolution, recipe.channels, recipe.w_dim, n_mlp=0, edge="replicate")
        self.mapping = ConditionalMapping(parameters, recipe.w_dim, recipe.mapping_layers)
        self.generator = Generator(config)

    def forward(
        self, c: torch.Tensor, resolution: int, noise: list[torch.Tensor] | None = None
    ) -> torch.Tensor:
        return self.generator.synthesis(self.mapping(c), noise, resolution)

    def skip_images(
        self, c: torch.Tensor, resolution: int, noise: list[torch.Tensor] | None = None
    ) -> list[torch.Tensor]:
        return self.generator.skip_images(self.mapping(c), noise, resolution)

    def trained(self, first: int, last: int) -> list[nn.Parameter]:
        """The parameters of the layers from `first` to `last` pixels; with the mapping where `first` is 4."""
        modules: list[nn.Module] = []
        if first == 4:
            modules += [self.mapping, self.generator.input, self.generator.conv1, self.generator.to_rgb1]
        for block, to_rgb in enumerate(self.generator.to_rgbs):
            if first <= 8 << block <= last:
                modules += [self.generator.convs[2 * block], self.generator.convs[2 * block + 1], to_rgb]
        return [parameter for module in modules for parameter in module.parameters()]

    def noise_strengths(self) -> list[nn.Parameter]:
        return [module.weight for module in self.modules() if isinstance(module, NoiseStrength)]


class GeneratorTask:
    """One stage of a recipe's generator."""

    def __init__(
        self,
        recipe: GeneratorRecipe,
        stage: GeneratorStage,
        renders: Renders,
        held_out: Renders,
        team: Team,
        features: Perceptual | None = None,
        origin: str = "",  # what else the result depends on: digests of the weights that it starts from and uses
    ) -> None:
        self.recipe, self.stage, self.team = recipe, stage, team
        self.steps, self.batch = stage.steps, stage.batch
        self.renders, self.held_out = renders, held_out
        self.described = checkpoint.described(
            recipe.w_dim, recipe.mapping_layers, recipe.channels, stage, renders.made, held_out.made, origin
        )
        self.weights = region_weights(renders.regions)
        if stage.adversarial:
            self.weights[[renders.regions[name] for name in STRANDS]] *= stage.adversarial.strands
        self.mean = renders.parameters.mean(0)
        self.std = renders.parameters.std(0) + 1e-4
        self.c = (renders.parameters - self.mean) / self.std
        torch.manual_seed(stage.seed)  # for the first weights; nothing else is drawn from it
        self.network = ConditionalGenerator(recipe, len(renders.names)).to(team.device)
        self.ema = copy.deepcopy(self.network).requires_grad_(False)
        self.features = features
        self._choose_trained()
        self.discriminator = PatchDiscriminator().to(team.device) if stage.adversarial else None
        betas = _ADVERSARIAL_BETAS if stage.adversarial else _BETAS
        self.optimiser = torch.optim.Adam(self._groups(), stage.rate.first, betas, fused=True)
        self.judge = (
            torch.optim.Adam(self.discriminator.parameters(), 1.0, _ADVERSARIAL_BETAS, fused=True)
            if self.discriminator
            else None
        )

    def _choose_trained(self) -> None:
        """Gradients only where this stage trains; noise is for the adversarial stages."""
        self.network.requires_grad_(False)
        trained = self.network.trained(self.stage.train_from, self.stage.resolution)
        if not self.stage.adversarial:
            strengths = {id(parameter) for parameter in self.network.noise_strengths()}
            trained = [parameter for parameter in trained if id(parameter) not in strengths]
        for parameter in trained:
            parameter.requires_grad_(True)
        self.trained = trained

    def _groups(self) -> list[dict[str, Any]]:
        mapping = {id(parameter) for parameter in self.network.mapping.parameters()}
        groups = [
            {"params": [p for p in self.trained if id(p) not in mapping]},
            {"params": [p for p in self.trained if id(p) in mapping], "times": _MAPPING_RATE},
        ]
        return [group for group in groups if group["params"]]

    def start_from(self, path: Path) -> None:
        """Take the weights that an earlier stage left. Raises `BadRequest` where they do not fit."""
        tensors = checkpoint.read_tensors(path)
        learnt = {key: value for key, value in tensors.items() if not key.startswith("parameters.")}
        try:
            for network in (self.network, self.ema):
                network.load_state_dict({**network.state_dict(), **learnt})
            self.mean, self.std = tensors["parameters.mean"], tensors["parameters.std"]
            if json.loads(checkpoint.read_metadata(path)["parameters"]) != list(self.renders.names):
                raise KeyError("its parameters are others")
        except (RuntimeError, KeyError) as error:
            raise BadRequest(f"{path} holds no weights for this generator: {error}.") from error
        self.c = (self.renders.parameters - self.mean) / self.std
        if self.stage.adversarial:
            for network in (self.network, self.ema):
                trained = {id(one) for one in network.trained(self.stage.train_from, self.stage.resolution)}
                for strength in network.noise_strengths():
                    if id(strength) in trained:
                        strength.data.clamp_(min=self.stage.adversarial.noise_strength)

    def step(self, k: int) -> dict[str, float]:
        index = draws.batch_indices(self.stage.seed, k, self.batch, len(self.renders))
        noise = self._noise(k)
        index, *noise = self.team.share(index, *noise)
        device = self.team.device
        noise = [one.to(device) for one in noise]
        x = self.renders.pictures(index, self.stage.resolution).to(device)
        weight = self._weight(self.renders, index).to(device)
        c = self.c[index].to(device)
        figures: dict[str, torch.Tensor] = {}
        *coarser, y = self.network.skip_images(c, self.stage.resolution, noise or None)
        if self.discriminator:
            figures |= self._judge_step(k, x, y.detach())
            self.discriminator.requires_grad_(False)  # it has had its step
        loss = self._loss(y, x, weight, figures) + self._coarser_loss(coarser, x, weight)
        self.optimiser.zero_grad()
        loss.backward()
        self.team.average_gradients(self.trained)
        set_rate(self.optimiser, rate_at(self.stage.rate, k, self.steps))
        self.optimiser.step()
        self._follow(k)
        return self.team.mean(figures)

    def _loss(
        self, y: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, figures: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        adversarial = self.stage.adversarial
        if adversarial and self.discriminator:
            # At half resolution the labels are held, and fine detail is left to the discriminator.
            loss = reconstruction(*(F.avg_pool2d(t, 2) for t in (y, x, weight)))
            loss = loss + adversarial.anchor * ((y - x).abs() * weight).mean()
            figures["reconstruction"] = loss
            fooled = F.softplus(-self.discriminator(y)).mean()
            figures["adversarial"] = fooled
            loss = loss + adversarial.weight * fooled
        else:
            loss = reconstruction(y, x, weight)
            figures["reconstruction"] = loss
        if self.features is not None and self.stage.features:
            distance = self.features.distance(y, x)
            figures["features"] = distance
            loss = loss + self.stage.features * distance
        return loss

    @staticmethod
    def _coarser_loss(coarser: list[torch.Tensor], x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Weighted L1 of the skip images: each is the picture at its size, so that fitting may stop early."""
        loss = x.new_zeros(())
        for image in coarser:
            size = image.shape[-1]
            if size >= _COARSEST:
                loss = loss + ((image - shrunk(x, size)).abs() * shrunk(weight, size)).mean()
        return _COARSER * loss

    def _judge_step(self, k: int, x: torch.Tensor, fake: torch.Tensor) -> dict[str, torch.Tensor]:
        """The discriminator's step on renders x and what was generated: logistic loss, R1 every so often.

        The logits' gradients of neighbouring patches add where patches overlap; their sum over the picture, divided by the
        root of the number of patches, makes R1 as strong at one resolution as at another.
        """
        adversarial, discriminator, judge = self.stage.adversarial, self.discriminator, self.judge
        assert adversarial
        assert discriminator
        assert judge
        discriminator.requires_grad_(True)
        regularise = k % adversarial.r1_every == 0 and adversarial.r1 > 0
        real = self._dithered(k, x).requires_grad_(regularise)
        logits, fake_logits = discriminator(real), discriminator(fake)
        loss = F.softplus(-logits).mean() + F.softplus(fake_logits).mean()
        right = ((logits > 0).float().mean() + (fake_logits < 0).float().mean()) / 2
        figures = {"discriminator": loss, "right": right}
        if regularise:
            scaled = logits.sum() / logits[0].numel() ** 0.5
            (gradient,) = torch.autograd.grad(scaled, real, create_graph=True)
            penalty = gradient.square().sum((1, 2, 3)).mean()
            loss = loss + penalty * adversarial.r1 * adversarial.r1_every / 2
        judge.zero_grad()
        loss.backward()
        self.team.average_gradients(discriminator.parameters())
        set_rate(
            judge,
            rate_at(self.stage.rate, k, self.steps) / self.stage.rate.first * adversarial.discriminator_rate,
        )
        judge.step()
        return figures

    def _dithered(self, k: int, x: torch.Tensor) -> torch.Tensor:
        """Renders of 8 bits with what rounding took from them, so that steps do not give them away."""
        generator = draws.generator(self.stage.seed, "dither", k)
        dither = torch.rand(self.batch, *x.shape[1:], generator=generator) - 0.5
        return x + self.team.share(dither)[0].to(x.device) / 127.5

    def _noise(self, k: int) -> list[torch.Tensor]:
        """Noise of the global batch for the adversarial stages; none for the others."""
        if not self.stage.adversarial:
            return []
        generator = draws.generator(self.stage.seed, "noise", k)
        return [
            torch.randn(self.batch, 1, size, size, generator=generator)
            for size in self.network.generator.noise_sizes()
            if size <= self.stage.resolution
        ]

    def _weight(self, renders: Renders, index: torch.Tensor) -> torch.Tensor:
        weight = self.weights[renders.segmentation[index].long()][:, None]
        return shrunk(weight, self.stage.resolution)

    def _follow(self, k: int) -> None:
        """Move the averaged weights."""
        share = ema_share(self.stage.ema_images, k, self.batch)
        checkpoint.average(self.ema.parameters(), self.network.parameters(), share)

    @torch.no_grad()
    def generated(self, renders: Renders, count: int) -> torch.Tensor:
        """What the averaged weights make of the first `count` renders' parameters: [count,3,R,R]."""
        c = ((renders.parameters[:count] - self.mean) / self.std).to(self.team.device)
        return torch.cat([self.ema(part, self.stage.resolution).cpu() for part in c.split(_SEEN_AT_ONCE)])

    @torch.no_grad()
    def look(self, picture: Path) -> dict[str, float]:
        count = min(len(self.held_out), 128)
        index = torch.arange(count)
        x = self.held_out.pictures(index, self.stage.resolution)
        y = self.generated(self.held_out, count)
        face = torch.isin(
            self.held_out.segmentation[index], torch.tensor([self.held_out.regions[name] for name in FACE])
        )
        inside = (shrunk(face[:, None].float(), self.stage.resolution) > 0.5).float()
        write_sheet(picture, x[:32], y[:32])
        return {"psnr": psnr(y, x), "psnr_face": psnr(y, x, inside), "fine_detail": fine_detail(y, x)}

    def state(self) -> dict[str, torch.Tensor]:
        tensors = prefixed("network.", self.network.state_dict()) | prefixed("ema.", self.ema.state_dict())
        tensors |= prefixed("optimiser.", checkpoint.optimiser_tensors(self.optimiser))
        tensors |= {"mean": self.mean, "std": self.std}
        if self.discriminator and self.judge:
            tensors |= prefixed("discriminator.", self.discriminator.state_dict())
            tensors |= prefixed("judge.", checkpoint.optimiser_tensors(self.judge))
        return tensors

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        self.network.load_state_dict(under("network.", tensors))
        self.ema.load_state_dict(under("ema.", tensors))
        checkpoint.restore_optimiser(self.optimiser, under("optimiser.", tensors))
        self.mean, self.std = tensors["mean"], tensors["std"]
        self.c = (self.renders.parameters - self.mean) / self.std
        if self.discriminator and self.judge:
            self.discriminator.load_state_dict(under("discriminator.", tensors))
            checkpoint.restore_optimiser(self.judge, under("judge.", tensors))

    def write_weights(self, path: Path) -> None:
        """The averaged weights up to this resolution in fp16, and how the parameters are normalised and drawn."""
        channels = self.recipe.channels[: self.stage.resolution.bit_length() - 2]
        ends_here = ConditionalGenerator(self.recipe.model_copy(update={"channels": channels}), len(self.mean))
        learnt = self.ema.state_dict()
        tensors = {key: learnt[key].half() for key in ends_here.state_dict()}
        tensors |= prefixed("parameters.", self._statistics())
        metadata = {"parameters": json.dumps(self.renders.names), "described": self.described}
        checkpoint.write_tensors(path, tensors, metadata)

    def _statistics(self) -> dict[str, torch.Tensor]:
        correlation = torch.cov(self.c.T) + 1e-3 * torch.eye(self.c.shape[1])
        return {
            "mean": self.mean,
            "std": self.std,
            "low": self.c.quantile(0.01, 0),
            "high": self.c.quantile(0.99, 0),
            "cholesky": torch.linalg.cholesky(correlation),
        }
