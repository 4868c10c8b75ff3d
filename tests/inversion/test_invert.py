"""Inverting the two photographs: what must hold of every inversion, and what can be seen in these two."""

from __future__ import annotations

import pytest
import torch

from engine.faces import mesh_points
from engine.inversion.hull import hull_outline, polygon
from engine.inversion.types import to_bytes
from tests.faces_inverted import NAMES, Inverted, Studio


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_agree_within_one_percent_of_the_crop(inverted: dict[str, Inverted], name: str) -> None:
    assert inverted[name].inversion.landmark_error <= 0.01


@pytest.mark.parametrize("name", NAMES)
def test_outside_the_hull_all_but_skin_stays_the_photographs(inverted: dict[str, Inverted], name: str) -> None:
    inversion = inverted[name].inversion
    assert inversion.bare_skin is not None
    outside = (polygon(hull_outline(inversion.landmarks), 256)[0, 0] == 0) & (inversion.bare_skin < 0.01)
    assert inversion.invertibility_mask[outside].min() > 0.85


@pytest.mark.parametrize("name", NAMES)
def test_the_mouth_can_be_made(inverted: dict[str, Inverted], name: str) -> None:
    inversion = inverted[name].inversion
    mouth = polygon(inversion.landmarks[list(mesh_points.OUTER_LIPS)], 256)[0, 0] > 0.5
    assert inversion.invertibility_mask[mouth].mean() < 0.1


def test_hat_and_glasses_are_out_of_domain(inverted: dict[str, Inverted]) -> None:
    inversion = inverted["grace_hopper.jpg"].inversion
    brim = inversion.landmarks[mesh_points.FACE_OVAL[0]]  # the mesh's forehead lies on the hat
    mask = inversion.invertibility_mask
    assert mask[int(brim[1] * 256) - 3, int(brim[0] * 256)] > 0.9
    for eye in (mesh_points.IMAGE_LEFT_EYE, mesh_points.IMAGE_RIGHT_EYE):
        x, y = (inversion.landmarks[list(eye)].mean(0) * 256).long().tolist()
        assert mask[y, x] > 0.9  # an eye behind a lens


def test_bare_eyes_can_be_made(inverted: dict[str, Inverted]) -> None:
    inversion = inverted["astronaut.png"].inversion
    for eye in (mesh_points.IMAGE_LEFT_EYE, mesh_points.IMAGE_RIGHT_EYE):
        x, y = (inversion.landmarks[list(eye)].mean(0) * 256).long().tolist()
        assert inversion.invertibility_mask[y, x] < 0.2


def test_a_smile_is_read_off_the_photograph_that_has_it(inverted: dict[str, Inverted]) -> None:
    def smile(name: str) -> float:
        item = inverted[name]
        parameters = item.studio.model.parameters
        c = item.inversion.parameters
        assert c is not None
        i = parameters.index("smile")
        return float(c[i] * parameters.std[i] + parameters.mean[i])

    assert smile("astronaut.png") > smile("grace_hopper.jpg") + 0.2


def test_the_same_call_gives_the_same_bytes(studio: Studio) -> None:
    first, second = (studio.invert("astronaut.png", steps=3).inversion for _ in range(2))
    assert to_bytes(first) == to_bytes(second)


def test_more_steps_agree_better(studio: Studio, inverted: dict[str, Inverted]) -> None:
    from engine.inversion.invert import crop_tensor
    from engine.inversion.refine import refine

    item = inverted["astronaut.png"].inversion
    fit = refine(studio.model, crop_tensor(item.crop), item.landmarks, 25, lambda fraction: None)
    assert fit.losses[-1] < fit.losses[0] * 0.9


def test_what_the_report_raises_stops_the_work(studio: Studio) -> None:
    class StopError(Exception):
        pass

    def stop(fraction: float) -> None:
        raise StopError

    from engine.inversion.refine import refine

    with pytest.raises(StopError):
        refine(studio.model, torch.zeros(1, 3, 64, 64), torch.rand(468, 2), 5, stop)
