"""Vector set d: the published pass as a whole, its encoder included, against the public code's answers."""

import re
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from engine.networks.encoder import INPUT_SIZE, Encoding
from engine.networks.out_of_domain import EncodedImage, InversionPass, PublishedOutOfDomainInverter
from tests.networks import vectors

LATENTS_AND_MASKS = 1e-5
FEATURES = 1e-4
IMAGES = 2e-4

INPUTS = ("image_u8", "edit_direction", "edit_intensity", "subsample")
WORDS_OF_LATENTS_AND_MASKS = ("enc_w", "latents", "mask", "align")


def is_input(name: str) -> bool:
    return name in INPUTS


@cache
def inverter(stem: str) -> PublishedOutOfDomainInverter:
    vector_set = vectors.load(stem)
    return PublishedOutOfDomainInverter.from_state_dict(
        vector_set.weights,
        cycles=vector_set.meta.get("cycle_align", 2),
        max_flow=vector_set.meta.get("warp_scale", 0.08),
    )


def photograph(stem: str) -> torch.Tensor:
    return (vectors.load(stem).arrays["image_u8"].float() / 127.5 - 1).permute(2, 0, 1)[None]


@cache
def encoding(stem: str) -> Encoding:
    small = F.interpolate(photograph(stem), size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear")
    return inverter(stem).encoder(small)


@cache
def encoded(stem: str) -> EncodedImage:
    return inverter(stem).encode(photograph(stem))


@cache
def rendered(stem: str, variant: str) -> InversionPass:
    """The pass of a variant: "" plain, "edit" with the direction, "trunc07" truncated."""
    model, arrays = inverter(stem), vectors.load(stem).arrays
    direction, truncation_psi = None, 1.0
    if variant == "edit":
        direction = arrays["edit_direction"] * arrays["edit_intensity"]
    elif variant:
        truncation_psi = vectors.decimal(variant.removeprefix("trunc"))
    w_plus = model.latents(encoded(stem), direction, truncation_psi)
    return model.render(photograph(stem), encoded(stem), w_plus)


def whole(stem: str, name: str) -> torch.Tensor:
    """What our model says where the vectors have the array `name` (without _sub, _crop or _mean)."""
    if name == "enc_w":
        return encoded(stem).w_plus
    if match := re.fullmatch(r"latents_?(.*)", name):
        return rendered(stem, match[1]).w_plus
    if match := re.fullmatch(r"encfeat(\d)", name):
        return encoding(stem).features[int(match[1])]
    if match := re.fullmatch(r"feat(\d)", name):
        return list(inverter(stem).project(encoding(stem).features).values())[int(match[1])]
    if name == "plain_gen":
        return inverter(stem).generator.synthesis(rendered(stem, "").w_plus)
    match = re.fullmatch(r"(?:(edit|trunc\d+)_)?(blended|unblended|mask|align(\d))", name)
    assert match, f"no test knows the array {name}"
    answer = rendered(stem, match[1] or "")
    if match[3]:
        return answer.alignments[16 << int(match[3])]
    if match[2] == "mask":
        return answer.invertibility_mask
    return answer.blended if match[2] == "blended" else answer.generated


@pytest.mark.parametrize(("stem", "name"), vectors.cases("d", is_input))
def test_reference_inverter(stem: str, name: str) -> None:
    expected = vectors.load(stem).arrays[name]
    with torch.no_grad():
        actual = vectors.part(name, whole(stem, re.sub(r"_(sub|crop|mean)$", "", name)), expected)
    if any(word in name for word in WORDS_OF_LATENTS_AND_MASKS):
        tolerance = LATENTS_AND_MASKS
    else:
        tolerance = FEATURES if "feat" in name else IMAGES
    vectors.assert_close(name, actual, expected, tolerance)
