"""Learn a conditional model's map from parameters to landmarks, and put it into the model's file.

    python -m engine.training.landmark_map models/default --samples 16000 --seed 1

Samples of the generator are read by the landmark network (engine.faces.landmarks); the map (engine.networks.landmark_map)
learns the readings. Parameters are drawn from the model's Gaussian; those that change the face's shape are drawn
evenly over their range half of the time, so that rare expressions and poses are learned as well.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from tqdm import tqdm

from engine.faces.landmarks import FaceMesh
from engine.networks.landmark_map import LandmarkMap
from engine.networks.stylegan2 import ConditionalMapping, Generator
from engine.paths import EMBEDDED_MODELS
from engine.weights.store import Parameters, build_generator, latent_of, read_weights

SHAPE = ("smile", "frown", "yaw", "pitch", "brow", "jaw", "blink", "squint", "gaze0", "gaze1", "weight")
COMPONENTS, WIDTH = 60, 256
BATCH = 128
HELD_OUT = 512


def draw(parameters: Parameters, count: int, generator: torch.Generator) -> torch.Tensor:
    """Normalised parameters [count, P] to learn from."""
    z = torch.randn(count, len(parameters.names), generator=generator)
    c = torch.minimum(torch.maximum(z @ parameters.cholesky.T, parameters.low), parameters.high)
    for name in SHAPE:
        i = parameters.index(name)
        low, high = parameters.low[i], parameters.high[i]
        even = low + (high - low) * torch.rand(count, generator=generator)
        c[:, i] = torch.where(torch.rand(count, generator=generator) < 0.5, even, c[:, i])
    return c


@torch.no_grad()
def read_landmarks(
    c: torch.Tensor, conditional: ConditionalMapping, generator: Generator, mesh: FaceMesh
) -> torch.Tensor:
    """Landmarks [N,468,2] of the faces that c [N,P] make."""
    read = [
        mesh.landmarks(generator.synthesis(latent_of(conditional, part)))
        for part in tqdm(c.split(16), desc="reading samples")
    ]
    return torch.cat(read)


def learn(c: torch.Tensor, landmarks: torch.Tensor, epochs: int) -> tuple[LandmarkMap, float]:
    """Train the map; returns it with its held-out error (rms over points, crop units)."""
    mean = landmarks[HELD_OUT:].mean(0)
    flat = (landmarks - mean).flatten(1)
    _, _, basis = torch.pca_lowrank(flat[HELD_OUT:], COMPONENTS, center=False, niter=4)
    targets = flat @ basis
    network = LandmarkMap(c.shape[1], landmarks.shape[1], COMPONENTS, WIDTH)
    network.mean.copy_(mean)
    network.components.copy_(basis.T)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-3)
    steps_an_epoch = (len(c) - HELD_OUT) // BATCH
    for epoch in tqdm(range(epochs), desc="learning"):
        for group in optimiser.param_groups:
            group["lr"] = 1e-5 + 1e-3 * (1 + math.cos(math.pi * epoch / epochs))
        order = torch.randperm(len(c) - HELD_OUT) + HELD_OUT
        for k in range(steps_an_epoch):
            index = order[k * BATCH : (k + 1) * BATCH]
            predicted = (network(c[index]) - mean).flatten(1) @ basis
            loss = (predicted - targets[index]).square().sum(1).mean() * 1e3
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        error = (network(c[:HELD_OUT]) - landmarks[:HELD_OUT]).square().sum(-1).mean().sqrt()
    return network, error.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, help="the model's folder")
    parser.add_argument("--samples", type=int, default=16_000)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    path: Path = options.model / "model.safetensors"
    metadata, state = read_weights(path, torch.device("cpu"))
    generator, conditional, parameters = build_generator(metadata, state)
    mesh = FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")
    c = draw(parameters, options.samples, torch.Generator().manual_seed(options.seed))
    landmarks = read_landmarks(c, conditional, generator, mesh)
    network, error = learn(c, landmarks, options.epochs)
    print(f"held-out error {error:.4f} of the crop's side over {HELD_OUT} samples")
    kept = {
        key: tensor.half() for key, tensor in state.items() if not key.startswith(("landmarks.", "parameters."))
    }
    kept |= {key: tensor for key, tensor in state.items() if key.startswith("parameters.")}
    kept |= {f"landmarks.{key}": tensor for key, tensor in network.state_dict().items()}
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        temporary = Path(file.name)
    save_file({key: tensor.contiguous() for key, tensor in kept.items()}, temporary, metadata)
    temporary.chmod(0o644)
    temporary.replace(path)


if __name__ == "__main__":
    main()
