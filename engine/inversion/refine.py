"""On-manifold inversion: the parameters c of a conditional generator whose face agrees with a photograph.

Two parts. `fit_shape` finds the shape from landmarks alone, by Gauss-Newton through the model's landmark map: no image
is made. `refine` then optimises all of c through the generator, so that low-resolution colour agrees as well (light,
skin, hair), the shape held by its landmarks and everything by the prior. c stays on the generator's manifold, so
directions keep their meaning (../../models/default/README.md).

A region to restore is left out: colours in it do not count, and its landmarks, which the mesh can only guess, hardly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from engine.faces import mesh_points
from engine.inversion.fields import resize, sample
from engine.inversion.hull import face_hull
from engine.inversion.mask import NOWHERE
from engine.weights.store import FaceModel

SHAPE_ERROR = 0.008  # what a landmark may be off, crop units: weighs the landmarks against the prior
SHAPE_STEPS = 12
LEARNING_RATE = 0.05
COLOUR_SIZE = 32  # px at which colours are compared
COLOUR_WEIGHT = 60.0
GUESSED = 0.1  # how much a landmark in a region counts
SURROUND = 0.04  # how much the surroundings of the face count in colour

Report = Callable[[float], None]


@dataclass(frozen=True)
class Fit:
    """The end of an inversion: c [1,P] and the loss after every step."""

    c: torch.Tensor
    losses: tuple[float, ...]


def landmark_weights(landmarks: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
    """How much each landmark [468,2] counts [468]: mouth, eyes and brows most, mean 1; in the region hardly."""
    weights = torch.ones(468)
    for part, weight in (
        (mesh_points.OUTER_LIPS + mesh_points.INNER_LIPS, 4.0),
        (mesh_points.IMAGE_LEFT_EYE + mesh_points.IMAGE_RIGHT_EYE, 3.0),
        (mesh_points.IMAGE_LEFT_BROW + mesh_points.IMAGE_RIGHT_BROW, 2.0),
    ):
        weights[list(part)] = weight
    hidden = sample(region, landmarks.T[None, :, None])[0, 0, 0]
    return weights / weights.mean() * (1 - (1 - GUESSED) * hidden)


def fit_shape(model: FaceModel, landmarks: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """c [1,P] of a face with these landmarks [468,2], weighted by [468], as probable as can be.

    By Gauss-Newton on a Gaussian prior.
    """
    cholesky = model.parameters.cholesky
    # 468 points of a smooth surface tell about as much as 20 independent ones
    scale = (weights * 20 / 468).sqrt()[:, None] / SHAPE_ERROR

    def residual(z: torch.Tensor) -> torch.Tensor:
        return ((model.landmark_map((cholesky @ z)[None])[0] - landmarks) * scale).flatten()

    z = torch.zeros(len(cholesky))
    eye = torch.eye(len(z))
    for _ in range(SHAPE_STEPS):
        jacobian = torch.func.jacfwd(residual)(z)
        gradient = jacobian.T @ residual(z) + z
        z = z - torch.linalg.solve(jacobian.T @ jacobian + eye, gradient)
        z = z.clamp(-4, 4)
    return (cholesky @ z)[None]


def refine(
    model: FaceModel,
    crop: torch.Tensor,
    landmarks: torch.Tensor,
    steps: int,
    report: Report,
    region: torch.Tensor = NOWHERE,
) -> Fit:
    """Optimise c so that G(c) agrees with the photograph.

    Args:
        model: a conditional model.
        crop: [1,3,R,R] in [-1,1], the photograph.
        landmarks: [468,2] of the photograph, crop units.
        steps: of Adam; 0 leaves the shape's fit.
        report: told the fraction done after each step; what it raises stops the work.
        region: [1,1,S,S] of the crop, 1 where the photograph is not to be looked at.
    """
    weights = landmark_weights(landmarks, region)
    start = fit_shape(model, landmarks, weights)
    parameters = model.parameters
    precision = torch.cholesky_inverse(parameters.cholesky)
    target = resize(crop, COLOUR_SIZE)
    weight = resize(face_hull(landmarks, 128), COLOUR_SIZE) * (1 - SURROUND) + SURROUND
    weight = weight * (1 - resize(region, COLOUR_SIZE))
    point_weights = weights[:, None] * (20 / 468) / SHAPE_ERROR**2
    c = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([c], LEARNING_RATE, betas=(0.9, 0.99))
    losses: list[float] = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * (0.05 + 0.475 * (1 + math.cos(math.pi * step / steps)))
        difference = (resize(model.generate(c), COLOUR_SIZE) - target) * weight
        colour = torch.sqrt(difference.square() + 1e-4).sum() / weight.sum()
        shape = ((model.landmark_map(c)[0] - landmarks).square() * point_weights).sum()
        prior = (c @ precision @ c.T).sum()
        outside = F.relu(c - parameters.high).square().sum() + F.relu(parameters.low - c).square().sum()
        loss = COLOUR_WEIGHT * colour + 0.5 * (shape + prior) + 10 * outside
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        report((step + 1) / steps)
    return Fit(c.detach(), tuple(losses))
