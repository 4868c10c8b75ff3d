"""What an edit moves: the known parameters of a face, or its w_plus. Both ways of blending work on either."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

import torch

from engine.faces.landmarks import FaceMesh
from engine.inversion.objective import paint
from engine.inversion.pivotal import tuned
from engine.inversion.types import MAP_SIZE, Inversion
from engine.networks.stylegan2 import Generator
from engine.weights.directions import Direction
from engine.weights.imported import ImportedModel
from engine.weights.store import FaceModel

Edits = Mapping[Direction, float]


class Codes(Protocol):
    """The code of an inversion, and what other codes of the same face look like.

    Attributes:
        generator: with the inversion's own change to its weights, if there is one.
        start: the inversion's code, [1,P] or [1,num_ws,w_dim].
    """

    @property
    def generator(self) -> Generator: ...

    @property
    def start(self) -> torch.Tensor: ...

    def strengthened(self, edits: Edits, code: torch.Tensor) -> torch.Tensor:
        """The code plus all steps; summed in double precision, so that their order leaves no trace."""
        ...

    def w_plus(self, code: torch.Tensor) -> torch.Tensor:
        """[1,num_ws,w_dim]."""
        ...

    def generate(self, code: torch.Tensor) -> torch.Tensor:
        """The face [1,3,S,S], nominally in [-1,1], in the size in which motions and ratios are taken."""
        ...

    def landmarks(self, code: torch.Tensor) -> torch.Tensor:
        """Of that face: [1,468,2], crop units."""
        ...


class ParameterCodes:
    """c, known parameters: edits are exact, and landmarks known without making a picture."""

    def __init__(self, model: FaceModel, inversion: Inversion) -> None:
        if inversion.parameters is None:
            raise ValueError("an inversion into a conditional model has parameters")
        self._model = model
        self.generator = model.generator
        self.start = inversion.parameters[None]

    def strengthened(self, edits: Edits, code: torch.Tensor) -> torch.Tensor:
        parameters, moved = self._model.parameters, code.double()
        for direction, strength in edits.items():
            for name, step in direction.parameters.items():
                i = parameters.index(name)
                moved[0, i] += strength * step / float(parameters.std[i])
        return moved.float()

    def w_plus(self, code: torch.Tensor) -> torch.Tensor:
        return self.generator.broadcast(self._model.latent(code))

    def generate(self, code: torch.Tensor) -> torch.Tensor:
        return self._model.generate(code)

    def landmarks(self, code: torch.Tensor) -> torch.Tensor:
        return self._model.landmark_map(code)


class LatentCodes:
    """w_plus of a StyleGAN2 without known parameters; the mesh reads the landmarks off its pictures."""

    def __init__(self, model: ImportedModel, inversion: Inversion, mesh: FaceMesh) -> None:
        self._model = model
        self._mesh = mesh
        delta = inversion.weight_delta
        self.generator = tuned(model.generator, delta) if delta else model.generator
        self.start = inversion.w_plus[None]
        self._size = min(MAP_SIZE, self.generator.config.resolution)

    def strengthened(self, edits: Edits, code: torch.Tensor) -> torch.Tensor:
        moved = code.double()
        for direction, strength in edits.items():
            moved += strength * self._model.step(direction.name).double()
        return moved.float()

    def w_plus(self, code: torch.Tensor) -> torch.Tensor:
        return code

    def generate(self, code: torch.Tensor) -> torch.Tensor:
        return self.generator.synthesis(code, resolution=self._size) + self._beyond

    def landmarks(self, code: torch.Tensor) -> torch.Tensor:
        return self._mesh.landmarks(self.generate(code))

    @cached_property
    def _beyond(self) -> torch.Tensor:
        return paint(self.generator, self.start, self._size)[1]
