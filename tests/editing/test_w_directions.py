"""Directions in W do what the same step in the parameters does, and leave other parameters alone."""

from __future__ import annotations

import torch

from engine.editing.w_directions import attribute_directions
from engine.networks.stylegan2 import ConditionalMapping


def test_one_attribute_moves_and_no_other():
    torch.manual_seed(0)
    mapping = ConditionalMapping(6, 24, layers=2)
    c = torch.randn(64, 6)
    attributes = torch.eye(6)[[0, 2, 3]]
    steps = attribute_directions(mapping, c, attributes)
    assert steps.shape == (3, 24)
    jacobian = torch.stack([torch.func.jacrev(lambda one: mapping(one[None])[0])(one) for one in c]).mean(0)
    read = torch.linalg.lstsq(jacobian, steps.T).solution  # [6,3]: which c explains each step
    assert torch.allclose(read[[0, 2, 3]], torch.eye(3), atol=1e-3)


def test_compounds_are_attributes_too():
    """Steps in several parameters at once, two of which share one: each is read off w as itself alone."""
    torch.manual_seed(1)
    mapping = ConditionalMapping(5, 16, layers=1)
    attributes = torch.tensor([[1.0, 1, 0, 0, 0], [0, 1, 0, 1, 0]])
    c = torch.randn(50, 5)
    steps = attribute_directions(mapping, c, attributes)
    jacobian = torch.stack([torch.func.jacrev(lambda one: mapping(one[None])[0])(one) for one in c]).mean(0)
    read = torch.linalg.lstsq(jacobian, steps.T).solution  # [5,2]
    shares = torch.linalg.lstsq(attributes.T, read).solution
    assert torch.allclose(shares, torch.eye(2), atol=1e-3)
