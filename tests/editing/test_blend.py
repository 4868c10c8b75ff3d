"""Replace or transfer: by generator and face size, with a reason, unless somebody asks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine.editing.blend import choose_blend
from engine.weights.imported import ImportedModel
from tests.faces_inverted import Studio


def imported(resolution: int) -> ImportedModel:
    blank = object.__new__(ImportedModel)
    object.__setattr__(blank, "generator", SimpleNamespace(config=SimpleNamespace(resolution=resolution)))
    return blank


@pytest.mark.parametrize(
    ("resolution", "side", "blend"),
    [(1024, 900, "replace"), (1024, 1500, "transfer"), (256, 256, "replace"), (128, 60, "transfer")],
)
def test_by_generator_and_size(resolution: int, side: float, blend: str) -> None:
    choice = choose_blend(imported(resolution), side)
    assert choice.blend == blend
    assert str(resolution) in choice.reason


def test_rendered_skin_never_enters_a_photograph(studio: Studio) -> None:
    choice = choose_blend(studio.model, 50)
    assert choice.blend == "transfer"
    assert "render" in choice.reason


def test_what_is_asked_for_is_done(studio: Studio) -> None:
    assert choose_blend(studio.model, 300, "replace").blend == "replace"
    assert choose_blend(imported(1024), 300, "transfer").blend == "transfer"
