"""Forget Faces in a real GIMP 3. What happens there: tests/gimp/inside/forgetting.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gimp.desk import Desk

pytestmark = pytest.mark.gimp

OURS = ("likeness-inversion", "likeness-image")


@pytest.fixture(scope="module")
def report(desk: Desk) -> dict[str, Any]:
    return desk.batch_without_crash("forgetting")


def test_no_layer_remembers_a_face(desk: Desk, report: dict[str, Any]) -> None:
    result = report["all_layers"]
    assert (result["status"], result["values"]) == ("success", [2])
    assert sum(name in OURS for names in result["before"] for name in names) == 3
    assert not any(name in OURS for names in result["after"] for name in names)
    assert "another" in json.dumps(result["after"]), "what others attached stays"
    assert result["opened"] == result["after"]
    assert b"a face in numbers" not in (desk.share / "forgotten.xcf").read_bytes()
    assert result["same"]
    assert result["again"]["values"] == [0]


def test_the_procedure_as_gimp_lists_it(report: dict[str, Any]) -> None:
    found = report["procedure"]
    assert found["label"] == "_Forget Faces"
    assert found["menu"] == ["<Image>/Filters/Likeness"]
    assert found["results"] == ["count"]
