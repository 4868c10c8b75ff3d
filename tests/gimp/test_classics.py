"""Scripts for gimpfu on gimpfu_compat, in a real GIMP 3. What happens there: tests/gimp/inside/classics.py."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from installer.plugin import SOURCE
from tests.gimp.desk import Desk

MENU = ["<Image>/Filters/Development/Likeness test"]
RUN_MODE = ["run-mode", "image", "drawables"]


@pytest.fixture(scope="module")
def report(desk: Desk) -> dict[str, Any]:
    return desk.batch_without_crash("classics")


@pytest.mark.gimp
def test_a_frame_in_a_colour(report: dict[str, Any]) -> None:
    result = report["frame"]
    assert result["facts"] == {
        "label": "_Frame...",
        "menu": MENU,
        "arguments": [*RUN_MODE, "width", "frame-color"],
    }
    assert result["statuses"] == ["success", "success"]
    red = [255, 0, 0, 255]
    assert result["red"][0] == red * 9
    assert result["red"][1][:8] == result["red"][1][-8:] == red * 2
    assert result["red"][1][8:-8] == [value for x in range(2, 7) for value in (x, x, x, 255)]
    assert result["blue"] == [0, 0, 255, 255] * 9


@pytest.mark.gimp
def test_choices(report: dict[str, Any]) -> None:
    result = report["mirror"]
    assert result["facts"]["arguments"] == [*RUN_MODE, "axis", "place", "visible", "name"]
    assert result["order"] == ["Mirrored", "ramp", "Below"]
    ramp = [value for x in range(4) for value in (x, x, x, 255)]
    assert result["mirrored"] == [value for x in range(3, -1, -1) for value in (x, x, x, 255)]
    assert result["upside down"] == ramp
    assert result["visible"] == [True, False]


@pytest.mark.gimp
def test_files_and_folders_without_an_image(report: dict[str, Any]) -> None:
    result = report["contact_sheet"]
    assert (result["status"], result.get("values")) == ("success", [2]), result
    assert result["facts"]["menu"] == MENU
    assert result["size"] == [12, 6]
    assert sorted(result["offsets"]) == [[0, 0], [6, 0]]


@pytest.mark.gimp
def test_what_is_not_covered_is_said_at_once(report: dict[str, Any]) -> None:
    said = report["uncovered"]
    assert "not covered" in said["layer"]
    assert "not covered" in said["font"]
    assert "PF_DRAWABLE" in said["no drawable"]
    assert "fifth entry" in said["no labels"]
    assert "fifth entry" in said["no choices"]


def test_the_text_of_gimpfu_compat_names_every_type() -> None:
    text = ast.get_docstring(ast.parse((SOURCE / "gimpfu_compat.py").read_text("utf-8"))) or ""
    values = ast.parse((SOURCE / "gimpfu_values.py").read_text("utf-8"))
    named = [node.id for node in ast.walk(values) if isinstance(node, ast.Name) and node.id.startswith("PF_")]
    assert len(set(named)) > 20
    assert not [name for name in named if name not in text]
