"""The e4e encoder beside its reference vectors: names, shapes, errors."""

import re

import pytest
import torch

from engine.networks.encoder import E4eEncoder, EncoderConfig
from tests.networks import manifests

CONFIG = EncoderConfig(widths=(16, 16, 20, 16, 18), num_ws=10, w_dim=12)


@pytest.fixture(scope="module")
def encoder() -> E4eEncoder:
    torch.manual_seed(1)
    return E4eEncoder(CONFIG).eval()


def test_names_and_shapes_of_the_public_checkpoint() -> None:
    state = manifests.read("encoder_e4e")
    config = EncoderConfig.from_state_dict(state)
    assert config == EncoderConfig((64, 64, 128, 256, 512), 18, 512)
    with torch.device("meta"):
        model = E4eEncoder(config)
    assert manifests.shapes(model.state_dict()) == manifests.shapes(state)


def test_config_of_a_small_one(encoder: E4eEncoder) -> None:
    assert EncoderConfig.from_state_dict(encoder.state_dict()) == CONFIG


def test_config_of_something_else() -> None:
    with pytest.raises(ValueError, match=re.escape("input_layer.0.weight is missing")):
        EncoderConfig.from_state_dict({})


def test_rows_and_features(encoder: E4eEncoder) -> None:
    x = torch.rand(2, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        encoding = encoder(x)
        again = encoder(x)
    assert encoding.w_plus.shape == (2, 10, 12)
    assert torch.equal(encoding.w_plus, again.w_plus)
    assert [tuple(feature.shape[1:]) for feature in encoding.features] == [
        (16, 256, 256),
        (16, 128, 128),
        (20, 64, 64),
        (16, 32, 32),
        (18, 16, 16),
    ]


def test_rows_are_offsets_to_the_first(encoder: E4eEncoder) -> None:
    x = torch.rand(1, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        before = encoder(x).w_plus
        bias = encoder.styles[0].get_parameter("linear.bias")
        bias += 1
        after = encoder(x).w_plus
        bias -= 1
    torch.testing.assert_close(after, before + 1)


def test_wrong_size(encoder: E4eEncoder) -> None:
    with pytest.raises(
        ValueError, match=re.escape("image: expected shape [N, 3, 256, 256], got [1, 3, 128, 256]")
    ):
        encoder(torch.zeros(1, 3, 128, 256))
