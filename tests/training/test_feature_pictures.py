"""What feature networks are trained on: labels that follow the pixels they are of, disturbed pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.networks.features import FIVE
from engine.training.attributes import mirror_signs
from engine.training.augmentation import cluttered, occluded, photographed, sharpened
from engine.training.face_task import (
    FaceTask,
)
from engine.training.jitter import Jitter, mirror_order, moved_labels, moved_pictures
from models.faces import head_data
from tests.training.feature_tasks import dice, make, renders

__all__ = ["make"]  # a fixture


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
