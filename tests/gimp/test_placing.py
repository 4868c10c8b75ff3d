"""Where results go in a real GIMP 3, and which faces are taken. What happens there: tests/gimp/inside/placing.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.gimp.desk import Desk

pytestmark = pytest.mark.gimp

Report = dict[str, Any]
U8_STEP = 1 / 255
SIDE = 512
KINDS = {  # and how many steps of 8 bits the written pixels may differ from what GIMP shows
    "plain": 0.01,
    "16 bits": 0.01,
    "floats": 0.01,
    "grey": 0.01,
    "alpha": 1.01,
    "wide gamut, 16 bits": 0.5,  # GIMP takes alpha away by way of another format
    "moved": 0.01,
}


@pytest.fixture(scope="module")
def report(desk: Desk) -> Report:
    return desk.batch_without_crash("placing")


def kept(desk: Desk, name: str, kind: str) -> np.ndarray:
    """[512, 512, 4] floats, gamma-encoded."""
    data = np.frombuffer((desk.share / f"{name}.{kind}").read_bytes(), np.float32)
    return data.reshape(SIDE, SIDE, 4)


def test_a_group_of_layers_shows_the_same(report: Report) -> None:
    result = report["group"]
    assert result["status"] == "success", result["error"]
    assert result["group"] == ["Likeness", True, "pass-through"]
    names = [layer["name"] for layer in result["layers"]]
    assert names == ["Likeness: smile +1.0 (face 1)", "Likeness: smile +1.0 (face 2)"] == result["children"]
    assert result["order"] == ["Likeness", "Background"]
    assert result["after"]["layers"][1:] == result["before"]["layers"]
    assert result["same"]


@pytest.mark.parametrize("kind", KINDS)
def test_replaced_pixels_are_those_that_a_layer_would_show(desk: Desk, report: Report, kind: str) -> None:
    result = report["replaced"][kind]
    assert result["status"] == "success", result["error"]
    assert result["same_layer"]
    assert result["kept"], "all but the pixels"
    assert not result["images"], "none is left behind"
    before, shown, written = (kept(desk, kind, name) for name in ("before", "shown", "written"))
    x, y, width, height = result["rect"]
    face = np.zeros((SIDE, SIDE), bool)
    face[max(y, 0) : y + height, max(x, 0) : x + width] = True
    assert np.array_equal(written[~face], before[~face])
    assert np.array_equal(written[..., 3], before[..., 3])
    if kind != "moved":  # GIMP shows what lies within the image
        assert np.abs(written - shown)[..., :3].max() <= KINDS[kind] * U8_STEP
    assert np.abs(written - before)[face].max() > 10 * U8_STEP


def test_only_what_is_selected_is_replaced(desk: Desk, report: Report) -> None:
    assert report["replaced_within_a_selection"] == {"status": "success", "selection": True}
    before, after = (
        np.frombuffer((desk.share / f"within.{name}").read_bytes(), np.uint8).reshape(SIDE, SIDE, 4).astype(int)
        for name in ("before", "after")
    )
    assert np.array_equal(before[:, 230:], after[:, 230:])
    assert np.abs(before - after)[:, :230].max() > 10


def test_what_cannot_be_replaced_is_refused_before_any_work(report: Report) -> None:
    for name, said in (("locked", "are locked"), ("group", "is a group")):
        result = report["replacing_is_refused"][name]
        assert result["status"] == "execution-error"
        assert said in result["error"]
        assert "Choose another result." in result["error"]
        assert result["after"] == result["before"]


def test_f38_an_error_while_replacing(report: Report) -> None:
    assert report["replacing_fails"] == {"error": "TypeError", "same": True, "images": 0}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_image_has_the_photograph_bit_for_bit(report: Report, kind: str) -> None:
    result = report["new_image"][kind]
    assert result.pop("names") == ["Likeness: smile +1.0 (face 1)", "Photograph"]
    assert result.pop("resolution") == [200, 100]
    assert result.pop("status") == "success"
    assert all(result.values()), result


def test_a_new_image_of_an_indexed_one(report: Report) -> None:
    result = report["new_image_of_an_indexed_one"]
    assert result["status"] == "success", result["error"]
    assert result["mode"][0] == "rgb"
    assert result["untouched"]
    assert result["exact"]


def test_a_layer_that_is_taken_up_again_is_replaced(report: Report) -> None:
    result = report["taken_up_again"]
    for name in ("group", "replace", "image"):
        status, layers, count = result[name]
        assert (status, len(layers), count) == ("success", 2, 1), name
        assert layers[0].startswith("Likeness: smile -0.5 (face 1)")


def test_a_selection_says_which_faces_are_taken(report: Report) -> None:
    result = report["selected"]
    (layer,) = result["left"]["layers"]
    assert layer["offsets"][0] + layer["size"][0] / 2 < SIDE
    assert result["left"]["after"] == result["left"]["before"]
    (layer,) = result["other"]["layers"]
    assert 0 < layer["offsets"][0] + layer["size"][0] / 2 < SIDE, (
        "in the image; in the layer it is the other one"
    )
    numbers = {result[name]["layers"][0]["note"]["face"] for name in ("left", "other")}
    assert numbers == {1, 2}


def test_a_selection_without_a_face(report: Report) -> None:
    for name, said in (("nowhere", "No face lies in the selection."), ("numbered", "Face 1 does not lie")):
        result = report["selected"][name]
        assert result["status"] == "execution-error"
        assert result["error"].startswith(said)
        assert result["error"].endswith("select nothing: then all are.")
        assert result["after"] == result["before"]


def test_faces_with_edits_of_their_own(report: Report) -> None:
    result = report["own_edits"]
    both, one = result["both"], result["one"]
    assert both["status"] == "success", both["error"]
    names = ["Likeness: smile +1.0 (face 1)", "Likeness: smile -0.5 (face 2)"]
    assert [layer["name"] for layer in both["layers"]] == names
    assert [layer["note"]["edits"] for layer in both["layers"]] == [{"smile": 1.0}, {"smile": -0.5}]
    assert both["after"] == both["before"]
    assert [layer["name"] for layer in one["layers"]] == ["Likeness: smile +0.7 (face 2)"]
    assert len(result["selected"]["layers"]) == 1


def test_edits_of_faces_that_make_no_sense(report: Report) -> None:
    result = report["own_edits"]
    for name, said in (("again", "holds one face"), ("numbered", "at 0"), ("third", "only 2 faces were found")):
        assert result[name]["status"] == "execution-error", name
        assert said in result[name]["error"], name
        assert result[name]["after"] == result[name]["before"], name


def test_the_argument_as_gimp_lists_it(report: Report) -> None:
    assert report["arguments"] == {
        "plug-in-likeness-invert": [["layer", "group", "image"], "layer"],
        "plug-in-likeness-edit": [["layer", "group", "replace", "image"], "layer"],
    }
