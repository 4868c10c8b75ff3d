"""On-manifold inversion: the parameters c of a conditional generator whose face agrees with a photograph.

Two parts. `fit_shape` finds the shape from landmarks alone, by Gauss-Newton through the model's landmark map: no image
is made. `refine` then optimises all of c through the generator, so that low-resolution colour agrees as well (light,
skin, hair), the shape held by its landmarks and everything by the prior. c stays on the generator's manifold, so
directions keep their meaning (../../models/default/README.md).

With an encoder the work begins at its answer, or at that answer with the shape corrected by the landmarks, or at the
landmarks' fit alone: whichever agrees best with the photograph. The prior has no say in that, as it would always take the
most ordinary face.

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
from engine.networks.parameter_encoder import ParameterEncoder
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


def fit_shape(
    model: FaceModel, landmarks: torch.Tensor, weights: torch.Tensor, near: torch.Tensor | None = None
) -> torch.Tensor:
    """c [1,P] of a face with these landmarks [468,2], weighted by [468], as probable as can be.

    By Gauss-Newton on a Gaussian prior, about the mean face, or about `near` [1,P].
    """
    cholesky = model.parameters.cholesky
    # 468 points of a smooth surface tell about as much as 20 independent ones
    scale = (weights * 20 / 468).sqrt()[:, None] / SHAPE_ERROR

    def residual(z: torch.Tensor) -> torch.Tensor:
        return ((model.landmark_map((cholesky @ z)[None])[0] - landmarks) * scale).flatten()

    middle = torch.zeros(len(cholesky))
    if near is not None:
        middle = torch.linalg.solve_triangular(cholesky, near.T, upper=False)[:, 0]
    z, eye = middle, torch.eye(len(middle))
    for _ in range(SHAPE_STEPS):
        jacobian = torch.func.jacfwd(residual)(z)
        gradient = jacobian.T @ residual(z) + (z - middle)
        z = z - torch.linalg.solve(jacobian.T @ jacobian + eye, gradient)
        z = z.clamp(-4, 4)
    return (cholesky @ z)[None]


class _Loss:
    """What `refine` minimises, a function of c [1,P]; what does not change is computed once."""

    def __init__(
        self,
        model: FaceModel,
        crop: torch.Tensor,
        landmarks: torch.Tensor,
        weights: torch.Tensor,
        region: torch.Tensor,
    ) -> None:
        self._model, self._landmarks = model, landmarks
        self._precision = torch.cholesky_inverse(model.parameters.cholesky)
        self._target = resize(crop, COLOUR_SIZE)
        weight = resize(face_hull(landmarks, 128), COLOUR_SIZE) * (1 - SURROUND) + SURROUND
        self._weight = weight * (1 - resize(region, COLOUR_SIZE))
        self._point_weights = weights[:, None] * (20 / 468) / SHAPE_ERROR**2

    def __call__(self, c: torch.Tensor) -> torch.Tensor:
        colour, shape = self._terms(c)
        parameters = self._model.parameters
        prior = (c @ self._precision @ c.T).sum()
        outside = F.relu(c - parameters.high).square().sum() + F.relu(parameters.low - c).square().sum()
        return COLOUR_WEIGHT * colour + 0.5 * (shape + prior) + 10 * outside

    @torch.no_grad()
    def disagreement(self, c: torch.Tensor) -> float:
        """What the photograph alone says of c."""
        colour, shape = self._terms(c)
        return float(COLOUR_WEIGHT * colour + 0.5 * shape)

    def _terms(self, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """How far colour and landmarks of c are from the photograph's."""
        difference = (self._model.generate(c, COLOUR_SIZE) - self._target) * self._weight
        colour = torch.sqrt(difference.square() + 1e-4).sum() / self._weight.sum()
        shape = ((self._model.landmark_map(c)[0] - self._landmarks).square() * self._point_weights).sum()
        return colour, shape


def refine(
    model: FaceModel,
    crop: torch.Tensor,
    landmarks: torch.Tensor,
    steps: int,
    report: Report,
    region: torch.Tensor = NOWHERE,
    encoder: ParameterEncoder | None = None,
) -> Fit:
    """Optimise c so that G(c) agrees with the photograph.

    Args:
        model: a conditional model.
        crop: [1,3,R,R] in [-1,1], the photograph.
        landmarks: [468,2] of the photograph, crop units.
        steps: of Adam; 0 leaves what the work begins with.
        report: told the fraction done after each step; what it raises stops the work.
        region: [1,1,S,S] of the crop, 1 where the photograph is not to be looked at.
        encoder: of this model.
    """
    weights = landmark_weights(landmarks, region)
    evaluate = _Loss(model, crop, landmarks, weights, region)
    start = fit_shape(model, landmarks, weights)
    if encoder is not None:
        with torch.no_grad():
            encoded = model.parameters.within(encoder(crop).code)
            starts = (start, encoded, fit_shape(model, landmarks, weights, encoded))
            start = min(starts, key=evaluate.disagreement)
    c = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([c], LEARNING_RATE, betas=(0.9, 0.99))
    losses: list[float] = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * (0.05 + 0.475 * (1 + math.cos(math.pi * step / steps)))
        loss = evaluate(c)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        report((step + 1) / steps)
    return Fit(c.detach(), tuple(losses))
