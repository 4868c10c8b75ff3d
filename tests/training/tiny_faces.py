"""A tiny conditional generator for training tests: fitted for a moment to the drawings, with a landmark map by hand."""

from __future__ import annotations

import torch

from engine.networks.landmark_map import LandmarkMap
from engine.training.compositions import Compositions
from engine.training.face_source import ConditionalFaces
from engine.training.generator import ConditionalGenerator
from engine.training.recipe import GeneratorRecipe, GeneratorStage
from engine.training.tables import Rate
from engine.weights.store import Parameters

_STEPS = 12
_STAGE = GeneratorStage(
    name="only", renders="tiny", held_out="tiny", resolution=32, images=8, batch=8,
    rate=Rate(first=2e-2, last=2e-2, warm_up=0), ema_images=8, seed=1, features=0.0,
)  # fmt: skip
_RECIPE = GeneratorRecipe(w_dim=32, mapping_layers=2, channels=(16, 16, 16, 16), stages=(_STAGE,))


def tiny_faces(compositions: Compositions) -> ConditionalFaces:
    """Faces of the compositions' parameters, 32 px."""
    torch.manual_seed(5)
    parameters = compositions.parameters
    mean, std = parameters.mean(0), parameters.std(0) + 1e-4
    c = (parameters - mean) / std
    network = ConditionalGenerator(_RECIPE, len(mean))
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    x = compositions.inversions(torch.arange(8), 32)
    for _ in range(_STEPS):
        loss = (network(c[:8], 32) - x).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return ConditionalFaces(
        generator=network.generator.freeze(),
        mapping=network.mapping.eval().requires_grad_(False),
        parameters=Parameters(
            names=compositions.names,
            mean=mean,
            std=std,
            low=torch.full_like(mean, -2.0),
            high=torch.full_like(mean, 2.0),
            cholesky=torch.eye(len(mean)),
        ),
        origin="tiny",
        landmark_map=tiny_landmark_map(len(mean)),
    )


def tiny_landmark_map(length: int) -> LandmarkMap:
    """Twenty-five points over the face, all moved to the right by the fourth number of a code."""
    network = LandmarkMap(length, 25, 1, 4).requires_grad_(False)
    at = torch.linspace(0.35, 0.65, 5)
    network.mean.copy_(torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).reshape(25, 2))
    network.components.copy_(torch.tensor([0.04, 0.0]).repeat(25)[None])
    network.linear.weight.zero_()
    network.linear.bias.zero_()
    network.linear.weight[0, 3] = 1
    return network.eval()
