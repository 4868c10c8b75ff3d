"""The yardstick against vector set d, as `tests/networks/test_reference_inverter.py` ours."""

from __future__ import annotations

import re
from functools import cache

import pytest
import torch

from tests.bench.yardstick import Painted, Yardstick
from tests.networks import vectors

INPUTS = ("image_u8", "edit_direction", "edit_intensity", "subsample")
LATENTS_AND_MASKS, FEATURES, IMAGES = 1e-5, 1e-4, 2e-4


def is_left_out(name: str) -> bool:
    """Inputs; truncation, which costs nothing; and the features on their way, which the pictures hold."""
    return name in INPUTS or "trunc" in name or name.startswith("feat")


@cache
def yardstick(stem: str) -> Yardstick:
    found = vectors.load(stem)
    return Yardstick(found.weights, found.meta.get("cycle_align", 2), found.meta.get("warp_scale", 0.08))


def photograph(stem: str) -> torch.Tensor:
    return (vectors.load(stem).arrays["image_u8"].float() / 127.5 - 1).permute(2, 0, 1)[None]


@cache
def encoded(stem: str) -> tuple[torch.Tensor, list[torch.Tensor]]:
    return yardstick(stem).encode(photograph(stem))


def latents(stem: str, is_edit: bool) -> torch.Tensor:
    arrays = vectors.load(stem).arrays
    step = arrays["edit_direction"] * arrays["edit_intensity"] if is_edit else 0.0
    return encoded(stem)[0] + step


@cache
def painted(stem: str, is_edit: bool) -> Painted:
    return yardstick(stem).edit(photograph(stem), encoded(stem)[1], latents(stem, is_edit))


def whole(stem: str, name: str) -> torch.Tensor:
    """What the yardstick says where the vectors have the array `name` (without _sub, _crop or _mean)."""
    if name == "enc_w":
        return latents(stem, False) - yardstick(stem).state["avg_latent"]
    if name in ("latents", "latents_edit"):
        return latents(stem, name == "latents_edit")
    if match := re.fullmatch(r"encfeat(\d)", name):
        return encoded(stem)[1][int(match[1])]
    if name == "plain_gen":
        return yardstick(stem).generate(latents(stem, False))
    match = re.fullmatch(r"(edit_)?(blended|unblended|mask|align(\d))", name)
    assert match, f"no test knows the array {name}"
    answer = painted(stem, match[1] is not None)
    if match[3]:
        return answer.alignments[16 << int(match[3])]
    if match[2] == "mask":
        return answer.invertibility_mask
    return answer.blended if match[2] == "blended" else answer.generated


@pytest.mark.parametrize(("stem", "name"), vectors.cases("d", is_left_out))
def test_the_yardstick_is_the_published_arithmetic(stem: str, name: str) -> None:
    expected = vectors.load(stem).arrays[name]
    actual = vectors.part(name, whole(stem, re.sub(r"_(sub|crop|mean)$", "", name)), expected)
    if any(word in name for word in ("enc_w", "latents", "mask", "align")):
        tolerance = LATENTS_AND_MASKS
    else:
        tolerance = FEATURES if "feat" in name else IMAGES
    vectors.assert_close(name, actual, expected, tolerance)
