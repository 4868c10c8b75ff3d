"""Training the encoder on tiny sets: it learns, resumes exactly, is shared out, frees W+ by stages, serves any generator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open

from engine.errors import BadRequest
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig
from engine.networks.stylegan2 import Generator, GeneratorConfig
from engine.training import checkpoint, draws, loop
from engine.training.compositions import Compositions
from engine.training.dice import Dice
from engine.training.encoder_data import (
    UNKNOWN,
    Examples,
    Exposure,
    of_compositions,
    of_renders,
    of_samples,
    unmirrored,
)
from engine.training.encoder_task import EncoderSets, EncoderTask
from engine.training.face_source import ConditionalFaces, StyleFaces
from engine.training.inversion_recipe import EncoderStage
from engine.training.jitter import Jitter
from engine.training.parallel import Team
from engine.training.recipe import read_recipe
from engine.training.renders import Renders, read_renders
from engine.training.tables import Rate
from tests.training.conftest import SMOKE
from tests.training.tiny_compositions import tiny
from tests.training.tiny_faces import tiny_faces

STAGE = EncoderStage(
    name="encoder", renders="tiny", held_out="tiny-held-out", compositions="tiny-compositions", images=40, batch=8,
    rate=Rate(first=3e-3, last=1e-3, warm_up=2), ema_images=80, seed=9, size=32, widths=(8, 8, 16, 16),
    units=(1, 1, 1), compared_at=16,
)  # fmt: skip
WITHOUT_LABELS = {"renders": None, "held_out": None, "compositions": None, "sampled": 4, "composed": 0}


def renders(data: Path, name: str) -> Renders:
    return read_renders(data / name, read_recipe(SMOKE).renders[name])


@pytest.fixture(scope="module")
def compositions(tmp_path_factory: pytest.TempPathFactory) -> Compositions:
    return tiny(tmp_path_factory.mktemp("compositions") / "tiny")


@pytest.fixture(scope="module")
def faces(compositions: Compositions) -> ConditionalFaces:
    return tiny_faces(compositions)


@pytest.fixture(scope="module")
def sets(tiny_data: Path, compositions: Compositions) -> EncoderSets:
    return EncoderSets(renders(tiny_data, "tiny"), renders(tiny_data, "tiny-held-out"), compositions)


@pytest.fixture(scope="module")
def style_faces() -> StyleFaces:
    torch.manual_seed(6)
    generator = Generator(GeneratorConfig(32, (16, 16, 16, 16), w_dim=24, n_mlp=2))
    return StyleFaces.of(generator.freeze(), "random")


Make = Callable[..., EncoderTask]


@pytest.fixture
def make(faces: ConditionalFaces, sets: EncoderSets) -> Make:
    def made(team: Team = Team(), **changes: object) -> EncoderTask:
        return EncoderTask(STAGE.model_copy(update=changes), faces, sets, team)

    return made


def dice(count: int) -> list[Dice]:
    return [Dice(draws.generator(1, place)) for place in range(count)]


# The network

SMALL = ParameterEncoderConfig(32, (8, 8, 16, 16), (1, 1, 2), code=6, num_ws=4, w_dim=5, landmarks=7)


def test_what_an_encoding_holds() -> None:
    torch.manual_seed(1)
    encoder = ParameterEncoder(SMALL).eval()
    said = encoder(torch.rand(2, 3, 48, 48) * 2 - 1)
    assert said.code.shape == (2, 6)
    assert torch.equal(said.offsets, torch.zeros(2, 4, 5))  # until something is learnt
    assert said.landmarks.shape == (2, 7, 2)
    assert said.heat.shape == (2, 7, 8, 8)
    assert [feature.shape[-1] for feature in said.features] == [32, 16, 8, 4]
    assert said.feature(16).shape == (2, 8, 16, 16)
    with pytest.raises(KeyError, match="64 px"):
        said.feature(64)
    torch.testing.assert_close(encoder.raw(said.code), said.code)


def test_a_picture_alone_is_encoded_as_in_a_batch() -> None:
    torch.manual_seed(1)
    encoder = ParameterEncoder(SMALL)
    x = torch.rand(3, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(encoder(x).code[1:2], encoder(x[1:2]).code)


def test_the_configuration_goes_into_metadata_and_back() -> None:
    assert ParameterEncoderConfig.from_metadata(SMALL.metadata()) == SMALL
    with pytest.raises(ValueError, match="halved"):
        ParameterEncoderConfig(20, (8, 8, 16, 16), (1, 1, 2), 6, 4, 5, 7)


# Examples


def test_undisturbed_examples_are_what_they_are(
    sets: EncoderSets, compositions: Compositions, faces: ConditionalFaces
) -> None:
    index, plain = torch.arange(4), Exposure(32, 16, 71, disturbed=False)
    of_render = of_renders(sets.renders, faces, index, dice(4), plain)
    assert torch.equal(of_render.picture, sets.renders.pictures(index, 32))
    torch.testing.assert_close(of_render.landmarks[:, :5], sets.renders.five[index])
    torch.testing.assert_close(of_render.code * faces.std + faces.mean, sets.renders.parameters[index])
    composed = of_compositions(compositions, faces, index, dice(4), plain)
    assert torch.equal(composed.picture, compositions.photographs(index, 32))
    wanted = torch.nn.functional.interpolate(
        compositions.inversions(index, 32), (16, 16), mode="bilinear", antialias=True
    )
    torch.testing.assert_close(composed.target, wanted)
    sampled = of_samples(faces, dice(4), plain)
    torch.testing.assert_close(
        sampled.picture, faces.generator.synthesis(faces.latent(sampled.code)).clamp(-1, 1)
    )
    assert (sampled.landmarks == UNKNOWN).all()


def test_disturbing_moves_pictures_and_landmarks_only(sets: EncoderSets, faces: ConditionalFaces) -> None:
    index = torch.arange(6)
    plain, other = (
        of_renders(sets.renders, faces, index, dice(6), Exposure(32, 16, 71, disturbed=disturbed))
        for disturbed in (False, True)
    )
    for name in ("target", "weight", "code"):
        assert torch.equal(getattr(plain, name), getattr(other, name))
    assert (plain.picture - other.picture).abs().flatten(1).mean(1).min() > 1e-3
    moved = (plain.landmarks - other.landmarks).norm(dim=2)
    assert 0 < moved.mean() < 0.04
    assert (other.landmarks[:, 0, 0] < other.landmarks[:, 1, 0]).all()  # not mirrored


def test_a_jitter_without_its_mirror_moves_the_mirrored_point_to_the_same_place() -> None:
    for die in dice(6):
        jitter = Jitter.draw(die)
        point = torch.tensor([0.3, 0.6])
        source = torch.tensor([1 - 0.3 if jitter.mirrored else 0.3, 0.6])
        torch.testing.assert_close(unmirrored(jitter).points(source), jitter.points(point))


def test_kinds_of_pictures_take_turns(make: Make) -> None:
    examples = make().batch_of(0)
    unknown = (examples.landmarks == UNKNOWN).flatten(1).all(1)
    assert unknown.tolist() == [True, False, False, False] * 2
    flat = (examples.weight == 1).flatten(1).all(1)
    assert flat.tolist() == unknown.tolist()


# Runs


def test_training_lowers_the_loss(make: Make) -> None:
    task = make(images=320, offsets_from=0.5, rate=Rate(first=8e-3, last=2e-3, warm_up=2))
    figures = [task.step(k) for k in range(task.steps)]
    first, last = figures[:8], figures[-8:]

    def share(name: str) -> float:
        return sum(one[name] for one in last) / sum(one[name] for one in first)

    assert share("loss") < 0.9
    assert share("landmarks") < 0.85
    assert share("picture") < 1


def test_rows_are_freed_by_stages(make: Make) -> None:
    task = make(images=800, offsets_from=0.5)
    free = [int(task.freed(k).sum()) for k in range(task.steps)]
    assert free[:50] == [0] * 50
    assert free[50] == 1
    assert free == sorted(free)
    assert free[75:] == [task.faces.generator.num_ws - 1] * 25
    assert make(offsets_from=1.0).freed(10_000).sum() == 0


def test_offsets_are_learnt_once_they_are_free(make: Make) -> None:
    task = make(images=64, offsets_from=0.5)
    for k in range(4):
        task.step(k)
    assert not task.network.rows.weight.any()
    for k in range(4, 8):
        task.step(k)
    assert task.network.rows.weight.any()
    x = task.sets.renders.pictures(torch.arange(2), 32) if task.sets else torch.zeros(2, 3, 32, 32)
    offsets = task.network(x).offsets
    assert not offsets[:, 0].any()
    assert offsets[:, 1].any()


def test_resumed_is_unbroken(make: Make, tmp_path: Path) -> None:
    unbroken = make()
    for k in range(unbroken.steps):
        unbroken.step(k)
    first = make()
    for k in range(2):
        first.step(k)
    checkpoint.save(tmp_path / "state", checkpoint.Checkpoint(2, first.state(), first.described))
    second = make()
    second.restore(checkpoint.load(tmp_path / "state").tensors)
    for k in range(2, second.steps):
        second.step(k)
    expected, got = unbroken.state(), second.state()
    assert expected.keys() == got.keys()
    for key in expected:
        assert torch.equal(expected[key], got[key]), key


def test_two_shards_have_the_loss_of_the_batch(make: Make) -> None:
    whole, parts = make(), [make(team=Team(rank, 2)) for rank in (0, 1)]
    examples = Examples.joined([part.batch_of(1) for part in parts])
    assert torch.equal(examples.picture, whole.batch_of(1).picture)
    shared = [part.loss(1)[1] for part in parts]
    for name, value in whole.loss(1)[1].items():
        torch.testing.assert_close((shared[0][name] + shared[1][name]) / 2, value)


def test_a_finished_stage_leaves_a_file_that_says_what_it_is(make: Make, tmp_path: Path) -> None:
    task = make(images=16)
    loop.run(task, tmp_path, resume=False, team=Team())
    assert list(tmp_path.glob("sheet-*.png"))
    with safe_open(tmp_path / loop.WEIGHTS, "pt") as file:
        metadata = file.metadata()
    assert (metadata["kind"], metadata["generator"]) == ("encoder", "tiny")
    assert json.loads(metadata["parameters"])[0] == "age"
    encoder = ParameterEncoder(ParameterEncoderConfig.from_metadata(metadata))
    encoder.load_state_dict(checkpoint.read_tensors(tmp_path / loop.WEIGHTS))
    torch.testing.assert_close(encoder.code_mean, task.faces.mean, rtol=1e-3, atol=1e-4)


def test_looking_says_how_near_it_is(make: Make, tmp_path: Path) -> None:
    figures = make().look(tmp_path / "sheet.png")
    assert {"psnr", "psnr_code", "code_correlation", "landmarks_percent", "shape_percent"} == figures.keys()
    assert all(abs(value) < 100 for value in figures.values())


# Any generator


def test_codes_of_a_style_generator_are_normal(style_faces: StyleFaces) -> None:
    codes = torch.stack([style_faces.sample(die) for die in dice(400)])
    assert codes.mean().abs() < 0.1
    assert codes.std().item() == pytest.approx(1, abs=0.1)
    z = draws.generator(1, 0)
    w = style_faces.generator.mapping(torch.randn(1, 24, generator=z))
    torch.testing.assert_close(style_faces.latent(codes[:1]), w, rtol=1e-3, atol=1e-5)


def test_any_generator_has_an_encoder_from_its_own_samples(style_faces: StyleFaces, tmp_path: Path) -> None:
    stage = STAGE.model_copy(update={**WITHOUT_LABELS, "images": 200})
    task = EncoderTask(stage, style_faces, None, Team())
    figures = [task.step(k) for k in range(task.steps)]
    assert "landmarks" not in figures[0]
    assert sum(one["loss"] for one in figures[-6:]) < 0.98 * sum(one["loss"] for one in figures[:6])
    assert "psnr" in task.look(tmp_path / "sheet.png")
    task.write_weights(tmp_path / "weights")
    assert checkpoint.read_metadata(tmp_path / "weights")["landmarks"] == "0"


def test_what_does_not_go_together_is_refused(
    faces: ConditionalFaces, style_faces: StyleFaces, sets: EncoderSets
) -> None:
    with pytest.raises(BadRequest, match="labelled"):
        EncoderTask(STAGE, faces, None, Team())
    with pytest.raises(BadRequest, match="without known parameters"):
        EncoderTask(STAGE, style_faces, sets, Team())
    with pytest.raises(BadRequest, match="compositions"):
        EncoderTask(STAGE, faces, EncoderSets(sets.renders, sets.held_out), Team())
    with pytest.raises(ValidationError, match="all four"):
        EncoderStage.model_validate(STAGE.model_dump() | {"renders": None, "held_out": None})
