"""Vector set a: the generator in the rosinality layout against the public code's answers."""

import re
from functools import cache

import pytest
import torch

from engine.networks.stylegan2 import Generator, GeneratorConfig
from tests.networks import vectors

LATENTS = 1e-5
IMAGES = 5e-5


def is_input(name: str) -> bool:
    return name in ("z", "latent_avg", "w_plus") or name.startswith("noise2_")


@cache
def generator(stem: str) -> Generator:
    weights = vectors.load(stem).weights
    model = Generator(GeneratorConfig.from_state_dict(weights))
    model.load_state_dict(weights)
    return model.eval()


@cache
def activations(stem: str) -> dict[str, torch.Tensor]:
    """The output of every layer for sample 0 of w_plus, by module name."""
    model = generator(stem)
    outputs: dict[str, torch.Tensor] = {}

    def keep(name: str):
        return lambda module, arguments, output: outputs.__setitem__(name, output)

    layers = re.compile(r"conv1|convs\.\d+|to_rgb1|to_rgbs\.\d+")
    handles = [
        module.register_forward_hook(keep(name))
        for name, module in model.named_modules()
        if layers.fullmatch(name)
    ]
    model.synthesis(vectors.load(stem).arrays["w_plus"][:1])
    for handle in handles:
        handle.remove()
    return outputs


def answer(stem: str, name: str) -> torch.Tensor:
    """What our generator says where the vectors have the array `name`."""
    model, arrays = generator(stem), vectors.load(stem).arrays
    w = model.mapping(arrays["z"])
    if name == "w":
        return w
    if match := re.fullmatch(r"(w|image_z)_trunc(\d+)", name):
        truncated = model.truncate(w, arrays["latent_avg"], vectors.decimal(match[2]))
        return truncated if match[1] == "w" else model.synthesis(truncated)
    if name == "image_w_plus":
        return model.synthesis(arrays["w_plus"])
    if name == "image_w_plus_noise2":
        noise = [arrays[f"noise2_{i}"].float() / 32 for i in range(len(model.noise_sizes()))]
        return model.synthesis(arrays["w_plus"][:1], noise=noise)
    if match := re.fullmatch(r"image_mix_inject(\d+)", name):
        return model.synthesis(model.mix(w[:1], w[1:2], int(match[1])))
    if name.startswith("act."):
        output = activations(stem)[name.removeprefix("act.")]
        return vectors.strided_like(output, arrays[name])
    raise AssertionError(f"no test knows the array {name}")


@pytest.mark.parametrize(("stem", "name"), vectors.cases("a", is_input))
def test_reference_generator(stem: str, name: str) -> None:
    expected = vectors.load(stem).arrays[name]
    with torch.no_grad():
        actual = answer(stem, name)
    vectors.assert_close(name, actual, expected, LATENTS if name.startswith("w") else IMAGES)


@pytest.mark.parametrize(("stem", "name"), vectors.cases("a", lambda name: name != "image_w_plus"))
def test_reference_generator_with_gradients(stem: str, name: str) -> None:
    """The differentiable path takes other arithmetic than the inference path; it must agree as well."""
    arrays = vectors.load(stem).arrays
    w_plus = arrays["w_plus"].clone().requires_grad_()
    image = generator(stem).synthesis(w_plus)
    assert image.requires_grad
    vectors.assert_close(name, image.detach(), arrays[name], IMAGES)
