"""Displacement fields: conventions and the spline."""

from __future__ import annotations

import torch

from engine.inversion.fields import ScatteredField, backward, blur, positions, sample, warp


def test_zero_is_the_identity() -> None:
    image = torch.rand(1, 3, 33, 33)
    assert torch.allclose(warp(image, torch.zeros(1, 2, 33, 33)), image, atol=1e-5)


def test_a_field_points_to_where_pixels_come_from() -> None:
    image = positions(64)[:, :1]  # each pixel's own x
    field = torch.zeros(1, 2, 64, 64)
    field[:, 0] = 0.25
    assert torch.allclose(warp(image, field)[0, 0, :, 8], image[0, 0, :, 24], atol=1e-5)


def test_the_spline_passes_its_points_and_rests_at_its_anchors() -> None:
    torch.manual_seed(0)
    points = 0.3 + 0.4 * torch.rand(30, 2)
    anchors = torch.tensor([[0.05, 0.05], [0.95, 0.05], [0.05, 0.95], [0.95, 0.95]])
    moved = 0.03 * torch.stack([torch.sin(5 * points[:, 1]), torch.cos(4 * points[:, 0])], 1)
    spread = ScatteredField(points, anchors, 128, smoothing=0.0)
    field = spread(moved)
    assert torch.allclose(sample(field, points.T[None, :, :, None])[0, :, :, 0].T, moved, atol=2e-3)
    assert sample(field, anchors.T[None, :, :, None]).abs().max() < 2e-3


def test_a_motion_and_its_backward_field_cancel() -> None:
    here = positions(64)
    motion = 0.03 * torch.stack([torch.sin(6 * here[0, 1]), torch.cos(5 * here[0, 0])])[None]
    back = backward(motion)
    assert (back + sample(motion, here + back)).abs().max() < 1e-4


def test_blur_keeps_constants_and_means() -> None:
    assert torch.allclose(
        blur(torch.full((1, 2, 40, 40), 3.0), 0.05), torch.full((1, 2, 40, 40), 3.0), atol=1e-5
    )
