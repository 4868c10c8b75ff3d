"""The generator beside its reference vectors: sizes, previews, noise, hooks, gradients, errors."""

import copy
import re

import pytest
import torch
import torch.nn.functional as F

from engine.networks.layers import Fir
from engine.networks.stylegan2 import ConditionalMapping, Generator, GeneratorConfig
from tests.networks import manifests

CONFIG = GeneratorConfig(resolution=32, channels=(12, 10, 8, 6), w_dim=16, n_mlp=2)


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(7)
    model = Generator(CONFIG).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("noise.weight", "activate.bias")):
                parameter.normal_(std=0.3)
    return model


@pytest.fixture
def w_plus() -> torch.Tensor:
    return torch.randn(2, CONFIG.num_ws, CONFIG.w_dim, generator=torch.Generator().manual_seed(8))


def test_config_of_the_public_checkpoint() -> None:
    state = manifests.read("generator_ffhq_1024")
    config = GeneratorConfig.from_state_dict(state)
    assert config == GeneratorConfig(1024, (512, 512, 512, 512, 512, 256, 128, 64, 32), 512, 8)
    assert config.num_ws == 18
    assert config.width(64) == 512
    assert config.width(1024) == 32
    with torch.device("meta"):
        model = Generator(config)
    assert manifests.shapes(model.state_dict()) == manifests.shapes(state)


def test_config_without_a_mapping_network(generator: Generator) -> None:
    state = {name: t for name, t in generator.state_dict().items() if not name.startswith("style.")}
    config = GeneratorConfig.from_state_dict(state, edge="replicate")
    assert config == GeneratorConfig(32, (12, 10, 8, 6), 16, n_mlp=0, edge="replicate")
    model = Generator(config)
    model.load_state_dict(state)
    with pytest.raises(ValueError, match="no mapping network"):
        model.mapping(torch.zeros(1, 16))


def test_config_of_something_else() -> None:
    with pytest.raises(ValueError, match=re.escape("input.input is missing")):
        GeneratorConfig.from_state_dict({"to_rgbs.0.bias": torch.zeros(1, 3, 1, 1)})
    with pytest.raises(ValueError, match=re.escape("input.input: expected 4 axes, got shape [3]")):
        GeneratorConfig.from_state_dict({"to_rgbs.0.bias": torch.zeros(1), "input.input": torch.zeros(3)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 48, "channels": (4, 4, 4)}, "power of two"),
        ({"resolution": 64, "channels": (4, 4, 4)}, "expected 5 widths for 64 px, got 3"),
        ({"resolution": 8, "channels": (4, 4), "edge": "reflect"}, "reflect"),
    ],
)
def test_config_that_cannot_be(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GeneratorConfig(**arguments)


def test_deterministic(generator: Generator, w_plus: torch.Tensor) -> None:
    assert torch.equal(generator.synthesis(w_plus), generator.synthesis(w_plus))


def test_a_batch_is_its_images(generator: Generator, w_plus: torch.Tensor) -> None:
    together = generator.synthesis(w_plus)
    one_by_one = torch.cat([generator.synthesis(w_plus[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, one_by_one, atol=1e-5, rtol=0)


def test_w_is_w_plus_with_equal_rows(generator: Generator, w_plus: torch.Tensor) -> None:
    w = w_plus[:, 0]
    rows = w[:, None].repeat(1, CONFIG.num_ws, 1)
    assert torch.equal(generator.synthesis(w), generator.synthesis(rows))


@pytest.mark.parametrize("resolution", [4, 8, 16, 32])
def test_early_stop_is_the_full_runs_skip_image(
    generator: Generator, w_plus: torch.Tensor, resolution: int
) -> None:
    skips: dict[int, torch.Tensor] = {}

    def keep(module: torch.nn.Module, arguments: tuple, skip: torch.Tensor) -> None:
        skips.setdefault(skip.shape[-1], skip)

    for layer in (generator.to_rgb1, *generator.to_rgbs):
        layer.register_forward_hook(keep)
    generator.synthesis(w_plus)
    assert torch.equal(generator.synthesis(w_plus, resolution=resolution), skips[resolution])


def test_noise_of_the_caller(generator: Generator, w_plus: torch.Tensor) -> None:
    own = [generator.noises.get_buffer(f"noise_{i}") for i in range(7)]
    assert [noise.shape[-1] for noise in own] == generator.noise_sizes()
    plain = generator.synthesis(w_plus)
    assert torch.equal(plain, generator.synthesis(w_plus, noise=own))
    per_image = [noise.repeat(2, 1, 1, 1) for noise in own]
    assert torch.equal(plain, generator.synthesis(w_plus, noise=per_image))
    silent = generator.synthesis(w_plus, noise=[torch.zeros_like(noise) for noise in own])
    assert not torch.allclose(plain, silent, atol=1e-2)


def test_hook_replaces_features(generator: Generator, w_plus: torch.Tensor) -> None:
    seen: dict[int, torch.Tensor] = {}

    def look(feature: torch.Tensor) -> torch.Tensor:
        seen[feature.shape[-1]] = feature
        return feature

    plain = generator.synthesis(w_plus)
    watched = generator.synthesis(w_plus, feature_hooks={8: look, 32: look})
    assert {size: tuple(f.shape) for size, f in seen.items()} == {8: (2, 10, 8, 8), 32: (2, 6, 32, 32)}
    torch.testing.assert_close(watched, plain, atol=1e-5, rtol=0)
    silenced = generator.synthesis(w_plus, feature_hooks={16: torch.zeros_like})
    assert not torch.allclose(silenced, plain, atol=1e-2)


def test_gradient_reaches_every_row_of_w_plus(generator: Generator, w_plus: torch.Tensor) -> None:
    generator.freeze()
    with torch.inference_mode():
        generator.synthesis(w_plus)  # what it keeps must not be spoilt for gradients
    w_plus.requires_grad_()
    generator.synthesis(w_plus).square().mean().backward()
    assert w_plus.grad is not None
    assert (w_plus.grad.abs().amax((0, 2)) > 0).all()


def test_gradient_is_the_slope() -> None:
    torch.manual_seed(3)
    model = Generator(GeneratorConfig(8, (4, 3), 6, 0)).double()
    w_plus = torch.randn(1, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model.synthesis, w_plus)


def test_freezing_changes_nothing_seen(generator: Generator, w_plus: torch.Tensor) -> None:
    with torch.no_grad():
        plain = generator.synthesis(w_plus)
        assert torch.equal(generator.freeze().synthesis(w_plus), plain)
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    assert all("energy" not in name for name in generator.state_dict())


def test_frozen_model_follows_new_weights(generator: Generator, w_plus: torch.Tensor) -> None:
    other = copy.deepcopy(generator).freeze()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(1.1)
        other.load_state_dict(generator.state_dict())
        assert torch.equal(other.synthesis(w_plus), generator.synthesis(w_plus))


def test_frozen_model_can_be_tuned(generator: Generator, w_plus: torch.Tensor) -> None:
    generator.freeze().requires_grad_(True)
    generator.synthesis(w_plus).mean().backward()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(1.1)
    tuned = generator.requires_grad_(False).synthesis(w_plus)
    assert torch.equal(tuned, copy.deepcopy(generator).freeze().synthesis(w_plus))


def test_truncation(generator: Generator, w_plus: torch.Tensor) -> None:
    average = torch.randn(16)
    w = w_plus[:, 0]
    half = generator.truncate(w, average, 0.5)
    torch.testing.assert_close(half, (w + average) / 2)
    assert torch.equal(generator.truncate(w, average[None], 0.5), half)
    rows = average.repeat(CONFIG.num_ws, 1)  # as e4e stores it
    torch.testing.assert_close(generator.truncate(w, rows, 0.5), half[:, None].expand(-1, 8, -1))
    torch.testing.assert_close(generator.truncate(w_plus, rows, 0.5), (w_plus + average) / 2)


def test_mixing(generator: Generator, w_plus: torch.Tensor) -> None:
    mixed = generator.mix(w_plus[:1, 0], w_plus[1:], 3)
    assert torch.equal(mixed[:, :3], w_plus[:1, :1].expand(-1, 3, -1))
    assert torch.equal(mixed[:, 3:], w_plus[1:, 3:])
    with pytest.raises(ValueError, match="inject_index: expected 0 to 8, got 9"):
        generator.mix(w_plus, w_plus, 9)


def test_replicated_edge_is_bilinear_interpolation() -> None:
    image = torch.randn(2, 3, 8, 8)
    fir = Fir(gain=4.0)
    bilinear = F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(fir.upsample(image, "replicate"), bilinear)
    zeros = fir.upsample(image, "zeros")
    torch.testing.assert_close(zeros[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1])
    torch.testing.assert_close(zeros[..., 0, 0], bilinear[..., 0, 0] * (9 / 16))


def test_edge_reaches_the_image(generator: Generator, w_plus: torch.Tensor) -> None:
    bilinear = Generator(GeneratorConfig(32, (12, 10, 8, 6), 16, 2, edge="replicate"))
    bilinear.load_state_dict(generator.state_dict())
    difference = (bilinear.synthesis(w_plus) - generator.synthesis(w_plus)).abs().amax((0, 1))
    assert difference[0].min() > 0
    assert difference[8:-8, 8:-8].max() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"w": torch.zeros(2, 15)}, "w: expected shape [N, 16], got [2, 15]"),
        ({"w": torch.zeros(2, 7, 16)}, "w_plus: expected shape [N, 8, 16], got [2, 7, 16]"),
        ({"w": torch.zeros(16)}, "w_plus: expected shape [N, 8, 16], got [16]"),
        ({"w": torch.zeros(1, 16), "resolution": 64}, "power of two from 4 to 32, got 64"),
        ({"w": torch.zeros(1, 16), "resolution": 24}, "power of two from 4 to 32, got 24"),
        ({"w": torch.zeros(1, 16), "resolution": 0}, "power of two from 4 to 32, got 0"),
        ({"w": torch.zeros(1, 16), "noise": []}, "noise: expected 7 maps, got 0"),
        (
            {"w": torch.zeros(1, 16), "resolution": 4, "noise": [torch.zeros(1, 1, 8, 8)]},
            "noise[0]: expected shape [1, 1, 4, 4], got [1, 1, 8, 8]",
        ),
        (
            {"w": torch.zeros(1, 16), "resolution": 8, "feature_hooks": {16: torch.relu}},
            "no up-sampling convolution is run at [16] px",
        ),
    ],
)
def test_wrong_arguments(generator: Generator, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        generator.synthesis(**arguments)


def test_wrong_z(generator: Generator) -> None:
    with pytest.raises(ValueError, match=re.escape("z: expected shape [N, 16], got [2, 8]")):
        generator.mapping(torch.zeros(2, 8))


def test_conditional_mapping() -> None:
    torch.manual_seed(5)
    mapping = ConditionalMapping(c_dim=5, w_dim=16)
    assert set(mapping.state_dict()) == {f"map.{i}.{part}" for i in range(3) for part in ("weight", "bias")}
    c = torch.randn(4, 5)
    expected = c
    for i in range(3):
        weight, bias = mapping.state_dict()[f"map.{i}.weight"], mapping.state_dict()[f"map.{i}.bias"]
        expected = expected @ weight.t() * (1.4 * 0.1 / expected.shape[1] ** 0.5) + bias * 0.1
        expected = torch.where(expected > 0, expected, 0.2 * expected)
    torch.testing.assert_close(mapping(c), expected)
    with pytest.raises(ValueError, match=re.escape("c: expected shape [N, 5], got [4, 6]")):
        mapping(torch.zeros(4, 6))


def test_conditional_mapping_from_a_state_dict() -> None:
    mapping = ConditionalMapping(c_dim=5, w_dim=16)
    again = ConditionalMapping.from_state_dict(mapping.state_dict())
    again.load_state_dict(mapping.state_dict())
    assert torch.equal(again(torch.ones(1, 5)), mapping(torch.ones(1, 5)))
    with pytest.raises(ValueError, match=re.escape("map.0.weight is missing")):
        ConditionalMapping.from_state_dict({})
