"""The tables of inversion, edits and restoration: with the embedded default, on one photograph and few steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import BadRequest
from engine.evaluation.edits import METHODS, STILL, TRANSFER, UNMASKED, Table, sharpness
from engine.evaluation.inversion import Wishes, evaluate_inversion, load_gauges, load_mesh
from engine.evaluation.inversion_methods import ENCODER, OURS, PUBLISHED, REFINED, TUNED, UNREFINED
from engine.evaluation.restoration import LEAST, MOST, evaluate_restoration, pixel_methods, random_hole
from engine.evaluation.specimens import COMPOSITIONS, RENDERS, photograph
from engine.faces.detect import FaceDetector
from engine.paths import EMBEDDED_MODELS, RECIPES, Home
from tests.faces_inverted import PHOTOS, Studio

ASTRONAUT = PHOTOS / "astronaut.png"


@pytest.fixture
def wishes(tmp_path: Path, home: Home) -> Wishes:
    recipe = RECIPES / "default.toml"
    return Wishes(
        recipe, tmp_path / "none", tmp_path / "out", None, [ASTRONAUT], seed=0, limit=2, refine_steps=1
    )


def test_inversions(wishes: Wishes) -> None:
    torch.set_num_threads(1)
    report, folder = evaluate_inversion(wishes)
    assert report.counts == {"photographs": 1}
    assert {RENDERS, COMPOSITIONS, ENCODER, PUBLISHED, TUNED} <= report.missing.keys()
    assert "train encoder" in report.missing[ENCODER]
    figures = report.figures["photographs"]
    assert figures.keys().isdisjoint(report.missing)
    assert figures[OURS].psnr > figures[REFINED].psnr
    assert figures[OURS].psnr_inside > figures[REFINED].psnr_inside
    assert 0 < figures[OURS].mask_area == figures[UNREFINED].mask_area < 1
    assert figures[REFINED].mask_area == 0
    text = (folder / "inversion.md").read_text()
    assert "| ours, no mask |" in text
    assert "- held-out renders: There are no renders" in text
    assert json.loads((folder / "inversion.json").read_text()) == report.as_json()
    with Image.open(folder / "pictures" / "photographs-astronaut.png") as strip:
        assert strip.size == (256 * (1 + len(figures)), 512)
    measured = (folder / "measured.jsonl").read_text()
    (folder / "pictures" / "photographs-astronaut.png").unlink()
    assert evaluate_inversion(wishes)[0] == report
    assert (folder / "measured.jsonl").read_text() == measured
    assert not (folder / "pictures" / "photographs-astronaut.png").exists()  # nothing was done again


def test_nothing_to_measure_on_is_said(wishes: Wishes, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "wall.png")
    with pytest.raises(BadRequest, match="nothing to measure"):
        evaluate_inversion(replace(wishes, photographs=[tmp_path / "wall.png"]))


def test_edits(studio: Studio, tmp_path: Path) -> None:
    mesh = load_mesh()
    specimen = photograph(ASTRONAUT, FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors"), mesh)
    directions = {name: studio.model.directions[name] for name in ("smile", "skin-tone")}
    table = Table(replace(studio.model, directions=directions), mesh, load_gauges(), None)
    found = table.measure(specimen, 0, tmp_path / "sheet.png")
    assert len(found) == len(METHODS) * 2 * 2
    moved = found[f"{TRANSFER}|skin-tone|+1"]
    assert moved["moved"] > 0.02
    assert moved["identity"] < 1
    assert moved["outside"] <= 1
    assert moved["years"] is None
    assert found[f"{TRANSFER}|smile|+1.5"] != found[f"{STILL}|smile|+1.5"]
    assert found[f"{TRANSFER}|smile|+1.5"] != found[f"{UNMASKED}|smile|+1.5"]
    assert (tmp_path / "sheet.png").exists()


def test_a_blurred_picture_is_less_sharp() -> None:
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    blurred = torch.nn.functional.avg_pool2d(picture, 3, 1, 1)
    where = torch.ones(1, 1, 32, 32)
    assert sharpness(blurred, where) < 0.5 * sharpness(picture, where)


def test_holes_are_of_the_size_that_is_said() -> None:
    region = np.zeros((512, 512), bool)
    region[100:400, 120:380] = True
    shares = []
    for number in range(20):
        hole = random_hole(region, 0, f"face {number}")
        assert not hole[~region].any()
        shares.append(hole.sum() / region.sum())
    assert min(shares) > LEAST - 0.002
    assert max(shares) < MOST + 0.002
    assert max(shares) - min(shares) > 0.05
    assert np.array_equal(random_hole(region, 0, "face 3"), random_hole(region, 0, "face 3"))
    assert not np.array_equal(random_hole(region, 0, "face 3"), random_hole(region, 1, "face 3"))


def test_restoration(wishes: Wishes) -> None:
    torch.set_num_threads(1)
    data, text, folder = evaluate_restoration(replace(wishes, refine_steps=0))
    others, missing = pixel_methods()
    figures = data["figures"]["photographs"]
    assert figures.keys() == {"ours", *others}
    assert missing.keys() <= data["missing"].keys()
    assert 0.6 < figures["ours"]["identity"] < 1
    assert all(10 < one["psnr"] < 60 for one in figures.values())
    assert "| membrane |" in text
    assert (Path(folder) / "pictures" / "photographs-astronaut.png").exists()
    assert evaluate_restoration(replace(wishes, refine_steps=0))[0] == data
