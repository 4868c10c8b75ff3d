"""Training SAMM on a tiny set, in our form and in the published one: it learns, resumes exactly, is shared out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.networks.identity import IdentityReader, IdentityReaderConfig
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig
from engine.training import checkpoint, loop
from engine.training.compositions import Compositions
from engine.training.face_source import ConditionalFaces
from engine.training.inversion_losses import style_distance
from engine.training.inversion_recipe import SammStage
from engine.training.parallel import Team
from engine.training.recipe import Rate
from engine.training.samm_task import Readers, SammTask
from tests.training.tiny_compositions import TINY_HELD_OUT, tiny
from tests.training.tiny_faces import tiny_faces

STAGE = SammStage(
    name="samm", compositions="tiny", held_out="tiny-held-out", images=40, batch=8,
    rate=Rate(first=3e-3, last=1e-3, warm_up=2), ema_images=80, seed=13, scales=(8, 16, 32),
    scales_from=(0.0, 0.2, 0.4), width=8,
)  # fmt: skip
FORMS = ("additive", "published")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Compositions, Compositions]:
    folder = tmp_path_factory.mktemp("compositions")
    return tiny(folder / "tiny"), tiny(folder / "tiny-held-out", TINY_HELD_OUT)


@pytest.fixture(scope="module")
def faces(sets: tuple[Compositions, Compositions]) -> ConditionalFaces:
    return tiny_faces(sets[0])


@pytest.fixture(scope="module")
def encoder(faces: ConditionalFaces) -> ParameterEncoder:
    torch.manual_seed(1)
    config = ParameterEncoderConfig(32, (8, 8, 8, 16), (1, 1, 1), faces.length, 8, 32, 0)
    return ParameterEncoder(config).eval().requires_grad_(False)


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
    encoder: ParameterEncoder,
    readers: Readers,
) -> Make:
    def made(team: Team = Team(), **changes: object) -> SammTask:
        return SammTask(STAGE.model_copy(update=changes), faces, encoder, *sets, team, readers)

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
