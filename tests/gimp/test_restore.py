"""Restore Face… in a real GIMP 3. What happens there: tests/gimp/inside/restoring.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.gimp.desk import PHOTOS, Desk

pytestmark = pytest.mark.gimp


@pytest.fixture(scope="module")
def report(desk: Desk) -> dict[str, Any]:
    return desk.batch_without_crash("restoring")


def test_the_selection_is_filled_as_a_layer(desk: Desk, report: dict[str, Any]) -> None:
    result = report["an_eye"]
    assert result["status"] == "success", result.get("error")
    (layer,) = result["layers"]
    assert result["order"][0] == layer["name"] == "Likeness: restored"
    assert result["untouched"]
    assert result["same"]
    selection = np.frombuffer((desk.share / "restored.selection").read_bytes(), np.uint8).reshape(512, 512)
    rows, columns = (np.flatnonzero(selection.any(axis)) for axis in (1, 0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert layer["offsets"] == [columns[0] + 30, rows[0] - 20]
    mask = np.frombuffer((desk.share / "restored.mask").read_bytes(), np.uint8).reshape(selection[part].shape)
    assert np.array_equal(mask, selection[part])
    assert 0 < mask[0, len(mask[0]) // 2] < 255 == mask.max(), "as soft as the selection"
    pixels = np.frombuffer((desk.share / "restored.layer").read_bytes(), np.uint8).reshape(*mask.shape, 4)
    truth = np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGB"))[part].astype(int)
    whole = mask == 255
    error = np.abs(pixels[..., :3] - truth)[whole].mean()
    assert error < 45 < np.abs(255 - truth)[whole].mean()


def test_what_cannot_be_restored_is_said(report: dict[str, Any]) -> None:
    for name, said in (("nothing_selected", "Nothing is selected"), ("beside_the_layer", "beside")):
        result = report[name]
        assert result["status"] == "execution-error"
        assert said in result["error"]
        assert result["same"], name


def test_the_procedure_as_gimp_lists_it(report: dict[str, Any]) -> None:
    found = report["procedure"]
    assert found["label"] == "_Restore Face…"
    assert found["menu"] == ["<Image>/Filters/Likeness"]
    assert found["results"] == ["layers"]
    assert found["arguments"] == ["run-mode", "image", "drawables", "refine-steps", "model"]
