"""A frozen generator as a source of faces to train on: codes, what they look like, and how inversions go wrong.

A *code* is what an encoder predicts for a face, about standard normal in every number: the normalised parameters c of a
conditional generator, or for a StyleGAN2 that has only z the w, less its mean, over its standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from engine.errors import BadRequest
from engine.networks.flow import centres
from engine.networks.landmark_map import LandmarkMap
from engine.networks.stylegan2 import ConditionalMapping, Generator
from engine.training import draws
from engine.training.dice import Dice
from engine.weights.store import Parameters

_MEASURED = 4096  # draws of z, for the mean and the spread of w
_BETWEEN = 0.06  # width of the bell by which landmarks' displacements are carried to what lies between them, crop units
_FAR = 0.005  # of all bells: where fewer than these overlap, displacements die away


class FaceSource(Protocol):
    """A frozen generator and its codes.

    Attributes:
        generator: w or w_plus → image.
        landmark_map: code → landmarks of the face, where the model has one.
        mean, std: [K], from what codes stand for (raw parameters, w) to codes.
        length: of a code.
        origin: what it is, to tell one from another.
    """

    @property
    def generator(self) -> Generator: ...

    @property
    def landmark_map(self) -> LandmarkMap | None: ...

    @property
    def mean(self) -> torch.Tensor: ...

    @property
    def std(self) -> torch.Tensor: ...

    @property
    def origin(self) -> str: ...

    @property
    def length(self) -> int: ...

    def latent(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes [N,K] → w [N,w_dim]; differentiable."""
        ...

    def sample(self, dice: Dice) -> torch.Tensor:
        """The code [K] of a face drawn at random."""
        ...

    def codes_of(self, parameters: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
        """Codes [N,K] of what they stand for [N,K]. Raises `BadRequest` where `names` are of something else."""
        ...


@dataclass(frozen=True)
class ConditionalFaces:
    """A generator of known parameters, such as the embedded default."""

    generator: Generator
    mapping: ConditionalMapping
    parameters: Parameters
    origin: str
    landmark_map: LandmarkMap | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.parameters.names

    @property
    def mean(self) -> torch.Tensor:
        return self.parameters.mean

    @property
    def std(self) -> torch.Tensor:
        return self.parameters.std

    @property
    def length(self) -> int:
        return len(self.names)

    def latent(self, codes: torch.Tensor) -> torch.Tensor:
        return self.mapping(codes)

    def sample(self, dice: Dice) -> torch.Tensor:
        cholesky = self.parameters.cholesky
        return self.parameters.within(dice.normal(self.length).to(cholesky) @ cholesky.T)

    def codes_of(self, parameters: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
        """Codes of labelled pictures: raw parameters [N,P]. Raises `BadRequest` where they are others."""
        if names != self.names:
            raise BadRequest("The generator was trained with other parameters than the pictures have.")
        return (parameters - self.mean.cpu()) / self.std.cpu()


@dataclass(frozen=True)
class StyleFaces:
    """A StyleGAN2 with nothing but z."""

    generator: Generator
    mean: torch.Tensor  # [w_dim], of w
    std: torch.Tensor
    origin: str
    landmark_map: LandmarkMap | None = None

    @classmethod
    @torch.no_grad()
    def of(cls, generator: Generator, origin: str) -> StyleFaces:
        """Measure the w of a generator. Deterministic. Raises `BadRequest` where nothing makes w of z."""
        if not generator.config.n_mlp:
            raise BadRequest("The generator has no mapping network, so no faces can be drawn from it.")
        z = torch.randn(_MEASURED, generator.config.w_dim, generator=draws.generator(0, "z"))
        device = generator.input.input.device
        w = torch.cat([generator.mapping(part.to(device)) for part in z.split(256)])
        return cls(generator, w.mean(0), w.std(0) + 1e-4, origin)

    @property
    def length(self) -> int:
        return self.generator.config.w_dim

    def latent(self, codes: torch.Tensor) -> torch.Tensor:
        return self.mean + self.std * codes

    def sample(self, dice: Dice) -> torch.Tensor:
        z = dice.normal(1, self.length).to(self.mean)
        with torch.no_grad():
            return ((self.generator.mapping(z) - self.mean) / self.std)[0]

    def codes_of(self, parameters: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
        """Codes of w [N,w_dim], which have no names. Raises `BadRequest` for named parameters."""
        if names:
            raise BadRequest("The generator knows no parameters, and the pictures are labelled with some.")
        return (parameters - self.mean.cpu()) / self.std.cpu()


def disturbed_code(faces: FaceSource, code: torch.Tensor, strength: float, dice: Dice) -> torch.Tensor:
    """The code [K] of a face that is nearly this one, on the generator's manifold.

    A step of length `strength` towards another face of its distribution, which keeps the distribution's correlations:
    errors of an inversion go together as the parameters do.
    """
    return code + strength * (faces.sample(dice).to(code) - code)


@torch.no_grad()
def displacement(faces: FaceSource, before: torch.Tensor, after: torch.Tensor, size: int) -> torch.Tensor:
    """How the face moves from codes `before` to `after` [N,K]: what is at p goes to p + displacement(p).

    [N,2,size,size], crop units; from the landmark map's points, carried to what lies between them by bells
    (Nadaraya-Watson), dying away beyond them. Zero for a generator without a landmark map.
    """
    if faces.landmark_map is None:
        return torch.zeros(len(before), 2, size, size)
    device = faces.landmark_map.mean.device
    start, end = (faces.landmark_map(codes.to(device)).cpu() for codes in (before, after))
    at = centres(size, size, start)[0].flatten(1).T
    near = (-0.5 * (torch.cdist(at.expand(len(start), -1, -1), start) / _BETWEEN).square()).exp()
    carried = near @ (end - start) / (near.sum(2, keepdim=True) + _FAR * start.shape[1])
    return carried.transpose(1, 2).unflatten(2, (size, size))
