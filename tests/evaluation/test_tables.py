"""The tables of inversion, edits and restoration: with the embedded default, on one photograph and few steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import BadRequest
from engine.evaluation.edits import METHODS, STILL, TRANSFER, UNMASKED, Table, sharpness
from engine.evaluation.inversion import Wishes, evaluate_inversion, load_gauges, load_mesh
from engine.evaluation.inversion_methods import ENCODER, OURS, PUBLISHED, REFINED, TUNED, UNREFINED, bench_of
from engine.evaluation.restoration import LEAST, MOST, evaluate_restoration, pixel_methods, random_hole
from engine.evaluation.specimens import COMPOSITIONS, RENDERS, photograph
from engine.faces.detect import FaceDetector
from engine.paths import EMBEDDED_MODELS, RECIPES, Home
from engine.training.loop import WEIGHTS
from engine.weights.directions import TABLE
from engine.weights.model_inverters import Inverters
from engine.weights.store import model_folder
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
    [path] = (folder / "pictures").glob("photographs-astronaut-*.png")
    with Image.open(path) as strip:
        assert strip.size == (256 * (1 + len(figures)), 512)
    measured = (folder / "measured.jsonl").read_text()
    assert json.loads(measured.splitlines()[0])["settings"]["trained"] == []
    path.unlink()
    assert evaluate_inversion(wishes)[0] == report
    assert (folder / "measured.jsonl").read_text() == measured
    assert not path.exists()  # nothing was done again


def test_figures_hang_on_all_that_made_them(
    wishes: Wishes, studio: Studio, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.models / "mine").mkdir(parents=True)
    (home.models / "mine" / "model.safetensors").touch()
    model = replace(studio.model, name="mine")
    assert model_folder(model.name, home) == home.models / "mine"
    monkeypatch.setattr("engine.evaluation.inversion.FEATURES", tmp_path)
    files = [tmp_path / "face.safetensors", tmp_path / "identity.safetensors", home.models / "mine" / TABLE]
    for path in files:
        path.write_bytes(b"first")
    seen = [wishes.settings(model)]
    for path in files:
        path.write_bytes(b"another")
        seen.append(wishes.settings(model))
    monkeypatch.setattr("engine.evaluation.inversion.METHOD", 99)
    seen.append(wishes.settings(model))
    assert len({json.dumps(one) for one in seen}) == 5


def test_a_bench_says_what_was_trained_for_it(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = SimpleNamespace(generator=studio.model.digest, digest="of the encoder")
    stages = SimpleNamespace(samm=[SimpleNamespace(form="published", name="samm")])
    shop: Any = SimpleNamespace(encoder=lambda device: encoder, inversion=stages, folder=tmp_path)
    monkeypatch.setattr(
        "engine.evaluation.inversion_methods.load_aligner", lambda path, device: SimpleNamespace(network=None)
    )
    (tmp_path / "samm").mkdir()
    trained = []
    for content in (b"one", b"another"):
        (tmp_path / "samm" / WEIGHTS).write_bytes(content)
        trained.append(bench_of(studio.model, studio.mesh, load_gauges(), 0, shop).trained)
    assert [one[0] for one in trained] == ["of the encoder"] * 2
    assert trained[0] != trained[1]


@pytest.mark.parametrize("module", ["edits", "inversion_methods"])
def test_faces_are_inverted_as_the_worker_does(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """With the face reader, which finds bare skin, and with what lies beside the model."""

    class Seen(Exception):
        pass

    def invert(*args: object, reader: object = None, inverters: object = None) -> None:
        raise Seen(reader, inverters)

    monkeypatch.setattr(f"engine.evaluation.{module}.invert", invert)
    specimen, gauges = photograph(ASTRONAUT, studio.detector, studio.mesh), load_gauges()
    beside = Inverters(digest="of something")
    table = Table(studio.model, studio.mesh, gauges, None, beside)
    bench = bench_of(studio.model, studio.mesh, gauges, 0, BadRequest("None is trained."), beside)
    measure = {
        "edits": lambda: table.measure(specimen, 0, tmp_path / "sheet.png"),
        "inversion_methods": lambda: bench.answers(specimen),
    }
    with pytest.raises(Seen) as caught:
        measure[module]()
    assert caught.value.args == (gauges.face, beside)


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
    assert found[f"{TRANSFER}|smile|+2"] != found[f"{STILL}|smile|+2"]
    assert found[f"{TRANSFER}|smile|+2"] != found[f"{UNMASKED}|smile|+2"]
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
    assert len(list((Path(folder) / "pictures").glob("photographs-astronaut-*.png"))) == 1
    assert evaluate_restoration(replace(wishes, refine_steps=0))[0] == data
