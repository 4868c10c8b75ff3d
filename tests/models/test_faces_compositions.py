"""Compositions: the mask is where the photograph is not the render, the flow is the one that was used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from models.faces import dataset
from models.faces.compositions import Plan, compose, occluded, plan_of, suits
from models.faces.labels import Composition, OccluderKind
from models.faces.misalignment import ALIGNED, Misalignment, draw_misalignment, warped, warped_labels
from models.faces.parameters import Face
from models.faces.render import render
from models.faces.sampling import sample
from models.faces.sitter import Sitter, sitter_of

SIZE, SEED = 64, 5
KINDS = [kind for kind in OccluderKind if kind != OccluderKind.NONE]
BARE = Face(age=0.55, hairlen=-1.8, volume=0.1, yaw=0.1)


def plans(count: int) -> list[Plan]:
    return [plan_of(SEED, index) for index in range(count)]


def first(predicate) -> int:
    return next(index for index in range(400) if predicate(plan_of(SEED, index)))


def is_aligned(plan: Plan) -> bool:
    return plan.misalignment is ALIGNED


@pytest.fixture(scope="module")
def both() -> Composition:
    """Occluded and misaligned."""
    return compose(SEED, first(lambda plan: plan.kinds and not is_aligned(plan)), SIZE)


@pytest.fixture(scope="module")
def sitter() -> Sitter:
    plain = render(BARE, SIZE)
    misalignment = draw_misalignment(np.random.default_rng(1))
    flow = misalignment.flow(SIZE)
    return sitter_of(BARE, warped(plain.image, flow), warped_labels(plain.segmentation, flow), misalignment)


def by_torch(plain: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The documented convention, by another implementation."""
    size = plain.shape[0]
    at = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1) + flow.astype(np.float64)
    where = torch.from_numpy(at / size * 2 - 1)[None]
    image = torch.from_numpy(plain.astype(np.float64)).permute(2, 0, 1)[None]
    sampled = grid_sample(image, where, mode="bicubic", padding_mode="reflection", align_corners=False)
    return np.clip(sampled[0].permute(1, 2, 0).numpy(), 0, 255)


def test_every_kind_occurs_and_shares_are_as_told():
    made = plans(600)
    assert {kind for plan in made[:200] for kind in plan.kinds} == set(KINDS)
    assert np.mean([not plan.kinds for plan in made]) == pytest.approx(0.15, abs=0.05)
    assert np.mean([is_aligned(plan) for plan in made]) == pytest.approx(1 / 3, abs=0.07)
    assert all(len(set(plan.kinds)) == len(plan.kinds) for plan in made)
    assert all(suits(kind, plan.face) for plan in made for kind in plan.kinds)


def test_in_domain_the_image_is_the_plain_render_moved_by_the_flow(both: Composition):
    in_domain = both.invertibility_mask == 0
    assert 0.2 < in_domain.mean() < 1
    difference = np.abs(both.image - by_torch(both.plain, both.flow))[in_domain]
    assert difference.max() < 1.01  # rounding
    unmoved = np.abs(both.image - both.plain.astype(np.float64))[in_domain]
    assert unmoved.mean() > 5 * difference.mean()  # the other way round it would not be a test of the flow


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.lower())
def test_the_mask_is_where_the_picture_changed_and_nowhere_else(sitter: Sitter, kind: OccluderKind):
    changed, unseen = np.zeros(0), np.zeros(0)
    for index in range(3):
        image, invertibility_mask = occluded(sitter, (kind,), 3, index)
        difference = np.abs(image - sitter.photograph.astype(np.float64)).max(-1)
        assert (difference[invertibility_mask == 0] == 0).all()
        assert (invertibility_mask[difference > 60] > 60).all()
        changed = np.append(changed, difference[invertibility_mask > 250])
        unseen = np.append(unseen, invertibility_mask == 0)
    assert len(changed) > 15 or kind in (OccluderKind.TEXT, OccluderKind.HAIR)
    assert np.median(np.append(changed, 255)) > 12
    assert 0.15 < unseen.mean() < 1


def test_without_occluder_and_misalignment_nothing_is_changed():
    made = compose(SEED, first(lambda plan: not plan.kinds and is_aligned(plan)), SIZE)
    assert np.array_equal(made.image, made.plain)
    assert not made.invertibility_mask.any()
    assert not made.flow.any()
    assert (made.kind, made.kinds) == (OccluderKind.NONE, 0)


def test_the_plain_render_is_the_set_s_own(both: Composition):
    index = first(lambda plan: plan.kinds and not is_aligned(plan))
    plan, plain = plan_of(SEED, index), render(sample(SEED, index), SIZE)
    assert np.array_equal(both.plain, plain.image)
    assert np.array_equal(both.segmentation, plain.segmentation)
    assert np.array_equal(both.landmarks, plain.landmarks)
    assert np.array_equal(both.parameters, plan.face.vector())
    assert both.kind == plan.kinds[0]
    assert all(int(both.kinds) >> kind & 1 == (kind in plan.kinds) for kind in KINDS)


def test_the_same_numbers_give_the_same_bytes(both: Composition):
    again = compose(SEED, first(lambda plan: plan.kinds and not is_aligned(plan)), SIZE)
    for name in ("image", "invertibility_mask", "flow"):
        assert getattr(again, name).tobytes() == getattr(both, name).tobytes()


def test_misalignments_are_as_large_as_told_and_inverted():
    points = np.random.default_rng(2).uniform(0.1, 0.9, (50, 2))
    for number in range(40):
        moved: Misalignment = draw_misalignment(np.random.default_rng(number))
        seen = moved.to_photograph(points)
        assert np.allclose(seen + moved.displacement(seen), points, atol=2e-3)
        assert np.abs(moved.flow(SIZE)).max() < SIZE * 0.25


def test_sets_of_compositions_are_read_as_written_and_not_taken_for_renders(tmp_path):
    request = dataset.Request(count=3, seed=SEED, size=32, shard=2)
    dataset.write(request, tmp_path, kind=dataset.COMPOSITIONS)
    read = list(dataset.read_compositions(tmp_path))
    assert len(read) == 3
    assert np.array_equal(read[2].image, compose(SEED, 2, 32).image)
    assert read[2].kind == plan_of(SEED, 2).main
    with pytest.raises(dataset.OtherSet):
        list(dataset.read(tmp_path))
    with pytest.raises(dataset.OtherSet):
        dataset.write(request, tmp_path)
