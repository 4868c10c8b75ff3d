"""Steps add up: their order, and whether they come one by one, leaves no trace in the code."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from engine.editing.codes import ParameterCodes
from tests.faces_inverted import Inverted, Studio

NAMES = ("smile", "yaw", "light", "skin-tone")


@pytest.fixture(scope="module")
def item(studio: Studio) -> Inverted:
    return studio.invert("astronaut.png", steps=0)


def test_steps_add_without_drift(item: Inverted) -> None:
    codes = item.prepared.codes
    assert isinstance(codes, ParameterCodes)
    edits = {item.studio.model.directions[name]: 0.3 + 0.2 * i for i, name in enumerate(NAMES)}
    together = codes.strengthened(edits, codes.start)
    for order in permutations(edits):
        assert torch.equal(codes.strengthened({one: edits[one] for one in order}, codes.start), together)
    after_each_other = codes.start
    for direction, strength in edits.items():
        after_each_other = codes.strengthened({direction: strength}, after_each_other)
    assert torch.equal(after_each_other, together)
    back = codes.strengthened({direction: -strength for direction, strength in edits.items()}, together)
    assert (back - codes.start).abs().max() < 1e-6


def test_halves_make_the_whole(item: Inverted) -> None:
    codes, smile = item.prepared.codes, item.studio.model.directions["smile"]
    half = codes.strengthened({smile: 0.5}, codes.start)
    whole = codes.strengthened({smile: 1.0}, codes.start)
    assert (codes.strengthened({smile: 0.5}, half) - whole).abs().max() < 1e-6  # the half was rounded


def test_the_order_of_edits_leaves_no_trace_in_the_photograph(item: Inverted) -> None:
    edits = {item.studio.model.directions[name]: 0.5 for name in NAMES}
    one = item.prepared.change(edits)
    item.prepared.change({})
    other = item.prepared.change(dict(reversed(edits.items())))
    assert torch.equal(one.flow, other.flow)
    assert torch.equal(one.tone, other.tone)
