"""Alignment: the smooth flow that brings what is left between a photograph and its inversion into place."""

from __future__ import annotations

import torch

from engine.inversion.fields import ScatteredField, resize
from engine.inversion.hull import anchors

SIZE = 256  # of the field, px
COARSE = 96  # px at which the spline is evaluated
SMOOTHING = 2e-3


def alignment_flow(landmarks: torch.Tensor, generated_landmarks: torch.Tensor) -> torch.Tensor:
    """The flow [1,2,256,256] with which `warp(G(w), flow)` has its landmarks where the photograph has them.

    Both [468,2], crop units. At a landmark of the photograph the flow leads to the same point of the generated face.
    """
    field = ScatteredField(landmarks, anchors(landmarks), COARSE, SMOOTHING)
    return resize(field(generated_landmarks - landmarks), SIZE)


def landmark_error(landmarks: torch.Tensor, aligned_landmarks: torch.Tensor) -> float:
    """Root mean square distance of two sets of landmarks [468,2], as a fraction of the crop's side."""
    return (landmarks - aligned_landmarks).square().sum(-1).mean().sqrt().item()
