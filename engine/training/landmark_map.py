"""Learn a conditional generator's map from parameters to landmarks.

Samples of the generator are read by the landmark network (engine.faces.landmarks); the map (engine.networks.landmark_map)
learns the readings. Parameters are drawn from the model's Gaussian; those that change the face's shape are drawn
evenly over their range half of the time, so that rare expressions and poses are learned as well.
"""

from __future__ import annotations

import torch
from tqdm import tqdm

from engine.faces.landmarks import FaceMesh
from engine.networks.landmark_map import LandmarkMap
from engine.training import draws
from engine.training.rates import rate_at, set_rate
from engine.training.recipe import Rate
from engine.training.trained import Trained

SHAPE = (
    "smile", "smirk", "frown", "pucker", "yaw", "pitch", "brow", "jaw", "blink", "squint", "gaze0", "gaze1", "weight",
)  # fmt: skip
COMPONENTS, WIDTH = 60, 256
BATCH = 128
HELD_OUT = 20  # one of so many samples
RATE = Rate(first=2e-3, last=1e-5, warm_up=100)


def draw_shapes(trained: Trained, count: int, seed: int) -> torch.Tensor:
    """Normalised parameters c [count,P] to learn from."""
    c = trained.draw(count, seed)
    generator = draws.generator(seed, "shapes")
    for name in SHAPE:
        i = trained.parameters.index(name)
        low, high = trained.parameters.low[i], trained.parameters.high[i]
        even = low + (high - low) * torch.rand(count, generator=generator)
        c[:, i] = torch.where(torch.rand(count, generator=generator) < 0.5, even, c[:, i])
    return c


@torch.no_grad()
def read_landmarks(c: torch.Tensor, trained: Trained, mesh: FaceMesh) -> torch.Tensor:
    """Landmarks [N,468,2] of the faces that c [N,P] make."""
    parts = tqdm(c.split(16), desc="reading samples", unit="batch")
    return torch.cat([mesh.landmarks(trained.generator.synthesis(trained.mapping(part))) for part in parts])


def learn_landmarks(
    c: torch.Tensor, landmarks: torch.Tensor, epochs: int, seed: int
) -> tuple[LandmarkMap, float]:
    """Train the map; returns it with its error on the first twentieth, held out (rms over points, crop units)."""
    torch.manual_seed(seed)
    first = len(c) // HELD_OUT
    mean = landmarks[first:].mean(0)
    flat = (landmarks - mean).flatten(1)
    _, _, basis = torch.pca_lowrank(flat[first:], COMPONENTS, center=False, niter=4)
    targets = flat @ basis
    network = LandmarkMap(c.shape[1], landmarks.shape[1], COMPONENTS, WIDTH)
    network.mean.copy_(mean)
    network.components.copy_(basis.T)
    _start_linear(network, c[first:], targets[first:])
    optimiser = torch.optim.AdamW(network.parameters(), RATE.first, weight_decay=1e-3, fused=True)
    seen = len(c) - first
    steps = epochs * (seen // BATCH)
    for k in tqdm(range(steps), desc="landmarks", unit="batch"):
        index = first + draws.batch_indices(seed, k, BATCH, seen)
        predicted = (network(c[index]) - mean).flatten(1) @ basis
        loss = (predicted - targets[index]).square().sum(1).mean() * 1e3
        optimiser.zero_grad()
        loss.backward()
        set_rate(optimiser, rate_at(RATE, k, steps))
        optimiser.step()
    with torch.no_grad():
        error = (network(c[:first]) - landmarks[:first]).square().sum(-1).mean().sqrt()
    return network.eval(), float(error)


@torch.no_grad()
def _start_linear(network: LandmarkMap, c: torch.Tensor, targets: torch.Tensor) -> None:
    """Least squares, lightly ridged; the rest is learnt."""
    c = torch.cat([c, torch.ones(len(c), 1)], 1).double()
    ridge = 1e-3 * len(c) * torch.eye(c.shape[1], dtype=torch.float64)
    solution = torch.linalg.solve(c.T @ c + ridge, c.T @ targets.double()).float()
    network.linear.weight.copy_(solution[:-1].T)
    network.linear.bias.copy_(solution[-1])
