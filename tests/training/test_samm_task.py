"""Training SAMM on a tiny set, in our form and in the published one: it learns, resumes exactly, is shared out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.networks.flow import warp
from engine.networks.identity import IdentityReader, IdentityReaderConfig
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig
from engine.networks.stylegan2 import Generator, GeneratorConfig
from engine.training import checkpoint, loop
from engine.training.blend_judge import BlendJudge
from engine.training.compositions import Compositions
from engine.training.face_source import ConditionalFaces, FaceSource, StyleFaces
from engine.training.inversion_losses import style_distance
from engine.training.inversion_recipe import SammStage
from engine.training.parallel import Team
from engine.training.photographs import Photographs
from engine.training.samm_losses import Readers
from engine.training.samm_task import SammTask
from engine.training.sampled_compositions import SampledCompositions
from engine.training.tables import Rate
from engine.weights.inverters import TrainedEncoder
from tests.training.tiny_compositions import TINY_HELD_OUT, tiny
from tests.training.tiny_faces import tiny_faces

STAGE = SammStage(
    name="samm", compositions="tiny", held_out="tiny-held-out", images=40, batch=8,
    rate=Rate(first=3e-3, last=1e-3, warm_up=2), ema_images=80, seed=13, scales=(8, 16, 32),
    scales_from=(0.0, 0.2, 0.4), width=8,
)  # fmt: skip
FORMS = ("additive", "published")


def untrained_encoder(faces: FaceSource) -> TrainedEncoder:
    torch.manual_seed(1)
    generator = faces.generator.config
    config = ParameterEncoderConfig(
        32, (8, 8, 8, 16), (1, 1, 1), faces.length, generator.num_ws, generator.w_dim, 0
    )
    return TrainedEncoder(ParameterEncoder(config).eval().requires_grad_(False), "encoder", faces.origin)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Compositions, Compositions]:
    folder = tmp_path_factory.mktemp("compositions")
    return tiny(folder / "tiny"), tiny(folder / "tiny-held-out", TINY_HELD_OUT)


@pytest.fixture(scope="module")
def faces(sets: tuple[Compositions, Compositions]) -> ConditionalFaces:
    return tiny_faces(sets[0])


@pytest.fixture(scope="module")
def encoder(faces: ConditionalFaces) -> TrainedEncoder:
    return untrained_encoder(faces)


@pytest.fixture(scope="module")
def readers() -> Readers:
    torch.manual_seed(2)
    face = FaceReader(FaceReaderConfig(32, (8, 8, 8), ("age",), FIVE, ("skin",)))
    identity = IdentityReader(IdentityReaderConfig(32, (8, 8, 8), 8, ("age",)))
    return Readers(face.eval().requires_grad_(False), identity.eval().requires_grad_(False))


Make = Callable[..., SammTask]


@pytest.fixture
def make(
    sets: tuple[Compositions, Compositions],
    faces: ConditionalFaces,
    encoder: TrainedEncoder,
    readers: Readers,
) -> Make:
    def made(team: Team = Team(), photographs: Photographs | None = None, **changes: object) -> SammTask:
        stage = STAGE.model_copy(update=changes)
        return SammTask(stage, faces, encoder, *sets, team, readers, photographs)

    return made


@pytest.mark.parametrize("form", FORMS)
def test_training_lowers_the_loss(make: Make, form: str) -> None:
    task = make(images=256, form=form, scales_from=(0.0, 0.0, 0.0), rate=Rate(first=1e-2, last=3e-3, warm_up=2))
    figures = [task.step(k) for k in range(task.steps)]
    losses = [one["loss"] for one in figures]
    assert sum(losses[-8:]) < 0.9 * sum(losses[:8])
    assert sum(one["true_mask"] for one in figures[-8:]) < sum(one["true_mask"] for one in figures[:8])


def test_scales_are_switched_on_in_turn(make: Make) -> None:
    task = make(images=80)
    assert [task.switched_on(k) for k in range(10)] == [1, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    task.step(0)
    changed = {
        name for name, value in task.network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert {name.split(".")[1] for name in changed} == {"8"}


@pytest.mark.parametrize("form", FORMS)
def test_resumed_is_unbroken(make: Make, tmp_path: Path, form: str) -> None:
    unbroken = make(form=form)
    for k in range(unbroken.steps):
        unbroken.step(k)
    first = make(form=form)
    for k in range(2):  # the finest scale is not switched on yet
        first.step(k)
    checkpoint.save(tmp_path / "state", checkpoint.Checkpoint(2, first.state(), first.described))
    second = make(form=form)
    second.restore(checkpoint.load(tmp_path / "state").tensors)
    for k in range(2, second.steps):
        second.step(k)
    expected, got = unbroken.state(), second.state()
    assert expected.keys() == got.keys()
    for key in expected:
        assert torch.equal(expected[key], got[key]), key


def test_two_shards_have_the_loss_of_the_batch(make: Make) -> None:
    whole, parts = make(), [make(team=Team(rank, 2)) for rank in (0, 1)]
    photographs = torch.cat([part.batch_of(4).photograph for part in parts])
    assert torch.equal(photographs, whole.batch_of(4).photograph)
    shared = [part.loss(4)[1] for part in parts]
    for name, value in whole.loss(4)[1].items():
        torch.testing.assert_close((shared[0][name] + shared[1][name]) / 2, value)


def test_latents_are_the_encoders_or_nearly_the_true_ones(make: Make) -> None:
    task = make(encoded=1.0)
    scenes = task.batch_of(0)
    said = task.encoder(scenes.photograph)
    w = task.faces.latent(said.code)
    torch.testing.assert_close(scenes.w_plus, task.faces.generator.broadcast(w) + said.offsets)
    other = make(encoded=0.0).batch_of(0)
    assert torch.equal(other.photograph, scenes.photograph)
    assert not torch.allclose(other.w_plus, scenes.w_plus)


def test_a_finished_stage_is_looked_at(make: Make, tmp_path: Path) -> None:
    task = make(images=16)
    loop.run(task, tmp_path, resume=False, team=Team())
    assert list(tmp_path.glob("sheet-*.png"))
    metadata = checkpoint.read_metadata(tmp_path / loop.WEIGHTS)
    assert (metadata["kind"], metadata["form"], metadata["scales"]) == ("samm", "additive", "[8, 16, 32]")
    figures = task.look(tmp_path / "again.png")
    assert {"mask_iou", "threshold_iou", "flow_share", "psnr_in_domain", "psnr_unaligned"} < figures.keys()


def test_styles_are_alike_where_pictures_are_shuffled() -> None:
    maps = torch.randn(2, 5, 6, 6)
    assert style_distance([maps], [maps]) == 0
    torch.testing.assert_close(style_distance([maps.flip(3)], [maps]), torch.zeros(()), rtol=0, atol=1e-5)
    assert style_distance([2 * maps], [maps]) > 1


def test_scales_that_nobody_has_are_refused(make: Make) -> None:
    with pytest.raises(BadRequest, match="no features at 64 px"):
        make(scales=(32, 64), scales_from=(0.0, 0.5))


def test_an_encoder_of_another_generator_is_refused(
    faces: ConditionalFaces, encoder: TrainedEncoder, sets: tuple[Compositions, Compositions]
) -> None:
    other = replace(encoder, generator="another")
    with pytest.raises(BadRequest, match="another generator"):
        SammTask(STAGE, faces, other, *sets, Team())


# The adversarial term


@pytest.mark.parametrize("form", FORMS)
def test_in_our_form_the_judge_moves_the_picture_and_not_the_mask(make: Make, form: str) -> None:
    task = make(form=form, scales_from=(0.0, 0.0, 0.0))
    task.step(0)
    scenes = task.batch_of(1)
    found = task.network(task.faces.generator, scenes.w_plus, scenes.features)
    found.invertibility_mask.retain_grad()
    task.terms(found, scenes)["adversarial"].backward()
    gradient = found.invertibility_mask.grad
    assert (gradient is not None and bool(gradient.any())) == (form == "published")
    assert any(one.grad is not None and one.grad.any() for one in task.trained)


def test_the_judge_learns_to_tell_blends_from_photographs() -> None:
    generator = torch.Generator().manual_seed(3)
    judge = BlendJudge(1, Team())
    right: list[float] = []
    for k in range(24):
        photograph = torch.rand(4, 3, 32, 32, generator=generator) * 2 - 1
        blend = torch.nn.functional.avg_pool2d(photograph, 5, 1, 2)
        right.append(judge.learn(k, photograph, blend, 2e-3)["right"])
    assert sum(right[-4:]) / 4 > 0.9
    photograph = torch.rand(4, 3, 32, 32, generator=generator) * 2 - 1
    assert judge.fooled(photograph) < judge.fooled(torch.zeros_like(photograph))


def test_without_its_weight_there_is_no_judge(make: Make) -> None:
    task = make(adversarial=0.0)
    assert {"right", "adversarial"}.isdisjoint(task.step(0))
    assert not any(key.startswith(("judge", "discriminator")) for key in task.state())


# A user's photographs, and generators without labels


def test_photographs_count_beside_compositions(make: Make) -> None:
    crops = torch.randint(0, 256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    photographs = Photographs(crops, "three")
    assert torch.equal(photographs.pictures(torch.tensor([1])), photographs.pictures(torch.tensor([0])).flip(3))
    task, alone = make(photographs=photographs), make()
    assert task.described != alone.described
    scenes = task.photographed_scenes(photographs, 0)
    assert len(scenes.photograph) == STAGE.batch // 4
    figures, without = task.loss(0)[1], alone.loss(0)[1]
    assert figures["reconstruction"] != without["reconstruction"]
    assert torch.equal(figures["true_mask"], without["true_mask"])
    assert torch.isfinite(figures["loss"])


@pytest.fixture(scope="module")
def style_faces() -> StyleFaces:
    torch.manual_seed(6)
    generator = Generator(GeneratorConfig(32, (16, 16, 16, 16), w_dim=24, n_mlp=2))
    return StyleFaces.of(generator.freeze(), "random")


def test_a_generator_without_labels_learns_from_its_own_faces(
    style_faces: StyleFaces, sets: tuple[Compositions, Compositions]
) -> None:
    composed, held_out = (SampledCompositions.of(style_faces, one, 5) for one in sets)
    changes = {"images": 160, "adversarial": 0.0, "scales_from": (0.0, 0.0, 0.0)}
    stage = STAGE.model_copy(update={**changes, "rate": Rate(first=1e-2, last=3e-3, warm_up=2)})
    task = SammTask(stage, style_faces, untrained_encoder(style_faces), composed, held_out, Team())
    figures = [task.step(k) for k in range(task.steps)]
    assert sum(one["true_mask"] for one in figures[-5:]) < 0.9 * sum(one["true_mask"] for one in figures[:5])


def test_where_the_code_is_the_encoders_such_a_flow_is_not_known(
    style_faces: StyleFaces, sets: tuple[Compositions, Compositions]
) -> None:
    composed = SampledCompositions.of(style_faces, sets[0], 5)
    encoder = untrained_encoder(style_faces)

    def known(encoded: float) -> torch.Tensor:
        stage = STAGE.model_copy(update={"encoded": encoded})
        return SammTask(stage, style_faces, encoder, composed, composed, Team()).batch_of(0).known

    assert known(0.0).mean() > 0.8
    assert not known(1.0).any()


def test_compositions_of_own_faces_keep_the_truth(
    style_faces: StyleFaces, sets: tuple[Compositions, Compositions]
) -> None:
    index = torch.arange(len(sets[0]))
    composed = SampledCompositions.of(style_faces, sets[0], 5)
    assert torch.equal(composed.parameters, SampledCompositions.of(style_faces, sets[0], 5).parameters)
    assert composed.made != SampledCompositions.of(style_faces, sets[0], 6).made
    mask, x = composed.invertibility_masks(index, 32), composed.photographs(index, 32)
    assert torch.equal(mask, sets[0].invertibility_masks(index, 32))
    moved = warp(composed.inversions(index, 32), composed.flows(index, 32))
    torch.testing.assert_close(x * (1 - mask), moved * (1 - mask))
    torch.testing.assert_close(x * mask, sets[0].photographs(index, 32) * mask)
    assert composed.photographs(index[:2], 64).shape == (2, 3, 64, 64)
    codes = style_faces.codes_of(composed.parameters[:1], composed.names)
    made = style_faces.generator.synthesis(style_faces.latent(codes)).clamp(-1, 1)
    torch.testing.assert_close(made, composed.inversions(index[:1], 32), rtol=0, atol=1e-4)
    with pytest.raises(BadRequest, match="labelled"):
        style_faces.codes_of(composed.parameters, ("age",))
