"""Training the feature networks on a tiny set: figures, runs that resume exactly, losses that fall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig, FaceReading, expectation
from engine.training import checkpoint
from engine.training.attributes import ATTRIBUTES, SIGNED, face_attributes, mirror_signs, shape_names
from engine.training.face_task import (
    FaceTask,
    correlation,
    heat_loss,
    in_eye_distances,
    landmark_loss,
    mean_iou,
    measure_faces,
    read_with_heat,
)
from engine.training.feature_task import FeatureTask
from engine.training.identity_task import IdentityTask, contrast_loss, pair_auc
from engine.training.loop import STATE, WEIGHTS, run
from engine.training.parallel import Team
from engine.training.recipe import RenderSet
from engine.training.renders import Renders, read_renders
from engine.training.stages import train_features, train_generator
from engine.weights.features import load_face_reader, load_identity_reader
from models.faces import parameters
from tests.training.conftest import SMOKE, write_renders
from tests.training.feature_tasks import CPU, KINDS, make, pictures, renders, stage

__all__ = ["make"]  # a fixture


# Numbers


def test_the_names_of_the_attributes_are_the_renderers(tiny_data: Path) -> None:
    tiny = renders(tiny_data)
    values = face_attributes(tiny)
    assert values.shape == (32, len(ATTRIBUTES))
    assert torch.equal(values[:, ATTRIBUTES.index("yaw")], tiny.columns("yaw")[:, 0])
    assert mirror_signs().sum() == len(ATTRIBUTES) - 2 * len(SIGNED)
    assert {"z0", "z31", "race2", "age", "mel"} <= set(shape_names(tiny)) <= set(parameters.names())


def test_errors_are_in_eye_distances() -> None:
    wanted = torch.tensor([[[0.4, 0.5], [0.6, 0.5], [0.5, 0.6], [0.45, 0.7], [0.55, 0.7]]])
    torch.testing.assert_close(
        in_eye_distances(wanted + torch.tensor([0.02, 0]), wanted), torch.full((1, 5), 0.1)
    )
    assert landmark_loss(wanted, wanted) == 0
    outside = torch.cat([wanted, torch.tensor([[[1.2, 0.5]]])], 1)
    assert landmark_loss(torch.cat([wanted, torch.tensor([[[0.9, 0.5]]])], 1), outside) == 0


def bells(points: torch.Tensor, cells: int) -> torch.Tensor:
    """Logits of Gaussians of one cell at points [L,2] in crop units: [1,L,cells,cells]."""
    at = torch.arange(cells) + 0.5
    across, down = (at - cells * points[:, 0, None]).square(), (at - cells * points[:, 1, None]).square()
    return -0.5 * (across[:, None] + down[:, :, None])[None]


def test_the_heat_is_to_be_a_small_bell_at_the_point() -> None:
    points = torch.tensor([[0.4, 0.5], [0.6, 0.5], [0.5, 0.6], [0.45, 0.7], [0.55, 0.7], [0.31, 0.22]])
    right = heat_loss(bells(points, 16), points[None])
    assert abs(right) < 1e-5
    nearly = heat_loss(bells(points + torch.tensor([1 / 16, 0]), 16), points[None])
    assert nearly == pytest.approx(0.5, abs=0.01)  # half a squared distance in cells
    wide = heat_loss(0.1 * bells(points, 16), points[None])
    flat = heat_loss(torch.zeros(1, 6, 16, 16), points[None])
    assert 0.1 < wide < flat
    outside = torch.cat([points[:5], torch.tensor([[1.4, 0.2]])])
    assert abs(heat_loss(bells(points, 16), outside[None])) < 1e-5


def test_flat_heat_feels_where_it_should_be() -> None:
    points = torch.full((1, 6, 2), 0.3)
    logits = torch.zeros(1, 6, 8, 8, requires_grad=True)
    heat_loss(logits, points).backward()
    assert logits.grad is not None
    assert (logits.grad.flatten(2).argmin(2) == 8 * 2 + 2).all()  # 0.3 of eight cells lies in the third
    assert logits.grad[..., 2, 2].abs().min() > 0.005


def test_the_heat_is_that_of_the_landmarks(make: Callable[..., FaceTask]) -> None:
    reader = make("face").network
    reading, logits = read_with_heat(reader, pictures(2, 32))
    heat = logits.flatten(2).softmax(2).unflatten(2, logits.shape[2:])
    torch.testing.assert_close(expectation(heat), reading.landmarks)
    assert not reader.heat._forward_hooks


class Knowing(FaceReader):
    """Reads what the labels say, all points aside by a vector."""

    def __init__(self, truth: Renders, aside: torch.Tensor) -> None:
        names = sorted(truth.regions, key=lambda name: truth.regions[name])
        super().__init__(
            FaceReaderConfig(32, (8, 8, 8), ATTRIBUTES, (*FIVE, *truth.landmark_names), tuple(names))
        )
        self.truth, self.aside = truth, aside

    def forward(self, image: torch.Tensor) -> FaceReading:
        points = torch.cat([self.truth.five, self.truth.landmarks], 1) + self.aside
        backgrounds = torch.zeros(len(image), len(self.config.regions), 8, 8)
        backgrounds[:, self.truth.regions["background"]] = 1
        return FaceReading(3 * face_attributes(self.truth) - 1, points, backgrounds)


def test_figures_of_a_reader_that_knows(tiny_data: Path, tmp_path: Path) -> None:
    truth = renders(tiny_data, "tiny-held-out")
    exact = measure_faces(Knowing(truth, torch.zeros(2)), truth, tmp_path / "sheet.png")
    assert exact.correlation == pytest.approx(1, abs=1e-4)
    assert (exact.five_percent, exact.landmarks_percent) == (0, 0)
    eyes = (truth.five[:, 1] - truth.five[:, 0]).norm(dim=1)
    aside = torch.stack([0.1 * eyes, torch.zeros(len(eyes))], 1)[:, None]
    moved = measure_faces(Knowing(truth, aside), truth, tmp_path / "sheet.png")
    assert moved.five_percent == pytest.approx(10, rel=1e-3)
    assert moved.landmarks_percent == pytest.approx(10, rel=1e-3)
    shown = (truth.segmentation == truth.regions["background"]).float().mean()
    occurring = len(truth.segmentation.unique())
    assert moved.region_iou == pytest.approx(float(shown) / occurring, rel=1e-4)


def test_measures() -> None:
    a = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    torch.testing.assert_close(correlation(2 * a + 1, a), torch.tensor([1.0, 0.0]))
    read, true = torch.tensor([[[0, 0], [1, 1]]]), torch.tensor([[[0, 1], [1, 1]]])
    assert mean_iou(read, true, 3) == pytest.approx((1 / 2 + 2 / 3) / 2)
    heads = torch.tensor([0, 0, 1, 1])
    likeness = torch.tensor([[1, 0.9, 0.1, 0.2], [0.9, 1, 0, 0.3], [0.1, 0, 1, 0.25], [0.2, 0.3, 0.25, 1]])
    assert pair_auc(likeness, heads) == pytest.approx(7 / 8)  # .3 is before .25


def test_contrast_wants_pairs_together() -> None:
    heads = torch.tensor([0, 0, 1, 1])
    e = torch.eye(4)
    together = contrast_loss(e[[0, 0, 1, 1]], heads)
    apart = contrast_loss(e[[0, 1, 0, 1]], heads)
    assert together < 0.01 < apart


def test_pairs_are_two_views_of_one_head(make: Callable[..., IdentityTask]) -> None:
    task = make("identity")
    for k in range(4):
        _, index, heads = task.batch_of(k)
        assert torch.equal(index // 2, heads)
        assert (index[::2] != index[1::2]).all()
        assert len(set(heads.tolist())) == len(heads) // 2


def test_single_views_pair_with_themselves(tmp_path: Path) -> None:
    wanted = RenderSet(count=8, seed=3, size=32, views=1)
    write_renders(tmp_path / "single", wanted)
    single = read_renders(tmp_path / "single", wanted)
    task = IdentityTask(stage("identity", batch=4), single, single, Team())
    image, index, _ = task.batch_of(0)
    assert torch.equal(index[::2], index[1::2])
    assert not torch.equal(image[0], image[1])
    assert task.look(tmp_path / "sheet.png")["identity_auc"] > 0


def test_an_odd_batch_has_no_pairs(make: Callable[..., FeatureTask]) -> None:
    with pytest.raises(BadRequest, match="pairs"):
        make("identity", batch=7)


# Runs


@pytest.mark.parametrize(("name", "figure"), [("face", "landmarks"), ("identity", "contrast")])
def test_training_lowers_the_loss(make: Callable[..., FeatureTask], name: str, figure: str) -> None:
    task = make(name, images=320)
    figures = [task.step(k)[figure] for k in range(task.steps)]
    assert sum(figures[-5:]) < 0.9 * sum(figures[:5])


@pytest.mark.parametrize("name", KINDS)
def test_a_resumed_run_equals_an_unbroken_one(
    make: Callable[..., FeatureTask], name: str, tmp_path: Path
) -> None:
    unbroken = make(name, images=40)
    run(unbroken, tmp_path / "unbroken", resume=False, team=Team())
    killed = make(name, images=40)
    for k in range(2):
        killed.step(k)
    (tmp_path / "killed").mkdir()
    state = checkpoint.Checkpoint(2, killed.state(), killed.described)
    checkpoint.save(tmp_path / "killed" / STATE, state)
    run(make(name, images=40), tmp_path / "killed", resume=True, team=Team())
    for file in (STATE, WEIGHTS):
        expected = checkpoint.read_tensors(tmp_path / "unbroken" / file)
        found = checkpoint.read_tensors(tmp_path / "killed" / file)
        assert expected.keys() == found.keys()
        assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())


@pytest.mark.parametrize("name", KINDS)
def test_shares_of_a_batch_are_parts_of_the_whole(make: Callable[..., FeatureTask], name: str) -> None:
    whole = make(name).batch_of(3)[0]  # type: ignore[attr-defined]
    parts = [make(name, team=Team(rank, 2)).batch_of(3)[0] for rank in (0, 1)]  # type: ignore[attr-defined]
    assert torch.equal(torch.cat(parts), whole)


def test_the_smoke_recipe_from_end_to_end(tiny_data: Path, tmp_path: Path) -> None:
    folders = train_features(SMOKE, tiny_data, tmp_path, None, resume=False)
    assert [folder.name for folder in folders] == ["face", "identity"]
    assert all(list(folder.glob("sheet-*.png")) for folder in folders)
    face = load_face_reader(folders[0] / WEIGHTS, CPU)
    identity = load_identity_reader(folders[1] / WEIGHTS, CPU)
    x = renders(tiny_data).pictures(torch.arange(2), 32)
    assert face(x).attributes.shape == (2, len(ATTRIBUTES))
    assert face.distance(x, x.flip(0)) > 0
    assert identity.similarity(x, x).min() > 0.99
    before = (folders[0] / WEIGHTS).read_bytes()
    assert train_features(SMOKE, tiny_data, tmp_path, "face", resume=False) == folders[:1]  # done: passed over
    assert (folders[0] / WEIGHTS).read_bytes() == before


def test_an_unknown_stage_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no stage"):
        train_features(SMOKE, tiny_data, tmp_path, "nose", resume=False)


def test_a_generator_that_compares_features_needs_them(tiny_data: Path, tmp_path: Path) -> None:
    train_generator(SMOKE, tiny_data, tmp_path, "regression-16", resume=False)
    with pytest.raises(BadRequest, match="no face network is trained"):
        train_generator(SMOKE, tiny_data, tmp_path, "regression-32", resume=False)
