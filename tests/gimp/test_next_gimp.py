"""GIMP 3.2: an edit in it. `./test --all` runs all tests of this folder in it, too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.gimp.conftest import gimp_or_skip
from tests.gimp.desk import Desk

pytestmark = pytest.mark.gimp


@pytest.fixture
def other() -> Iterator[Desk]:
    desk = Desk(gimp_or_skip("3.2"))
    yield desk
    desk.close()


def test_an_edit_in_gimp_3_2(other: Desk) -> None:
    edit = other.batch_without_crash("smoke")["an_edit"]
    assert edit["version"].startswith("3.2.")
    assert edit["status"] == "success", edit["error"]
    assert edit["source_untouched"]
    assert edit["before"] == edit["after"], "nothing else has changed"
    assert edit["order"] == edit["reopened"] == ["Likeness: smile +1.0 (face 1)", "Background"]
    assert "likeness-inversion" in edit["remembered"]
    photograph, layer = (
        np.frombuffer((other.share / f"smoke.{name}").read_bytes(), np.float32).reshape(-1, 4)
        for name in ("source", "layer")
    )
    mask = np.frombuffer((other.share / "smoke.mask").read_bytes(), np.uint8)
    assert np.abs(photograph - layer)[mask == 255].max() > 0.05, "the face is edited"
