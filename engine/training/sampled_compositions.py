"""Compositions of a generator's own faces: for a generator whose faces have no labels, such as an imported one.

What is before the faces and how they are misplaced is that of labelled compositions, by their true masks and flows; the
faces are drawn from the generator, each time they are wanted, at the size that is wanted. Where that is larger than the
compositions, what is before the faces is softer than they are. Nobody knows where such a face's background is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.networks.flow import warp
from engine.networks.trunk import at_size
from engine.training import draws
from engine.training.compositions import Compositions
from engine.training.face_source import StyleFaces

_AT_ONCE = 256


@dataclass(frozen=True)
class SampledCompositions:
    """As many as there are in `before`; a `CompositionSource`.

    Attributes:
        before: what is before the faces, and where they are.
        parameters: [N,w_dim], w of the faces.
    """

    faces: StyleFaces
    before: Compositions
    parameters: torch.Tensor
    made: str
    names: tuple[str, ...] = ()

    @classmethod
    @torch.no_grad()
    def of(cls, faces: StyleFaces, before: Compositions, seed: int) -> SampledCompositions:
        """Draw the faces."""
        shape = (len(before), faces.length)
        z = torch.randn(shape, generator=draws.generator(seed, "composed")).to(faces.mean)
        w = torch.cat([faces.generator.mapping(part) for part in z.split(_AT_ONCE)]).cpu()
        return cls(faces, before, w, f"{before.made} faces {faces.origin} {seed}")

    def __len__(self) -> int:
        return len(self.before)

    @property
    def size(self) -> int:
        return max(self.before.size, self.faces.generator.config.resolution)

    @property
    def kinds(self) -> torch.Tensor:
        return self.before.kinds

    @property
    def occluders(self) -> dict[str, int]:
        return self.before.occluders

    @torch.no_grad()
    def inversions(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """The faces [K,3,resolution,resolution] in [-1,1]."""
        made = self.faces.generator.synthesis(self.parameters[index].to(self.faces.mean))
        return at_size(made.cpu().clamp(-1, 1), resolution)

    def photographs(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """The faces, misplaced, with things before them: [K,3,resolution,resolution] in [-1,1]."""
        moved = warp(self.inversions(index, resolution), self.flows(index, resolution))
        things = at_size(self.before.photographs(index, self.before.size), resolution)
        return torch.lerp(moved, things, self.invertibility_masks(index, resolution))

    def invertibility_masks(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,1,resolution,resolution], 0…1."""
        return at_size(self.before.invertibility_masks(index, self.before.size), resolution)

    def flows(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """[K,2,resolution,resolution], crop units."""
        return at_size(self.before.flows(index, self.before.size), resolution)

    def backgrounds(self, index: torch.Tensor, resolution: int) -> torch.Tensor:
        """Nothing is known to be background: zeros [K,1,resolution,resolution]."""
        return torch.zeros(len(index), 1, resolution, resolution)
