"""The composed published pass beside its reference vectors: names, sizes, polarity, caching, errors."""

import re
from dataclasses import replace

import pytest
import torch

from engine.networks.encoder import EncoderConfig
from engine.networks.out_of_domain import InverterConfig, PublishedOutOfDomainInverter
from engine.networks.stylegan2 import GeneratorConfig
from tests.networks import manifests

SMALL = InverterConfig(
    generator=GeneratorConfig(64, (8, 8, 8, 6, 4), w_dim=12, n_mlp=2),
    encoder=EncoderConfig((16, 16, 16, 16, 16), num_ws=10, w_dim=12, pyramid="bicubic"),
    widths=(4, 4, 4, 6),
)


@pytest.fixture(scope="module")
def inverter() -> PublishedOutOfDomainInverter:
    torch.manual_seed(2)
    return PublishedOutOfDomainInverter(SMALL).eval()


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(6)) * 2 - 1


def published_state() -> dict[str, torch.Tensor]:
    """The shapes of the public 1024-px checkpoint, put together from its parts."""
    generator, encoder = manifests.read("generator_ffhq_1024"), manifests.read("encoder_e4e")
    return {
        **manifests.read("out_of_domain_rest"),
        **{f"generator.{name}": tensor for name, tensor in generator.items()},
        **{f"encoder.{name}": tensor for name, tensor in encoder.items()},
    }


def test_names_and_shapes_of_the_published_checkpoint() -> None:
    state = published_state()
    config = InverterConfig.from_state_dict(state)
    assert config.widths == (128, 256, 512, 512)
    assert config.generator.resolution == 1024
    assert config.encoder == EncoderConfig(pyramid="bicubic")
    with torch.device("meta"):
        model = PublishedOutOfDomainInverter(config)
    del state["delta_latent"]
    assert manifests.shapes(model.state_dict()) == manifests.shapes(state)


def test_loading_ignores_the_last_edit(inverter: PublishedOutOfDomainInverter) -> None:
    state = {**inverter.state_dict(), "delta_latent": torch.ones(1, 10, 12)}
    again = PublishedOutOfDomainInverter.from_state_dict(state)
    assert again.config == SMALL
    assert not again.training


def test_scales_stop_at_the_generators_resolution(
    inverter: PublishedOutOfDomainInverter, photograph: torch.Tensor
) -> None:
    assert inverter.scales == (64, 32)
    with torch.no_grad():
        answer = inverter(photograph)
    assert list(answer.alignments) == [32, 64]
    assert answer.blended.shape == (1, 3, 64, 64)


def test_mask_polarity(inverter: PublishedOutOfDomainInverter, photograph: torch.Tensor) -> None:
    """1 keeps the photograph, 0 takes the generated pixel."""
    with torch.no_grad():
        answer = inverter(photograph)
    mask = answer.invertibility_mask
    assert mask.shape == (1, 1, 64, 64)
    rebuilt = answer.generated + mask * (photograph - answer.generated)
    torch.testing.assert_close(answer.blended, rebuilt, atol=1e-5, rtol=0)


def test_one_encoding_serves_every_edit(
    inverter: PublishedOutOfDomainInverter, photograph: torch.Tensor
) -> None:
    direction = torch.full((10, 12), 0.3)
    with torch.no_grad():
        encoded = inverter.encode(photograph)
        w_plus = inverter.latents(encoded, direction, truncation_psi=0.7)
        answer = inverter.render(photograph, encoded, w_plus)
        whole = inverter(photograph, direction, truncation_psi=0.7)
    assert torch.equal(answer.blended, whole.blended)
    expected = inverter.avg_latent + 0.7 * (encoded.w_plus + direction)
    torch.testing.assert_close(whole.w_plus, expected)


def test_photograph_of_another_size(inverter: PublishedOutOfDomainInverter) -> None:
    with torch.no_grad():
        assert inverter(torch.zeros(1, 3, 96, 96)).blended.shape == (1, 3, 64, 64)


def test_wrong_arguments(inverter: PublishedOutOfDomainInverter) -> None:
    with pytest.raises(ValueError, match=re.escape("image: expected shape [N, 3, H, W], got [3, 64, 64]")):
        inverter.encode(torch.zeros(3, 64, 64))
    with pytest.raises(ValueError, match=re.escape("feats_conv.0.weight is missing")):
        InverterConfig.from_state_dict({})
    with pytest.raises(ValueError, match="makes 9 rows, the generator takes 10"):
        PublishedOutOfDomainInverter(replace(SMALL, encoder=replace(SMALL.encoder, num_ws=9)))
