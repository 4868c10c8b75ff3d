"""The plug-in in a real GIMP 3 without windows. What happens there: tests/gimp/inside/headless.py."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from installer.plugin import SOURCE, files
from tests.gimp.desk import Desk, until

pytestmark = pytest.mark.gimp

Report = dict[str, Any]
U8_STEP = 1 / 255


@pytest.fixture(scope="module")
def report(desk: Desk) -> Report:
    """All scenarios run in one GIMP; the engine is not running when it starts."""
    assert not (desk.home / "run" / "engine.json").exists()
    return desk.batch("headless")


@pytest.fixture(scope="module")
def reopened(desk: Desk, report: Report) -> Report:
    """A second GIMP opens the .xcf that the first one saved; the engine has forgotten the face meanwhile."""
    assert report
    for file in (desk.home / "inversions").iterdir():
        file.unlink()
    return desk.batch("reopened")["reopened"]


def ran(report: Report, name: str) -> Any:
    scenario = report[name]
    assert not (isinstance(scenario, dict) and "crashed" in scenario), scenario["crashed"]
    return scenario


def test_the_plugin_starts_the_engine(desk: Desk, report: Report) -> None:
    assert ran(report, "a_photograph")["invert"]["status"] == "success"
    assert desk.client().status()["worker"]["state"] in ("ready", "busy")


def test_invert_lays_a_copy_of_the_photograph_above_it(report: Report) -> None:
    result = ran(report, "a_photograph")["invert"]
    (layer,) = result["layers"]
    assert layer["name"] == "Likeness: face 1"
    assert result["order"] == ["Likeness: face 1", *[layer["name"] for layer in result["before"]["layers"]]]
    assert layer["type"] == "rgba-image"
    assert layer["space"] == "rgb-perceptual"
    assert (layer["visible"], layer["opacity"], layer["mode"]) == (True, 100.0, "normal")
    assert layer["mask_range"][1] > 200, "where the generator can make the face, the layer shows"
    assert layer["border_of_mask"] == 0, "soft at the crop's border"
    assert result["copied"], "nothing was edited: the pixels are the photograph's, bit for bit"
    assert layer["parasites"] == ["likeness-inversion"], "the photograph's own parasites are not copied"


def test_nothing_else_of_the_image_is_touched(report: Report) -> None:
    for name in ("invert", "edit", "again", "back"):
        result = ran(report, "a_photograph")[name]
        replaced = {"again": 1, "back": 1}.get(name, 0)
        assert result["after"]["layers"] == result["before"]["layers"][replaced:]
        assert {**result["after"], "layers": 0} == {**result["before"], "layers": 0}


def test_the_layer_remembers_its_edit(report: Report) -> None:
    (layer,) = ran(report, "a_photograph")["edit"]["layers"]
    note = layer["note"]
    assert note["edits"] == {"smile": 1.0}
    assert (note["format"], note["face"], note["size"]) == (1, 1, [512, 512])
    assert note["rect"] == [*layer["offsets"], *layer["size"]]
    assert 1000 < note["inversion"] < 4 * 2**20
    assert layer["name"] == "Likeness: smile +1.0 (face 1)"


def test_an_edit_is_taken_up_again_in_its_place(report: Report) -> None:
    scenario = ran(report, "a_photograph")
    earlier, (layer,) = scenario["earlier"], scenario["again"]["layers"]
    assert layer["name"] == "Likeness: smile -1.0 (face 1)"
    assert layer["pixels"] != earlier["pixels"]
    for key in (
        "offsets",
        "size",
        "mask",
        "opacity",
        "mode",
        "space",
        "type",
        "parasites",
        "visible",
        "parent",
    ):
        assert layer[key] == earlier[key], key
    assert len(scenario["again"]["order"]) == len(scenario["again"]["before"]["layers"])
    assert layer["note"]["edits"] == {"smile": -1.0}


def test_taking_an_edit_back_brings_the_photograph_back(report: Report) -> None:
    scenario = ran(report, "a_photograph")
    (layer,) = scenario["back"]["layers"]
    assert layer["pixels"] == scenario["invert"]["layers"][0]["pixels"]
    assert layer["name"] == "Likeness: face 1"


KINDS = ["a_photograph", "grace_hopper", "grey", "sixteen_bit", "linear_float"]


@pytest.mark.parametrize("name", KINDS)
def test_gimp_shows_the_blend_of_the_method(desk: Desk, report: Report, name: str) -> None:
    """GIMP's projection is photo · m + layer · (1 − m), gamma-encoded, as the engine blends."""
    result = ran(report, name)
    result = result.get("edit", result)
    assert result["status"] == "success", result.get("error")
    assert result["source_untouched"]
    assert result["after"] == result["before"]
    source, layer, shown = (kept(desk, name, kind) for kind in ("source", "layer", "shown"))
    mask = np.frombuffer((desk.share / f"{name}.mask").read_bytes(), np.uint8) / 255
    expected = source + (layer - source) * mask[:, None]
    assert np.abs(shown - expected)[:, :3].max() < 1.6 * U8_STEP
    assert np.abs(layer - source)[:, :3].mean() > 0.002, "something was edited"


def kept(desk: Desk, name: str, kind: str) -> np.ndarray:
    """(pixels, 4) floats, gamma-encoded."""
    return np.frombuffer((desk.share / f"{name}.{kind}").read_bytes(), np.float32).reshape(-1, 4)


def test_the_layer_has_the_mode_of_its_image(report: Report) -> None:
    assert ran(report, "grey")["layers"][0]["type"] == "graya-image"
    assert ran(report, "sixteen_bit")["after"]["mode"] == ["rgb", "u16-non-linear"]
    assert ran(report, "linear_float")["layers"][0]["type"] == "rgba-image"


def test_two_faces_make_two_layers(report: Report) -> None:
    scenario = ran(report, "two_faces")
    names = ["Likeness: smile +1.0 (face 1)", "Likeness: smile +1.0 (face 2)"]
    assert [layer["name"] for layer in scenario["all"]["layers"]] == names
    assert scenario["all"]["order"][:2] == names
    lefts = sorted(layer["offsets"][0] + layer["size"][0] / 2 for layer in scenario["all"]["layers"])
    assert lefts[0] < 512 < lefts[1]
    assert scenario["all"]["after"] == scenario["all"]["before"]
    assert scenario["again"]["status"] == "success", scenario["again"]["error"]
    assert [layer["name"] for layer in scenario["again"]["layers"]] == ["Likeness: smile -0.5 (face 2)"]
    assert scenario["again"]["layers"][0]["offsets"] == scenario["all"]["layers"][1]["offsets"]
    assert [layer["name"] for layer in scenario["second"]["layers"]] == ["Likeness: face 2"]
    assert scenario["third"]["status"] == "execution-error"
    assert scenario["third"]["after"] == scenario["third"]["before"]


def test_a_layer_with_alpha_offset_mask_and_locks_in_a_group(report: Report) -> None:
    result = ran(report, "alpha")
    assert result["status"] == "success", result.get("error")
    assert result["after"] == result["before"]
    (layer,) = result["layers"]
    assert layer["parent"] == "group"
    assert result["children"] == [layer["name"], result["before"]["name"]]
    x, y, *size = layer["note"]["rect"]
    assert (layer["offsets"], layer["size"]) == ([37 + x, y - 11], size)
    assert (layer["locks"], layer["opacity"]) == ([False, False, False], 100.0)


TRANSLUCENT = {  # and how many steps of 8 bits an edit may differ from an edited photograph
    "opaque over another": 1.6,
    "alpha": 1.6,
    "opacity": 1.6,
    "layer mask": 1.6,
    "alpha and opacity, floats": 6,  # the engine saw floats, the photograph that it is held against bytes
    "alpha over another": 6,
    "opacity over another": 6,
    "all, over another": 6,
    "floats, over another": 6,
    "in a group over another": 6,
}


CUT = {"alpha over another", "opacity over another", "in a group over another"}


@pytest.mark.parametrize("name", TRANSLUCENT)
def test_a_translucent_photograph_stays_as_translucent(desk: Desk, report: Report, name: str) -> None:
    """Without an edit GIMP shows exactly what it showed; with one, what it shows of an edited photograph."""
    assert ran(report, "translucent")[name] == ["success", "success", "success", True]
    kinds = ("before", "inverted", "edited", "back", "expected")
    before, inverted, edited, back, expected = (seen(desk, name, kind) for kind in kinds)
    tolerance = (
        U8_STEP + 1e-5 if "all" in name else 1e-5
    )  # GIMP rounds halves in three layers otherwise than in two
    assert np.abs(inverted - before).max() <= tolerance
    assert np.abs(back - before).max() <= tolerance
    assert np.abs(edited[:, 3] - before[:, 3]).max() <= tolerance
    off = np.abs(edited - expected).max(1) / U8_STEP
    if name in CUT:
        cut = beyond_the_layer(desk, name)
        assert cut.sum() < 100, "single pixels change by more than a layer of integers holds"
        off[cut] = 0
    assert off.max() < TRANSLUCENT[name]
    assert np.abs(edited - before).max() > 10 * U8_STEP, "something was edited"


def beyond_the_layer(desk: Desk, name: str) -> np.ndarray:
    """Where the layer that holds the change is at the end of its range."""
    layer = np.frombuffer((desk.share / f"{name}.layer").read_bytes(), np.uint8).reshape(-1, 4)
    return (layer[:, 3] > 0) & ((layer[:, :3] == 0) | (layer[:, :3] == 255)).any(1)


def seen(desk: Desk, name: str, kind: str) -> np.ndarray:
    """What GIMP shows, colours times alpha."""
    pixels = kept(desk, name, kind).copy()
    pixels[:, :3] *= pixels[:, 3:]
    return pixels


def test_an_edit_in_an_image_made_indexed_meanwhile_keeps_its_colours(report: Report) -> None:
    scenario = ran(report, "made_indexed_later")
    assert scenario["mode"][0] == "rgb"
    assert scenario["exact"]
    assert scenario["layers"] == ["Likeness: smile +1.0 (face 1)", "Background"]


def test_a_layer_dragged_into_another_image_is_refused(report: Report) -> None:
    scenario = ran(report, "another_image")
    assert "no longer in this image" in scenario["duplicate"]["error"], (
        "GIMP gives a duplicate's layers new tattoos"
    )
    for name in ("never marked", "marked"):
        result = scenario[name]
        assert result["same"], "tattoo and size alone do not tell"
        assert result["status"] == "execution-error"
        assert "another image" in result["error"]
        assert result["after"] == result["before"]


def test_an_indexed_image_is_refused_with_the_remedy(report: Report) -> None:
    result = ran(report, "indexed")
    assert result["status"] == "execution-error"
    assert "Image ▸ Mode ▸ RGB" in result["error"]
    assert result["after"] == result["before"]


def test_a_layer_without_a_face(report: Report) -> None:
    result = ran(report, "no_face")
    assert result["status"] == "execution-error"
    assert "face" in result["error"]
    assert result["after"] == result["before"]
    for result in ran(report, "odd_sizes").values():
        assert result["status"] == "execution-error"
        assert result["error"].endswith(".")
        assert result["after"] == result["before"]


def test_bad_arguments_are_answered_by_a_sentence(report: Report) -> None:
    scenario = ran(report, "bad_arguments")
    assert scenario["unchanged"]
    for name, result in scenario["results"].items():
        assert result["status"] in ("execution-error", "calling-error"), name
        assert len(result["error"].split()) > 4, name
    for name in ("no JSON", "no object", "no number", "too much"):
        assert '{"smile": 1.0}' in scenario["results"][name]["error"]
    assert "Select one layer" in scenario["results"]["two layers"]["error"]
    assert "no such direction" in scenario["results"]["direction"]["error"]


def test_f41_parasites_that_lie(report: Report) -> None:
    scenario = ran(report, "lying_parasites")
    for name, result in scenario.items():
        assert result["unchanged"], name
        assert result["status"] == "execution-error", name
        assert result["error"].endswith("."), name


def test_f38_an_error_while_writing_back(desk: Desk, report: Report) -> None:
    scenario = ran(report, "writing_back_fails")
    assert scenario["_add_layer_mask"] == scenario["_remember"] == "RuntimeError"
    assert scenario["insert"] == "Refusal"
    for name in ("_add_layer_mask", "_remember", "insert"):
        assert scenario[f"{name} unchanged"], name
    assert scenario["too large"]["inversion"] is None, "it would not fit into a parasite"
    assert "too large to be kept" not in (desk.share / "headless.log").read_text("utf-8", "replace"), "row 40"
    assert scenario["too large"]["id"] == "a" * 64
    assert scenario["afterwards"] == ["Likeness: smile +1.0 (face 1)", "Likeness: smile +1.0 (face 2)"]


def test_the_procedures_as_gimp_lists_them(report: Report) -> None:
    found = ran(report, "procedures")
    assert found["plug-in-likeness-invert"]["label"] == "_Invert Face…"
    assert found["plug-in-likeness-edit"]["label"] == "_Edit Face…"
    for facts in found.values():
        assert facts["menu"] == ["<Image>/Filters/Likeness"]
        assert facts["types"] == "*"
        assert len(facts["help"]) > 100
        assert facts["results"] == ["layers"]
        assert facts["arguments"][:6] == ["run-mode", "image", "drawables", "face", "refine-steps", "model"]


def test_gimpfu_compat(report: Report) -> None:
    scenario = ran(report, "gimpfu")
    assert scenario["everything"] == {"status": "success", "values": [8, 0.5, "Ä B", True, "one"]}
    assert scenario["defaults"] == [4, 1.0, "ABC", False]
    assert scenario["too many"]["status"] == "execution-error"
    assert scenario["count"]["values"] == [2]
    assert scenario["refuse"] == {"status": "execution-error", "error": "It cannot be. Do otherwise."}
    assert scenario["cancel"]["status"] == "cancel"
    assert "KeyError" in scenario["defect"]["error"]
    assert "no display" in scenario["nothing"]["error"]


def test_an_xcf_opened_again_remembers(report: Report, reopened: Report) -> None:
    saved = ran(report, "a_photograph")["edit"]["layers"][0]
    layer = reopened["opened"][0]
    for key in ("name", "offsets", "size", "pixels", "mask", "space", "tattoo", "note", "type"):
        assert layer[key] == saved[key], key


def test_an_xcf_opened_again_is_edited_again(report: Report, reopened: Report) -> None:
    """The engine's cache is empty: the inversion comes out of the layer."""
    saved = ran(report, "a_photograph")["edit"]["layers"][0]
    assert reopened["same"]["status"] == "success", reopened["same"]["error"]
    assert reopened["same"]["layer"]["pixels"] == saved["pixels"]
    assert reopened["other"]["status"] == "success"
    assert reopened["other"]["layers"][0]["name"] == "Likeness: smile -1.0 (face 1)"
    assert len(reopened["other"]["layers"]) == len(reopened["opened"])


def test_f10_gimp_killed_in_mid_job(desk: Desk, report: Report) -> None:
    """A long job is under way; GIMP is killed. Neither job nor plug-in stays, and the engine serves on."""
    assert report
    gimp = desk.start_batch("long_job")
    try:
        assert until(lambda: any(job["state"] == "running" for job in desk.jobs()), 60)
        assert desk.plugins()
    finally:
        gimp.send_signal(signal.SIGKILL)
        gimp.wait()
    assert until(lambda: not desk.plugins(), 3)
    assert until(lambda: not desk.jobs(), 5)
    assert desk.client().directions()["directions"]


def test_location_json_is_all_that_is_added_to_the_plugin(desk: Desk) -> None:
    installed = {path.relative_to(desk.plugin) for path in desk.plugin.rglob("*") if path.is_file()}
    assert {path for path in installed if "__pycache__" not in path.parts} == {
        *files(SOURCE),
        Path("location.json"),
    }
    for name in files(SOURCE):
        assert (desk.plugin / name).read_bytes() == (SOURCE / name).read_bytes(), name
    assert os.access(desk.plugin / "likeness.py", os.X_OK)
