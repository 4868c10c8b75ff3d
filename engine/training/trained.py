"""A generator as a stage of its training left it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from engine.errors import BadRequest
from engine.networks.stylegan2 import ConditionalMapping, Generator, GeneratorConfig
from engine.training import checkpoint, draws
from engine.training.checkpoint import under
from engine.weights.store import Parameters

_AT_ONCE = 16


@dataclass(frozen=True)
class Trained:
    """A generator out of training."""

    parameters: Parameters
    mapping: ConditionalMapping
    generator: Generator

    @torch.no_grad()
    def faces(self, c: torch.Tensor) -> torch.Tensor:
        """c [N,P] → images [N,3,R,R] in [-1,1]."""
        made = [self.generator.synthesis(self.mapping(part)) for part in tqdm(c.split(_AT_ONCE), desc="faces")]
        return torch.cat(made).clamp(-1, 1)

    def draw(self, count: int, seed: int, truncation_psi: float = 1.0) -> torch.Tensor:
        """Parameters c [count,P] of the training set's correlation, pulled towards its mean, within its range."""
        z = torch.randn(count, len(self.parameters.names), generator=draws.generator(seed, "faces"))
        return self.parameters.within(truncation_psi * (z @ self.parameters.cholesky.T))


def load_trained(path: Path) -> Trained:
    """Read the weights that a stage left. Raises `BadRequest` where the file holds no generator."""
    tensors = checkpoint.read_tensors(path)
    generator_state, mapping_state = under("generator.", tensors), under("mapping.", tensors)
    try:
        generator = Generator(GeneratorConfig.from_state_dict(generator_state, edge="replicate"))
        mapping = ConditionalMapping.from_state_dict(mapping_state)
        generator.load_state_dict(generator_state)
        mapping.load_state_dict(mapping_state)
        names = tuple(json.loads(checkpoint.read_metadata(path)["parameters"]))
        parameters = Parameters(names, **under("parameters.", tensors))
        return Trained(parameters, mapping.eval().requires_grad_(False), generator.freeze())
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise BadRequest(f"{path} holds no generator: {error}.") from error
