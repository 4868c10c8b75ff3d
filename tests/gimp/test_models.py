"""Models… and Settings… in a real GIMP 3. What happens there: tests/gimp/inside/choosing.py."""

from __future__ import annotations

import pytest

from tests.gimp.desk import Desk

pytestmark = pytest.mark.gimp


def test_they_need_no_image_but_a_person(desk: Desk) -> None:
    report = desk.batch("choosing")
    for name, label in (("models", "_Models…"), ("settings", "_Settings…")):
        found = report[name]
        assert found["label"] == label
        assert found["menu"] == ["<Image>/Filters/Likeness"]
        assert found["always"]
        assert found["status"] == "execution-error"
        assert "a person is needed" in found["error"]
