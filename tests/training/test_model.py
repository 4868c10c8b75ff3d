"""A model made out of a trained generator: its maps learn, and its file is one that the engine loads."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.networks.region_map import SIZE, RegionMap
from engine.paths import RECIPES, Home
from engine.training.generator import GeneratorTask
from engine.training.landmark_map import draw_shapes, learn_landmarks
from engine.training.model import MODEL, make_model
from engine.training.parallel import Team
from engine.training.recipe import read_recipe
from engine.training.region_map import learn_regions, region_agreement
from engine.training.renders import read_renders
from engine.training.trained import load_trained
from engine.weights.store import load_model

SMOKE = read_recipe(RECIPES / "smoke.toml")


def test_the_landmark_map_learns_what_it_is_shown() -> None:
    generator = torch.Generator().manual_seed(5)
    c = torch.randn(1500, 12, generator=generator)
    true = torch.randn(12, 80, generator=generator) * 0.02
    landmarks = 0.5 + (c @ true).tanh().unflatten(1, (40, 2)) * 0.2
    network, error = learn_landmarks(c, landmarks, epochs=40, seed=1)
    spread = float((landmarks - landmarks.mean(0)).square().sum(-1).mean().sqrt())
    assert error < 0.15 * spread
    again, same = learn_landmarks(c, landmarks, epochs=40, seed=1)
    assert same == error
    assert torch.equal(again(c[:3]), network(c[:3]))


def test_the_region_map_learns_the_labels(tiny_data: Path) -> None:
    renders = read_renders(tiny_data / "tiny", SMOKE.renders["tiny"])
    c = (renders.parameters - renders.parameters.mean(0)) / (renders.parameters.std(0) + 1e-4)
    untrained = RegionMap(c.shape[1], len(renders.regions)).eval()
    before = region_agreement(untrained, c, renders)
    network = learn_regions(c, renders, 1280, seed=1)
    assert network(c[:2]).shape == (2, len(renders.regions), SIZE, SIZE)
    assert region_agreement(network, c, renders) > 0.1 + before


def test_a_trained_generator_becomes_a_model(tiny_data: Path, tmp_path: Path, home: Home) -> None:
    renders, held_out = (
        read_renders(tiny_data / name, SMOKE.renders[name]) for name in ("tiny", "tiny-held-out")
    )
    weights = tmp_path / "weights.safetensors"
    task = GeneratorTask(SMOKE.generator, SMOKE.generator.stages[0], renders, held_out, Team())
    for k in range(5):
        task.step(k)
    task.write_weights(weights)
    folder = home.models / "made"
    make_model(weights, SMOKE.model, renders, held_out, folder)
    (folder / "directions.toml").write_text("direction = []")
    model = load_model("made", home, torch.device("cpu"))
    trained = load_trained(weights)
    c = draw_shapes(trained, 4, seed=9)
    assert c.shape == (4, len(renders.names))
    assert model.parameters.names == renders.names
    torch.testing.assert_close(model.generate(c), trained.generator.synthesis(trained.mapping(c)))
    assert model.landmark_map(c).shape == (4, 468, 2)
    first = (folder / MODEL).read_bytes()
    make_model(weights, SMOKE.model, renders, held_out, folder)
    assert (folder / MODEL).read_bytes() == first
