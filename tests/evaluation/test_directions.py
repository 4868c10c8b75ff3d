"""Directions move what they say by one standard deviation and nothing else, and the table says who does not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from engine.cli import main
from engine.editing.w_directions import attribute_directions
from engine.errors import BadRequest
from engine.evaluation import directions as evaluation
from engine.evaluation.directions import Gauge, Influence, evaluate_directions, exact_edit, influence, w_edit
from engine.networks.features import FaceReader
from engine.networks.layers import EqualLinear
from engine.networks.stylegan2 import ConditionalMapping
from engine.paths import EMBEDDED_MODELS, RECIPES
from engine.training.attributes import ATTRIBUTES
from engine.training.directions import (
    DEFINITIONS,
    SHAPES,
    fit_shape,
    make_directions,
    parameter_step,
    shape_measures,
)
from engine.training.generator import GeneratorTask
from engine.training.parallel import Team
from engine.training.recipe import read_recipe
from engine.training.renders import Renders, read_renders
from engine.training.trained import Trained, load_trained
from engine.weights.directions import directions_toml, read_directions
from engine.weights.features import load_face_reader
from models.faces import head_data, parameters

SMOKE = RECIPES / "smoke.toml"
NAMES = parameters.names()
LANDMARKS = tuple(head_data.load().landmark_names)
MOVABLE = [k for k, name in enumerate(NAMES) if name.rstrip("0123456789") in ("z", "race", "weight")]
MOMENTARY = [NAMES.index(name) for name in ("smile", "jaw", "pucker")]
EYES = 0.2  # their distance, crop units
COUNT = 1200


def placed(measures: torch.Tensor) -> torch.Tensor:
    """Landmarks [N,L,2] of faces from the front with these `SHAPES` [N,M] in eye distances."""
    value = dict(zip(SHAPES, (measures * EYES).T, strict=True))
    points = torch.zeros(len(measures), len(LANDMARKS), 2)

    def put(name: str, x: torch.Tensor | float, y: torch.Tensor | float) -> None:
        points[:, LANDMARKS.index(name), 0] = 0.5 + x
        points[:, LANDMARKS.index(name), 1] = 0.4 + y

    for side, sign in (("right", -1), ("left", 1)):
        put(f"eye_{side}_inner", sign * EYES * 0.3, 0.0)
        put(f"eye_{side}_outer", sign * EYES * 0.7, 0.0)
        put(f"nostril_{side}_1", sign * value["nose_width"] / 2, 0.2)
        put(f"lip_corner_{side}", sign * value["mouth_width"] / 2, 0.3)
        for (jaw_right, jaw_left), width in (((1, 15), value["face_width"]), ((5, 11), value["jaw_width"])):
            put(f"jaw_{jaw_left if sign > 0 else jaw_right}", sign * width / 2, 0.25)
    put("jaw_8", 0.0, value["face_length"])
    put("nose_0", 0.0, 0.05)
    put("nose_4", 0.0, 0.05 + value["nose_length"])
    for k in (1, 2, 3):
        for edge, sign in (("top", -1), ("bottom", 1)):
            put(f"lip_inner_{edge}_{k}", 0.02 * (k - 2), 0.3)
            put(f"lip_{edge}_{k}", 0.02 * (k - 2), 0.3 + sign * value["lip_fullness"] / 2)
    return points


@pytest.fixture(scope="module")
def slopes() -> torch.Tensor:
    """[M,P], how the synthetic heads' measures follow from the parameters."""
    made = torch.zeros(len(SHAPES), len(NAMES))
    generator = torch.Generator().manual_seed(1)
    moving = [*MOVABLE, NAMES.index("age"), *MOMENTARY]
    made[:, moving] = torch.randn(len(SHAPES), len(moving), generator=generator) * 0.01
    made[0] += made[1]  # the measures go together, as those of faces do
    return made


@pytest.fixture(scope="module")
def renders(slopes: torch.Tensor) -> Renders:
    """Labels with a known linear structure; faces that are turned away have points that mean nothing."""
    generator = torch.Generator().manual_seed(2)
    p = torch.rand(COUNT, len(NAMES), generator=generator)
    z = [k for k, name in enumerate(NAMES) if name.startswith("z")]
    p[:, z] = torch.randn(COUNT, len(z), generator=generator)
    p[:, z[1]] += 0.8 * p[:, z[0]]
    race = [k for k, name in enumerate(NAMES) if name.startswith("race")]
    p[:, race] /= p[:, race].sum(1, keepdim=True)
    p[:, NAMES.index("browth")] = 0.7 * p[:, NAMES.index("male")] + 0.1 * p[:, NAMES.index("browth")]
    pose = [NAMES.index("yaw"), NAMES.index("pitch")]
    p[:, pose] = torch.randn(COUNT, 2, generator=generator) * torch.tensor([0.24, 0.11])
    landmarks = placed(1 + (p - p.mean(0)) @ slopes.T)
    turned = p[:, pose].div(p[:, pose].std(0)).square().sum(1)
    away = turned > turned.median()
    landmarks[away] += torch.randn(landmarks[away].shape, generator=generator)
    nothing = torch.zeros(COUNT, 0)
    return Renders(nothing, nothing, nothing, landmarks, p, NAMES, {"background": 0}, landmark_names=LANDMARKS)


def test_measures_are_those_that_the_points_were_placed_by() -> None:
    measures = 0.5 + torch.rand(5, len(SHAPES), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(shape_measures(placed(measures), LANDMARKS), measures)
    smaller_and_elsewhere = 0.3 * placed(measures) + 0.2
    torch.testing.assert_close(shape_measures(smaller_and_elsewhere, LANDMARKS), measures)


def test_shape_directions_move_their_own_measure_by_one_deviation_and_no_other(
    renders: Renders, slopes: torch.Tensor
) -> None:
    shape = fit_shape(renders)
    assert shape.names == tuple(NAMES[k] for k in MOVABLE)
    moved = shape.steps @ slopes[:, MOVABLE].T / shape.deviation
    torch.testing.assert_close(moved, torch.eye(len(SHAPES)), atol=0.01, rtol=0)
    still = renders.parameters.clone()
    still[:, MOMENTARY] = 0
    true = (still @ slopes.T).std(0)
    torch.testing.assert_close(shape.deviation, true, atol=0, rtol=0.08)  # of another half of the faces
    # The likeliest step for one measure alone would drag the others along: there is something to keep still.
    covariance = torch.cov(renders.parameters[:, MOVABLE].T)
    alone = slopes[:, MOVABLE] @ covariance @ slopes[:, MOVABLE].T
    assert (alone / alone.diag()[:, None] - torch.eye(len(SHAPES))).abs().max() > 0.5
    race = [shape.names.index(f"race{k}") for k in range(3)]
    assert shape.steps[:, race].sum(1).abs().max() < 1e-3 < shape.steps[:, race].abs().max()


def test_companions_follow_as_far_as_they_do_in_the_renders(renders: Renders) -> None:
    step = parameter_step(renders, "male", ("browth", "beard"))
    deviation = float(renders.columns("male").std())
    assert step["male"] == pytest.approx(deviation, rel=1e-4)
    assert step["browth"] == pytest.approx(0.7 * deviation, rel=0.03)
    assert abs(step["beard"]) < 0.1 * deviation  # it does not depend on it here


def test_hair_gets_lighter_by_one_deviation_of_its_luma(renders: Renders) -> None:
    step = parameter_step(renders, "hair_lightness")
    luma = torch.tensor([0.299, 0.587, 0.114])
    moved = float(torch.tensor([step[f"hcol{k}"] for k in range(3)]) @ luma)
    deviation = float((renders.columns("hcol0", "hcol1", "hcol2") @ luma).std())
    assert moved == pytest.approx(deviation, rel=1e-4)


def test_definitions_name_what_there_is() -> None:
    assert len({definition.name for definition in DEFINITIONS}) == len(DEFINITIONS)
    columns = {*ATTRIBUTES, *SHAPES}
    for definition in DEFINITIONS:
        assert definition.attribute in columns | set(NAMES)
        assert set(definition.also) <= columns - {definition.attribute}
        assert set(definition.follows) <= set(NAMES) - {definition.attribute}


def test_the_table_is_read_back_as_it_was_written(renders: Renders, tmp_path: Path) -> None:
    made = make_directions(renders, fit_shape(renders))
    path = tmp_path / "directions.toml"
    path.write_text(directions_toml(made), "utf-8")
    read = read_directions(path, NAMES)
    assert [replace(one, iris=(one.iris[0], one.iris[1])) for one in read.values()] == made
    assert read["eyes-open"].parameters["blink"] < 0
    assert len(read["face-width"].parameters) > 10


def test_what_was_chosen_by_hand_keeps_its_meaning_in_the_new_unit(renders: Renders) -> None:
    """Where strength 1 is another step, ranges and irises are such that the same raw step looks the same."""
    chosen = {definition.name: definition for definition in DEFINITIONS}
    made = {direction.name: direction for direction in make_directions(renders, fit_shape(renders))}
    for name, parameter in (("smile", "smile"), ("gaze", "gaze0"), ("make-up", "makeup"), ("light", "light")):
        before, now = chosen[name].chosen_at, made[name].parameters[parameter]
        assert before is not None
        assert now != pytest.approx(before, rel=0.01)
        assert made[name].maximum * now == pytest.approx(chosen[name].maximum * before, abs=0.051 * now)
        assert made[name].minimum * now == pytest.approx(chosen[name].minimum * before, abs=0.051 * now)
        assert made[name].iris[0] / now == pytest.approx(chosen[name].iris[0] / before, rel=1e-3)
        assert (made[name].shading, made[name].hue) == (chosen[name].shading, chosen[name].hue)


@pytest.fixture
def weights(tiny_data: Path, tmp_path: Path) -> Path:
    """What a few steps of the smoke recipe's first stage leave, in the folder where its output would be."""
    recipe = read_recipe(SMOKE)
    tiny, held_out = (
        read_renders(tiny_data / name, recipe.renders[name]) for name in ("tiny", "tiny-held-out")
    )
    task = GeneratorTask(recipe.generator, recipe.generator.stages[0], tiny, held_out, Team())
    task.step(0)
    path = tmp_path / "generator" / "regression-16" / "weights.safetensors"
    path.parent.mkdir(parents=True)
    task.write_weights(path)
    return path


@dataclass(frozen=True)
class LinearGauge(Gauge):
    """Two attributes that are linear in w."""

    weight: torch.Tensor  # [2,w_dim]

    @property
    def attributes(self) -> tuple[str, ...]:
        return ("one", "other")

    def read(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.weight.T


@pytest.fixture
def reader() -> FaceReader:
    return load_face_reader(EMBEDDED_MODELS / "features", torch.device("cpu"))


@pytest.fixture
def linear(weights: Path, reader: FaceReader, monkeypatch: pytest.MonkeyPatch) -> tuple[Trained, LinearGauge]:
    """A generator whose mapping is linear near the mean, whose pictures are w itself, and a gauge that reads them."""
    trained = load_trained(weights)
    for layer in trained.mapping.map:
        assert isinstance(layer, EqualLinear)
        layer.weight.abs_()  # with these biases nothing is negative: no leaky ReLU bends
        layer.bias.fill_(100)
    monkeypatch.setattr(evaluation, "synthesis", as_picture)
    weight = torch.randn(2, trained.mapping.w_dim, generator=torch.Generator().manual_seed(4))
    gauge = LinearGauge(reader, torch.ones(len(SHAPES)), weight)
    return trained, gauge


def as_picture(_trained: Trained, w: torch.Tensor) -> torch.Tensor:
    return w[:, :, None, None]


def test_in_w_and_in_the_parameters_it_is_the_same_where_the_mapping_is_linear(
    linear: tuple[Trained, LinearGauge],
) -> None:
    trained, gauge = linear
    steps = 0.1 * torch.randn(3, len(trained.parameters.names), generator=torch.Generator().manual_seed(5))
    unbounded = replace(
        trained.parameters, low=trained.parameters.low - 100, high=trained.parameters.high + 100
    )
    wide = replace(trained, parameters=unbounded)
    c = trained.draw(4, 1, 0.1)
    in_w = attribute_directions(trained.mapping, c, steps)
    for step, direction in zip(steps, in_w, strict=True):
        torch.testing.assert_close(
            trained.mapping(c + step) - trained.mapping(c), direction.expand(4, -1), atol=1e-4, rtol=1e-3
        )
    exact = influence(trained, gauge, named(exact_edit, wide, steps), c)
    table = influence(trained, gauge, named(w_edit, trained, in_w), c)
    assert exact.moved.abs().min() > 1e-3
    torch.testing.assert_close(exact.moved, table.moved, atol=1e-3, rtol=1e-2)
    torch.testing.assert_close(exact.moved, in_w @ gauge.weight.T, atol=1e-3, rtol=1e-2)


def named(
    edit: Callable[[Trained, torch.Tensor], evaluation.Edit], trained: Trained, rows: torch.Tensor
) -> dict[str, evaluation.Edit]:
    return {str(k): edit(trained, row) for k, row in enumerate(rows)}


def test_what_the_training_range_holds_back_is_not_counted_as_little_effect(
    linear: tuple[Trained, LinearGauge],
) -> None:
    trained, gauge = linear
    smile = trained.parameters.index("smile")
    step = torch.zeros(len(trained.parameters.names))
    step[smile] = 1.0
    c = torch.zeros(4, len(trained.parameters.names))
    free = influence(trained, gauge, {"smile": exact_edit(trained, 0.1 * step)}, c, 0.1).moved * 10
    c[:, smile] = trained.parameters.low[smile]  # nobody can smile less
    edit = exact_edit(trained, step)
    w, effect = edit(c, -1.0)
    assert torch.equal(w, trained.mapping(c))
    assert effect.abs().max() < 1e-6
    held = influence(trained, gauge, {"smile": edit}, c).moved
    torch.testing.assert_close(held, free, atol=1e-3, rtol=0.02)


def test_strays_are_named_and_what_is_on_purpose_is_not_one() -> None:
    table = Influence(("beard",), ("beard", "male", "moustache"), torch.tensor([[0.5, -0.2, 0.4]]))
    assert table.stray("beard", "beard").attribute == "moustache"
    stray = table.stray("beard", "beard", ("moustache",))
    assert (stray.attribute, stray.share) == ("male", pytest.approx(0.4))
    assert math.isinf(table.stray("beard", "beard", sign=-1).share)  # it was to shrink
    assert table.stray("beard", "male", sign=-1).share == pytest.approx(2.5)
    still = Influence(("beard",), ("beard", "male"), torch.tensor([[0.01, 0.2]]))
    assert math.isinf(still.stray("beard", "beard").share)


def test_the_gauge_reads_the_shape_that_the_points_have(reader: FaceReader) -> None:
    """In standard deviations, after the reader's own attributes."""
    deviation = torch.linspace(0.1, 0.4, len(SHAPES))
    gauge = Gauge(reader, deviation)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(6)) * 2 - 1
    read = gauge.read(images)
    assert read.shape == (2, len(gauge.attributes))
    larger = torch.nn.functional.interpolate(images, (128, 128), mode="bilinear", antialias=True)
    seen = reader(larger)
    torch.testing.assert_close(read[:, : len(ATTRIBUTES)], seen.attributes)
    shapes = shape_measures(seen.landmarks, reader.config.landmarks) / (deviation + 1e-4)
    torch.testing.assert_close(read[:, len(ATTRIBUTES) :], shapes)


def test_the_command_leaves_tables_sweeps_and_directions(
    weights: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = weights.parents[2]
    where = ["--recipe", str(SMOKE), "--data", str(tiny_data), "-o", str(output), "--stage", "regression-16"]
    assert main(["evaluate", "directions", *where, "--samples", "2"]) == 0
    folder = weights.parent / "evaluation"
    report = json.loads((folder / "directions.json").read_text("utf-8"))
    made = read_directions(folder / "directions.toml", NAMES)
    assert list(made) == [definition.name for definition in DEFINITIONS]
    for form in ("exact", "w"):
        assert list(report[form]["moved"]) == list(made)
        assert all(len(row) == len(report["attributes"]) for row in report[form]["moved"].values())
    said = capsys.readouterr().out
    for name in report["straying"]:
        assert f"{name}: {report['exact']['strays'][name]['attribute']}" in said
    assert f"{len(report['straying'])} of {len(report['exact']['strays'])}" in said
    text = (folder / "directions.md").read_text("utf-8")
    assert all(text.count(f"| {name} |") >= 2 for name in made)
    with Image.open(folder / "sweeps.png") as sheet:
        assert sheet.size == (2 * 5 * 16, len(made) * 16)


def test_renders_of_other_parameters_are_refused(weights: Path, renders: Renders, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="other parameters"):
        evaluate_directions(weights, replace(renders, names=("other", *NAMES[1:])), tmp_path, 1)


def test_the_mapping_of_the_linear_tests_bends_without_its_biases(weights: Path) -> None:
    """Else what is shown of linear mappings would be shown of any."""
    trained = load_trained(weights)
    assert isinstance(trained.mapping, ConditionalMapping)
    c, step = torch.zeros(1, len(trained.parameters.names)), torch.ones(len(trained.parameters.names))
    there = trained.mapping(c + step) - trained.mapping(c)
    back = trained.mapping(c) - trained.mapping(c - step)
    assert (there - back).abs().max() > 1e-3
