"""Pivotal tuning: the change lowers the error, stays small, stays local, and stays out of the model."""

from __future__ import annotations

import copy

import pytest
import torch

from engine.errors import InversionDamaged
from engine.inversion import pivotal
from engine.inversion.detection import Generated
from engine.inversion.objective import Readers
from engine.inversion.pivotal import Tuning, tune, tuned, zero_delta
from engine.inversion.project import Projection
from engine.inversion.types import LARGEST_DELTA
from engine.networks.modulated import ModulatedConv
from engine.networks.stylegan2 import Generator, GeneratorConfig
from tests.inversion.tiny_generator import (
    nothing,
    preset,
    psnr,
    sampled,
    silent,
    tiny_generator,
    tiny_statistics,
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(32)


def pivot(generator: Generator) -> Projection:
    w_plus = sampled(generator, 3)
    return Projection(w_plus, *nothing(torch.empty(0), Generated.of(generator, w_plus)), (), "steps")


def unreachable(generator: Generator) -> torch.Tensor:
    """A photograph that no latent makes: the pivot's picture by other weights."""
    other = copy.deepcopy(generator)
    rng = torch.Generator().manual_seed(2)
    for parameter in other.parameters():
        parameter += 0.06 * torch.randn(parameter.shape, generator=rng)
    return other.freeze().synthesis(pivot(generator).w_plus).detach()


def tuned_to(generator: Generator, photo: torch.Tensor, steps: int, size: int = 32) -> Tuning:
    settings = preset(1, 1, size, pivotal_steps=steps)
    known = tiny_statistics(generator)
    return tune(generator, photo, pivot(generator), known, nothing, Readers(), settings, silent)


def random_delta(generator: Generator) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(4)
    delta = zero_delta(generator, 32, 2)
    return {key: 0.3 * torch.randn(tensor.shape, generator=rng) for key, tensor in delta.items()}


def test_tuning_lowers_the_error(generator: Generator) -> None:
    photo, w_plus = unreachable(generator), pivot(generator).w_plus
    found = tuned_to(generator, photo, 50)
    before, after = generator.synthesis(w_plus), tuned(generator, found.weight_delta).synthesis(w_plus)
    assert psnr(after, photo) > psnr(before, photo) + 2
    assert all(tensor.dtype == torch.float16 for tensor in found.weight_delta.values())
    assert len(found.losses) == 50


def test_the_generator_is_untouched(generator: Generator) -> None:
    def everything() -> dict[str, tuple[int, torch.Tensor, bool]]:
        named = [*generator.named_parameters(), *generator.named_buffers()]
        return {name: (id(tensor), tensor.detach().clone(), tensor.requires_grad) for name, tensor in named}

    before, picture = everything(), generator.synthesis(sampled(generator, 5))
    tuned_to(generator, unreachable(generator), 3)
    after = everything()
    assert before.keys() == after.keys()
    for name, (identity, values, gradients) in before.items():
        assert (identity, gradients) == (after[name][0], after[name][2]), name
        assert torch.equal(values, after[name][1]), name
    assert torch.equal(generator.synthesis(sampled(generator, 5)), picture)


def test_the_same_bytes_every_time(generator: Generator) -> None:
    one, other = (tuned_to(generator, unreachable(generator), 4) for _ in range(2))
    for key, tensor in one.weight_delta.items():
        assert tensor.numpy().tobytes() == other.weight_delta[key].numpy().tobytes()
    assert one.losses == other.losses


def test_locality_keeps_other_faces(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = sampled(generator, 11)
    photo, kept = unreachable(generator), generator.synthesis(elsewhere)

    def strayed() -> float:
        delta = tuned_to(generator, photo, 30).weight_delta
        return float((tuned(generator, delta).synthesis(elsewhere) - kept).abs().mean())

    local = strayed()
    monkeypatch.setattr(pivotal, "LOCALITY", 0.0)
    assert local < 0.8 * strayed()


def test_a_large_generator_is_tuned_in_its_coarse_layers() -> None:
    generator = tiny_generator(64)
    photo, w_plus = unreachable(generator), pivot(generator).w_plus
    found = tuned_to(generator, photo, 40, size=32)
    assert not any(key.startswith(("convs.6", "convs.7", "to_rgbs.3")) for key in found.weight_delta)
    whole = tuned(generator, found.weight_delta).synthesis(w_plus)
    assert psnr(whole, photo) > psnr(generator.synthesis(w_plus), photo) + 1


def test_a_tuned_generator_is_one_with_the_sum_as_its_weights(generator: Generator) -> None:
    delta, w_plus = random_delta(generator), sampled(generator, 3)
    by_hand = copy.deepcopy(generator)
    for name, module in by_hand.named_modules():
        if isinstance(module, ModulatedConv):
            change = delta[f"{name}.up"] @ delta[f"{name}.down"]
            module.weight.data += change.reshape(module.weight.shape)
    expected = by_hand.freeze().synthesis(w_plus)
    torch.testing.assert_close(tuned(generator, delta).synthesis(w_plus), expected)
    with torch.no_grad():
        torch.testing.assert_close(tuned(generator, delta).synthesis(w_plus), expected, rtol=0, atol=1e-4)
    assert tuned(generator, delta).to_rgb1.bias is generator.to_rgb1.bias  # the rest is shared
    assert not torch.allclose(expected, generator.synthesis(w_plus), atol=0.01)


def test_a_change_to_ffhq_at_its_full_size_is_below_two_megabytes() -> None:
    with torch.device("meta"):
        generator = Generator(GeneratorConfig(1024, (512, 512, 512, 512, 512, 256, 128, 64, 32)))
    for rank, whole_rank in ((8, True), (64, False)):
        delta = zero_delta(generator, 256, rank)
        numbers = sum(tensor.numel() for tensor in delta.values())
        assert numbers <= LARGEST_DELTA
        assert numbers * 2 < 2_000_001
        assert (delta["conv1.conv.up"].shape == (512, rank)) == whole_rank


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        ("convs.99.conv.up", (8, 2), "a layer “convs.99.conv”"),
        ("conv1.up", (8, 2), "a layer “conv1”"),
        ("up", (8, 2), "a layer “”"),
        ("conv1.conv.up", (9, 2), "change to conv1.conv is"),
        ("conv1.conv.down", (2, 71), "change to conv1.conv is"),
        ("conv1.conv.down", (3, 72), "change to conv1.conv is"),
    ],
)
def test_a_change_of_another_model(
    generator: Generator, key: str, shape: tuple[int, ...], message: str
) -> None:
    delta = random_delta(generator) | {key: torch.zeros(shape)}
    with pytest.raises(InversionDamaged, match=message):
        tuned(generator, delta)


def test_a_change_with_a_part_missing(generator: Generator) -> None:
    delta = random_delta(generator)
    del delta["conv1.conv.down"]
    with pytest.raises(InversionDamaged, match=r"conv1\.conv"):
        tuned(generator, delta)
