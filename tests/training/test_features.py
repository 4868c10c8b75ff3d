"""Training the feature networks on a tiny set: labels that follow pixels, runs that resume exactly, losses that fall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig, FaceReading, expectation
from engine.networks.identity import IdentityReader, IdentityReaderConfig, face_only, face_window, normalised
from engine.training import checkpoint, draws
from engine.training.attributes import ATTRIBUTES, SIGNED, face_attributes, mirror_signs, shape_names
from engine.training.augmentation import cluttered, faded, occluded, photographed, sharpened
from engine.training.dice import Dice
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
from engine.training.jitter import Jitter, mirror_order, moved_labels, moved_pictures
from engine.training.loop import STATE, WEIGHTS, run
from engine.training.parallel import Team
from engine.training.recipe import FeatureStage, RenderSet, read_recipe
from engine.training.renders import Renders, read_renders
from engine.training.stages import train_features, train_generator
from engine.weights.features import load_face_reader, load_identity_reader
from models.faces import head_data, parameters
from tests.training.conftest import SMOKE, write_renders

CPU = torch.device("cpu")
KINDS = {"face": FaceTask, "identity": IdentityTask}


def stage(name: str, **changes: object) -> FeatureStage:
    (found,) = (one for one in read_recipe(SMOKE).features.stages if one.name == name)
    return found.model_copy(update=changes)


def renders(data: Path, name: str = "tiny") -> Renders:
    return read_renders(data / name, read_recipe(SMOKE).renders[name])


@pytest.fixture
def make(tiny_data: Path) -> Callable[..., FeatureTask]:
    """A task of the smoke recipe: `make("face", images=…)`."""

    def made(name: str, team: Team = Team(), **changes: object) -> FeatureTask:
        return KINDS[name](
            stage(name, **changes), renders(tiny_data), renders(tiny_data, "tiny-held-out"), team
        )

    return made


def dice(*places: int) -> Dice:
    return Dice(draws.generator(1, *places))


# Geometry


def dots(points: torch.Tensor, size: int) -> torch.Tensor:
    """Black pictures [L,3,S,S] with a soft white dot at each of [L,2] in crop units."""
    at = (torch.arange(size) + 0.5) / size
    across = (at[None, None] - points[:, 0, None, None]).square()
    down = (at[None, :, None] - points[:, 1, None, None]).square()
    return (-0.5 * (across + down) / 0.03**2).exp()[:, None].repeat(1, 3, 1, 1)


def middles(pictures: torch.Tensor) -> torch.Tensor:
    """Centres of light [L,2] in crop units."""
    weight = pictures[:, 0]
    at = (torch.arange(weight.shape[-1]) + 0.5) / weight.shape[-1]
    total = weight.sum((1, 2))
    return torch.stack([(weight.sum(1) @ at) / total, (weight.sum(2) @ at) / total], 1)


@pytest.mark.parametrize("seed", range(6))
def test_landmarks_move_exactly_as_pixels(seed: int) -> None:
    points = torch.tensor([[0.35, 0.4], [0.6, 0.45], [0.5, 0.65]])
    jitter = Jitter.draw(dice(seed))
    moved = moved_pictures(dots(points, 128), [jitter] * 3)
    torch.testing.assert_close(middles(moved), jitter.points(points), rtol=0, atol=0.1 / 128)


@pytest.mark.parametrize("seed", range(3))
def test_regions_move_as_pixels(seed: int) -> None:
    jitter = Jitter.draw(dice(seed))
    disc = (dots(torch.tensor([[0.4, 0.55]]), 128)[:, 0] > 0.1).to(torch.uint8)
    for size in (128, 64):
        moved = moved_labels(disc, [jitter], size).float()[:, None]
        torch.testing.assert_close(
            middles(moved), jitter.points(torch.tensor([[0.4, 0.55]])), rtol=0, atol=0.6 / size
        )


def test_no_jitter_leaves_everything(tiny_data: Path) -> None:
    x = renders(tiny_data).pictures(torch.arange(2), 32)
    torch.testing.assert_close(moved_pictures(x, [Jitter.none()] * 2), x, rtol=0, atol=1e-5)
    torch.testing.assert_close(moved_pictures(x, [Jitter.none(True)] * 2), x.flip(3), rtol=0, atol=1e-5)


def test_the_mirror_order_is_that_of_the_head() -> None:
    head = head_data.load()
    names = head.landmark_names
    order = mirror_order(names)
    assert [order[k] for k in order] == list(range(len(names)))
    place = torch.from_numpy(head.vertices[head.landmarks].copy())
    reflected = place[order] * torch.tensor([-1.0, 1.0, 1.0])
    assert (reflected - place).norm(dim=1).max() < 0.11  # dm; the lips of the base mesh are a little uneven
    assert mirror_order(FIVE) == [1, 0, 2, 4, 3]


def test_a_side_without_its_other_is_refused() -> None:
    with pytest.raises(ValueError, match="brow_right_0"):
        mirror_order(["brow_left_0"])


def test_targets_follow_the_mirror(make: Callable[..., FaceTask]) -> None:
    task = make("face")
    index, visible = torch.arange(4), torch.ones(4, 32, 32)
    plain = task.targets(index, [Jitter.none()] * 4, visible)
    mirrored = task.targets(index, [Jitter.none(True)] * 4, visible)
    torch.testing.assert_close(plain.landmarks[:, :5], task.renders.five[index])
    assert (mirrored.landmarks[:, 0, 0] < mirrored.landmarks[:, 1, 0]).all()  # still the image's left eye first
    torch.testing.assert_close(mirrored.landmarks[:, 0, 0], 1 - plain.landmarks[:, 1, 0])
    torch.testing.assert_close(mirrored.landmarks[:, 0, 1], plain.landmarks[:, 1, 1])
    torch.testing.assert_close(mirrored.regions, plain.regions.flip(3))
    torch.testing.assert_close(plain.regions.sum(1), torch.ones(4, 8, 8))
    raw = task.network.raw(mirrored.attributes)
    torch.testing.assert_close(raw, task.raw[index] * mirror_signs(), rtol=1e-4, atol=1e-4)


def test_what_is_covered_is_not_asked_for(make: Callable[..., FaceTask]) -> None:
    task = make("face")
    visible = torch.ones(1, 32, 32)
    visible[:, :16] = 0
    weight = task.targets(torch.tensor([0]), [Jitter.none()], visible).weight
    assert (weight[:, :4] == 0).all()
    assert (weight[:, 4:] > 0).all()


# Colours


def test_disturbed_pictures_stay_pictures_and_differ() -> None:
    picture = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(1))
    disturbed = [photographed(picture, dice(k)) for k in range(24)]
    for one in disturbed:
        assert one.shape == picture.shape
        assert one.min() >= 0
        assert one.max() <= 1
    assert len({one.mean().item() for one in disturbed}) > 20
    assert torch.equal(disturbed[5], photographed(picture, dice(5)))


def test_an_occluder_covers_what_it_says() -> None:
    picture = torch.full((3, 64, 64), 2.0)  # a value that no texture has
    for k in range(8):
        covered, visible = occluded(picture, dice(k))
        assert torch.equal(covered[0] == 2, visible == 1)
        assert 0.5 < visible.mean() < 1


def test_a_faded_picture_keeps_its_luma() -> None:
    picture = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    spread = picture.std(0).mean()
    results = [faded(picture, dice(k)) for k in range(24)]
    for one in results:
        torch.testing.assert_close((one * luma).sum(0), (picture * luma).sum(0))
        assert one.std(0).mean() < spread
    assert 4 < sum(bool(one.std(0).max() < 1e-6) for one in results) < 20


def test_sharpening_is_for_edges() -> None:
    picture = torch.full((3, 16, 16), 0.4)
    torch.testing.assert_close(sharpened(picture, dice(1)), picture)
    picture[..., 8:] = 0.6
    sharp = sharpened(picture, dice(1))
    assert sharp.max() > 0.63
    assert sharp.min() < 0.37
    torch.testing.assert_close(sharp[..., :6], picture[..., :6])


def test_clutter_stays_behind() -> None:
    picture = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(1))
    behind = torch.zeros(48, 48)
    behind[:, :20] = 1
    for k in range(6):
        before = cluttered(picture, behind, dice(k))
        assert torch.equal(before[..., 20:], picture[..., 20:])
        assert (before[..., :20] - picture[..., :20]).abs().mean() > 0.05
        assert before.min() >= 0
        assert before.max() <= 1


def test_faces_are_trained_before_other_backgrounds(make: Callable[..., FaceTask]) -> None:
    task = make("face")
    index = torch.arange(16)
    shown = task.pictures(index, [dice(k) for k in range(16)])
    changed = (shown - task.renders.pictures(index, 32)).abs().amax(1) > 1e-5
    background = task.renders.segmentation[index] == task.renders.regions["background"]
    assert not changed[~background].any()
    assert 3 < changed.flatten(1).any(1).sum() < 13


# Normalised faces


def pictures(count: int, size: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def recoloured_by_hand(x: torch.Tensor) -> torch.Tensor:
    return 0.6 * x + torch.tensor([0.2, -0.1, 0.05])[:, None, None]


def test_a_normalised_face_has_mean_0_and_variance_1_in_the_window() -> None:
    window = face_window(64)
    share = window / window.sum()
    y = normalised(face_only(pictures(2, 64)), window)
    mean = (y * share).sum((2, 3))
    torch.testing.assert_close(mean, torch.zeros(2, 3), rtol=0, atol=1e-5)
    variance = (y.square() * share).sum((2, 3)).mean(1)
    torch.testing.assert_close(variance, torch.ones(2), rtol=0, atol=0.01)


def test_exposure_and_white_balance_are_divided_out() -> None:
    window, face = face_window(64), face_only(pictures(2, 64))
    y = normalised(face, window)
    torch.testing.assert_close(normalised(recoloured_by_hand(face), window), y, rtol=0, atol=0.01)
    around = face.clone()
    around[:, :, window == 0] = 1
    assert torch.equal(normalised(around, window)[:, :, window > 0], y[:, :, window > 0])


def test_a_uniform_face_normalises_to_nothing() -> None:
    face = torch.full((1, 3, 48, 48), 0.7, requires_grad=True)
    y = normalised(face, face_window(64))
    assert y.abs().max() < 1e-4
    (y * pictures(1, 48)).sum().backward()
    assert face.grad is not None
    assert face.grad.isfinite().all()
    assert face.grad.abs().max() > 0


@pytest.mark.parametrize(("is_normalised", "least", "most"), [(True, 0.9999, 1.001), (False, -1, 0.999)])
def test_only_a_normalised_reader_overlooks_colours(is_normalised: bool, least: float, most: float) -> None:
    torch.manual_seed(1)
    reader = IdentityReader(IdentityReaderConfig(64, (8, 16, 24), 12, ("age",), is_normalised))
    x = pictures(2, 64)
    similarity = reader.similarity(x, recoloured_by_hand(x))
    assert similarity.min() > least
    assert similarity.max() < most


def test_the_identity_reader_learns_from_normalised_faces(make: Callable[..., IdentityTask]) -> None:
    task = make("identity")
    assert task.network.config.normalised
    assert task.metadata()["normalised"] == "true"
    assert "mel" not in task.network.config.shape
    assert "age" in task.network.config.shape


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
    assert identity.config.normalised
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
