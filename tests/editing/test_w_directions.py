"""Directions in W do what the same step in the parameters does, and leave other parameters alone."""

from __future__ import annotations

import torch

from engine.editing.w_directions import attribute_directions
from engine.networks.stylegan2 import ConditionalMapping


def read_off(mapping: ConditionalMapping, c: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Which steps in c explain steps in w [K,w_dim], by least squares on a Jacobian of differences: [K,P]."""
    change = 1e-3 * torch.eye(c.shape[1])
    columns = [((mapping(c + one) - mapping(c - one)) / 2e-3).mean(0) for one in change]
    return torch.linalg.lstsq(torch.stack(columns, 1), steps.T).solution.T


def test_only_its_own_parameters_move():
    """Also of attributes that share a parameter, and with the parameters that no attribute names looked at."""
    torch.manual_seed(0)
    mapping = ConditionalMapping(6, 24, layers=2).double()
    c = torch.randn(64, 6).double()
    attributes = torch.tensor([[1.0, 1, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 2]]).double()
    steps = attribute_directions(mapping, c, attributes)
    assert steps.shape == (3, 24)
    assert torch.allclose(read_off(mapping, c, steps), attributes, atol=2e-2)


def test_near_a_face_it_is_the_parameters_own_step():
    torch.manual_seed(1)
    mapping = ConditionalMapping(5, 16, layers=3).double()
    c = torch.randn(1, 5).double()
    attribute = torch.tensor([[0.0, 1, 0, -1, 0]]).double()
    (step,) = attribute_directions(mapping, c, attribute)
    moved = mapping(c + 1e-4 * attribute) - mapping(c)
    assert torch.allclose(moved[0] / 1e-4, step, atol=1e-4)
