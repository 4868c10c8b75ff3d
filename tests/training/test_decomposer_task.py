"""Training the decomposer on a tiny set: it learns, resumes exactly, is shared out, tells “wrong place” from “foreign”."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from engine.errors import BadRequest
from engine.networks.decomposer import Decomposer, DecomposerConfig
from engine.networks.flow import enlarged, warp
from engine.training import checkpoint, draws, loop
from engine.training.compositions import Compositions, read_compositions
from engine.training.decomposer_task import DecomposerTask, decomposition_loss, measure
from engine.training.dice import Dice
from engine.training.face_source import ConditionalFaces, displacement, disturbed_code
from engine.training.inversion_losses import area_loss, mask_loss, probability_loss, scales_loss, threshold_iou
from engine.training.inversion_pairs import Pairs, make_pairs
from engine.training.inversion_recipe import CompositionSet, DecomposerStage
from engine.training.parallel import Team
from engine.training.tables import Rate
from tests.training.tiny_compositions import TINY, TINY_HELD_OUT, tiny
from tests.training.tiny_faces import tiny_faces

STAGE = DecomposerStage(
    name="decomposer",
    compositions="tiny",
    held_out="tiny-held-out",
    images=48,
    batch=8,
    rate=Rate(first=3e-3, last=1e-3, warm_up=2),
    ema_images=80,
    seed=7,
    size=32,
    channels=(8, 16, 16),
    hidden=(16, 16, 8),
    radii=(2, 1, 1),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compositions")


@pytest.fixture(scope="module")
def compositions(data: Path) -> Compositions:
    return tiny(data / "tiny")


@pytest.fixture(scope="module")
def held_out(data: Path) -> Compositions:
    return tiny(data / "tiny-held-out", TINY_HELD_OUT)


@pytest.fixture(scope="module")
def faces(compositions: Compositions) -> ConditionalFaces:
    return tiny_faces(compositions)


Make = Callable[..., DecomposerTask]


@pytest.fixture
def make(compositions: Compositions, held_out: Compositions, faces: ConditionalFaces) -> Make:
    def made(team: Team = Team(), source: ConditionalFaces | None = faces, **changes: object) -> DecomposerTask:
        return DecomposerTask(STAGE.model_copy(update=changes), compositions, held_out, team, source)

    return made


def dice(count: int, seed: int = 1) -> list[Dice]:
    return [Dice(draws.generator(seed, place)) for place in range(count)]


# Data


def test_where_nothing_is_foreign_the_photograph_is_the_moved_render(compositions: Compositions) -> None:
    index = torch.arange(len(compositions))
    moved = warp(compositions.inversions(index, 32), compositions.flows(index, 32))
    same = compositions.invertibility_masks(index, 32) == 0
    error = ((moved - compositions.photographs(index, 32)).abs() * same)[..., 3:-3, 3:-3]
    assert error.mean() < 0.03  # bilinear here, bicubic there
    still = (compositions.flows(index, 32) == 0).flatten(1).all(1)
    assert still.any()
    assert error[still].max() < 1e-5


def test_points_are_where_the_photograph_shows_them(compositions: Compositions) -> None:
    index = torch.arange(4)
    plain = torch.cat([compositions.five, compositions.landmarks], 1)[index]
    shift = compositions.flows(index, 32)[:, :, 0, 0]
    torch.testing.assert_close(compositions.points(index), plain - shift[:, None], rtol=0, atol=1e-5)


def test_other_sets_are_not_taken(data: Path, compositions: Compositions) -> None:
    assert len(compositions) == TINY.count
    with pytest.raises(BadRequest, match="not those of the recipe"):
        read_compositions(data / "tiny", TINY.model_copy(update={"seed": 99}))
    with pytest.raises(BadRequest) as caught:
        read_compositions(data / "missing", CompositionSet(count=5, seed=3, size=32))
    assert "models.faces compose --count 5 --seed 3 --size 32" in (caught.value.remedy or "")


def test_a_pairs_flow_leads_from_photograph_to_inversion(compositions: Compositions) -> None:
    """With everything else left out: what the truth says is where it says."""
    pairs = make_pairs(compositions, None, torch.arange(24), dice(24), 32, 0)
    same = pairs.known * (pairs.invertibility_mask == 0)
    moved = warp(pairs.inversion, pairs.alignment_flow)

    def unlike(one: torch.Tensor) -> float:
        """Differences of detail, so that colours and light do not count."""
        difference = one - pairs.photograph
        difference = difference - torch.nn.functional.avg_pool2d(difference, 7, 1, 3)
        return float((difference.abs() * same).mean())

    assert unlike(moved) < 0.9 * unlike(pairs.inversion)
    assert pairs.invertibility_mask.amax() == 1
    assert pairs.photograph.min() >= -1
    assert pairs.photograph.max() <= 1


def test_generated_inversions_are_the_generators(compositions: Compositions, faces: ConditionalFaces) -> None:
    index = torch.arange(8)
    plain = make_pairs(compositions, faces, index, dice(8), 32, 0)
    made = make_pairs(compositions, faces, index, dice(8), 32, 1)
    assert (plain.inversion - made.inversion).abs().flatten(1).mean(1).min() > 0.01


def test_a_disturbed_code_is_between_two_faces(faces: ConditionalFaces) -> None:
    (die,) = dice(1)
    code = faces.sample(die)
    assert torch.equal(disturbed_code(faces, code, 0.0, die), code)
    nearly, far = (disturbed_code(faces, code, strength, dice(1, 5)[0]) for strength in (0.1, 0.2))
    torch.testing.assert_close(far - code, 2 * (nearly - code))


def test_the_motion_between_two_codes_is_that_of_the_landmarks(faces: ConditionalFaces) -> None:
    landmark_map = faces.landmark_map
    assert landmark_map
    before = torch.zeros(1, faces.length)
    after = before.clone()
    after[0, 3] = 1.0
    field = displacement(faces, before, after, 32)
    start, end = landmark_map(before), landmark_map(after)
    wanted = (end - start).mean(1)[0]
    at = (start.mean(1)[0] * 32).long()
    torch.testing.assert_close(field[0, :, at[1], at[0]], wanted, rtol=0.3, atol=1e-3)
    assert field[..., 0, 0].abs().max() < field.abs().max() / 4  # nothing moves far from the face


# Losses


def test_the_right_mask_costs_nothing() -> None:
    truth = torch.zeros(2, 1, 16, 16)
    truth[0, :, 4:12, 4:12] = 1
    right = mask_loss(30 * (2 * truth - 1), truth)
    assert right < 1e-3
    assert mask_loss(torch.zeros_like(truth), truth) > 1
    assert mask_loss(-30 * (2 * truth - 1), truth) > 10
    torch.testing.assert_close(
        probability_loss(torch.full_like(truth, 0.5), truth), mask_loss(torch.zeros_like(truth), truth)
    )
    assert area_loss(truth, torch.full((2,), 0.2)) == pytest.approx(
        0.025
    )  # a quarter of the first, nothing of the second
    assert scales_loss([torch.tensor(4.0), torch.tensor(1.0)]) == 3


def test_figures_of_the_truth(compositions: Compositions) -> None:
    pairs = make_pairs(compositions, None, torch.arange(12), dice(12), 32, 0)
    figures = measure(pairs, pairs.invertibility_mask, pairs.alignment_flow)
    assert figures["mask_iou"] == 1
    assert figures["flow_percent"] == 0
    assert 0 < figures["threshold_iou"] < 1
    nothing = measure(pairs, pairs.invertibility_mask, torch.zeros_like(pairs.alignment_flow))
    assert nothing["flow_share"] == pytest.approx(1)


def test_a_threshold_finds_what_alone_differs() -> None:
    x, truth = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    truth[..., 2:5, 2:5] = 1
    assert threshold_iou(x + truth, x, truth) == 1


# Runs


def test_training_lowers_the_loss(make: Make) -> None:
    task = make(images=480, source=None, rate=Rate(first=1e-2, last=3e-3, warm_up=2))
    losses = [task.step(k)["loss"] for k in range(task.steps)]
    assert sum(losses[-12:]) < 0.9 * sum(losses[:12])


def test_resumed_is_unbroken(make: Make, tmp_path: Path) -> None:
    unbroken = make()
    for k in range(unbroken.steps):
        unbroken.step(k)
    first = make()
    for k in range(3):
        first.step(k)
    checkpoint.save(tmp_path / "state", checkpoint.Checkpoint(3, first.state(), first.described))
    second = make()
    second.restore(checkpoint.load(tmp_path / "state").tensors)
    for k in range(3, second.steps):
        second.step(k)
    expected, got = unbroken.state(), second.state()
    assert expected.keys() == got.keys()
    for key in expected:
        assert torch.equal(expected[key], got[key]), key


def test_two_shards_have_the_loss_of_the_batch(make: Make) -> None:
    whole = make()
    parts = [make(team=Team(rank, 2)) for rank in (0, 1)]
    for k in range(2):
        pairs = [part.batch_of(k) for part in parts]
        assert torch.equal(Pairs.joined(pairs).photograph, whole.batch_of(k).photograph)
        shared = [part.loss(k)[1] for part in parts]
        for name, value in whole.loss(k)[1].items():
            torch.testing.assert_close((shared[0][name] + shared[1][name]) / 2, value)


def test_a_finished_stage_leaves_a_file_that_says_what_it_is(make: Make, tmp_path: Path) -> None:
    task = make(images=16)
    loop.run(task, tmp_path, resume=False, team=Team())
    assert list(tmp_path.glob("sheet-*.png"))
    with safe_open(tmp_path / loop.WEIGHTS, "pt") as file:
        metadata = file.metadata()
    assert metadata["kind"] == "decomposer"
    network = Decomposer(DecomposerConfig.from_metadata(metadata))
    network.load_state_dict(checkpoint.read_tensors(tmp_path / loop.WEIGHTS))


# Wrong place or foreign


def patched(seed: int, count: int = 8, size: int = 32) -> tuple[Pairs, torch.Tensor]:
    """Textures; in each one square shows what lies two pixels aside, and another one something foreign."""
    generator = torch.Generator().manual_seed(seed)
    coarse, foreign = (
        torch.rand(count, 3, size // 2, size // 2, generator=generator) * 2 - 1 for _ in range(2)
    )
    inversion = enlarged(coarse, size)
    left = torch.randint(2, 6, (count, 2), generator=generator)
    shift = (torch.randint(0, 2, (count, 2), generator=generator) * 2 - 1) * 2 / size
    flow, mask, shifted = (torch.zeros(count, channels, size, size) for channels in (2, 1, 1))
    for k in range(count):
        x, y = left[k].tolist()
        shifted[k, :, y : y + 11, x : x + 11] = 1
        mask[k, :, y + 13 : y + 24, x + 13 : x + 24] = 1
        flow[k] = shift[k].view(2, 1, 1) * shifted[k]
    photograph = torch.where(mask > 0, enlarged(foreign, size), warp(inversion, flow))
    return Pairs(photograph, inversion, mask, flow, torch.ones_like(mask)), shifted


def test_a_shifted_patch_is_aligned_and_a_foreign_one_is_kept() -> None:
    torch.manual_seed(3)
    network = Decomposer(DecomposerConfig(32, (16, 16, 16), (16, 16, 16), (2, 2, 2)))
    optimiser = torch.optim.Adam(network.parameters(), 6e-3)
    for k in range(90):
        pairs, _ = patched(k)
        loss, _ = decomposition_loss(network(pairs.photograph, pairs.inversion), pairs)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pairs, shifted = patched(10_000, count=16)
    with torch.no_grad():
        found = network(pairs.photograph, pairs.inversion)
    mask, flow = found.invertibility_mask, found.alignment_flow
    assert mask[pairs.invertibility_mask > 0].mean() > 0.8
    assert mask[shifted > 0].mean() < 0.2
    assert (
        measure(pairs, mask, flow)["mask_iou"]
        > threshold_iou(pairs.photograph, pairs.inversion, pairs.invertibility_mask) + 0.15
    )
    assert measure(pairs, mask, flow)["flow_share"] < 0.8
