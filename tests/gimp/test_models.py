"""Models… in a real GIMP 3. What happens there: tests/gimp/inside/choosing.py."""

from __future__ import annotations

import pytest

from tests.gimp.desk import Desk

pytestmark = pytest.mark.gimp


def test_it_needs_no_image_but_a_person(desk: Desk) -> None:
    report = desk.batch("choosing")
    assert report["procedure"] == {
        "label": "_Models…",
        "menu": ["<Image>/Filters/Likeness"],
        "always": True,
    }
    assert report["from_a_script"]["status"] == "execution-error"
    assert "a person is needed" in report["from_a_script"]["error"]
