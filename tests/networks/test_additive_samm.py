"""SAMM in our form: where it starts, what adds up, and that a pass can be repeated for an edit."""

from __future__ import annotations

import re

import pytest
import torch

from engine.networks.additive_samm import MAX_FLOW, AdditiveSAMM, Aligner, AlignerConfig, Alignment
from engine.networks.stylegan2 import Generator, GeneratorConfig

SCALES = (8, 16)


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(2)
    return Generator(GeneratorConfig(16, (12, 12, 16), w_dim=10, n_mlp=0)).freeze()


def aligner(form: str = "additive") -> Aligner:
    torch.manual_seed(3)
    return Aligner(AlignerConfig(form, SCALES, (5, 6), (12, 16), 8, 2)).eval()  # type: ignore[arg-type]


def features(seed: int = 4) -> dict[int, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        scale: torch.randn(2, width, scale, scale, generator=random)
        for scale, width in zip(SCALES, (5, 6), strict=True)
    }


def stirred(network: torch.nn.Module) -> None:
    """Heads that do something."""
    random = torch.Generator().manual_seed(5)
    for name, parameter in network.named_parameters():
        if name.endswith("head.weight"):
            parameter.data.normal_(0, 0.3, generator=random)


def latents() -> torch.Tensor:
    return torch.randn(2, 10, generator=torch.Generator().manual_seed(6))


def test_an_untrained_pass_is_the_generator(generator: Generator) -> None:
    found = aligner()(generator, latents(), features())
    torch.testing.assert_close(found.generated, generator.synthesis(latents()))
    assert not found.alignment_flow.any()
    assert found.invertibility_mask.max() < 0.2
    assert found.blended(torch.ones(2, 3, 16, 16)).shape == (2, 3, 16, 16)


def test_logits_add_up_over_scales() -> None:
    samm = AdditiveSAMM(12, 8, 2)
    stirred(samm)
    e, g = torch.randn(1, 12, 8, 8), torch.randn(1, 12, 8, 8)
    _, alone = samm(e, g)
    coarser = Alignment(torch.zeros(1, 2, 4, 4), torch.full((1, 1, 4, 4), 3.0))
    moved, both = samm(e, g, coarser)
    torch.testing.assert_close(both.logits, alone.logits + 3)
    assert torch.equal(both.flow, alone.flow)
    assert moved.shape == g.shape


def test_a_mask_does_not_keep_the_feature_from_moving() -> None:
    samm = AdditiveSAMM(12, 8, 1)
    stirred(samm)
    e, g = torch.randn(1, 12, 8, 8), torch.randn(1, 12, 8, 8)
    moved, _ = samm(e, g)
    with torch.no_grad():
        samm.head.get_parameter("bias")[3] += 20
    masked, found = samm(e, g)
    assert found.invertibility_mask.min() > 0.9
    assert torch.equal(masked, moved)
    assert not torch.equal(moved, g)


def test_flows_are_limited() -> None:
    samm = AdditiveSAMM(12, 8, 3)
    stirred(samm)
    samm.head.weight.data *= 100
    _, found = samm(torch.randn(1, 12, 8, 8), torch.randn(1, 12, 8, 8))
    assert MAX_FLOW / 2 < found.flow.abs().max() <= MAX_FLOW


def test_scales_can_be_switched_on_in_turn(generator: Generator) -> None:
    network = aligner()
    stirred(network)
    some, every = (network(generator, latents(), features(), count) for count in (1, None))
    assert list(some.alignments) == [8]
    assert list(every.alignments) == [8, 16]
    torch.testing.assert_close(some.alignments[8].flow, every.alignments[8].flow)
    assert not torch.equal(some.generated, every.generated)


def test_an_edit_repeats_the_flows_of_the_first_pass(generator: Generator) -> None:
    network = aligner()
    stirred(network)
    found = network(generator, latents(), features())
    torch.testing.assert_close(network.repeated(generator, latents(), found.alignments), found.generated)
    edited = network.repeated(generator, latents() + 0.5, found.alignments)
    assert not torch.equal(edited, found.generated)


def test_the_published_form_gives_the_same_things(generator: Generator) -> None:
    found = aligner("published")(generator, latents(), features())
    assert found.invertibility_mask.shape == (2, 1, 16, 16)
    assert found.alignment_flow.shape == (2, 2, 16, 16)
    assert 0 < found.alignment_flow.abs().max() <= 2 * 0.04 + 1e-6
    assert list(found.alignments) == [8, 16]


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match=re.escape("generator_feature: expected shape [1, 12, 8, 8]")):
        AdditiveSAMM(12, 8, 1)(torch.zeros(1, 12, 8, 8), torch.zeros(1, 12, 16, 16))
