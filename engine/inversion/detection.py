"""What of a photograph a generated face cannot explain, and the flow that moves the rest of it into place: three ways.

- *Landmarks and differences* (`align`, `mask`) need nothing that was trained for it, and are always there.
- *The decomposer* looks at both pictures. Landmarks lead first, however far; it finds what is left, and the mask.
- *SAMM* looks at the generator's features while it paints, so it needs the latent, and its model's own encoder.

All are `Detect`: `detect(photo, generated)`. Once the latent is found, so are mask and flow, at d = 0; then all is frozen.

*Convention.* The invertibility mask is 1 where the photograph stays. Flows as in `fields`: they lead from the photograph
into the generated picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.faces.landmarks import FaceMesh
from engine.inversion.align import SIZE, alignment_flow
from engine.inversion.fields import resize, warp
from engine.inversion.mask import NOWHERE, invertibility_mask
from engine.networks.additive_samm import Aligner
from engine.networks.decomposer import Decomposer
from engine.networks.flow import followed
from engine.networks.parameter_encoder import ParameterEncoder
from engine.networks.stylegan2 import Generator
from engine.weights.model_inverters import Inverters

FARTHEST = 0.5  # crop units: nothing of a face is moved farther than this


@dataclass(frozen=True)
class Generated:
    """G(w_plus) as a `picture` [1,3,R,R], not clamped; by which generator, of which w_plus [1,num_ws,w_dim]."""

    picture: torch.Tensor
    generator: Generator
    w_plus: torch.Tensor

    @classmethod
    def of(cls, generator: Generator, w_plus: torch.Tensor) -> Generated:
        return cls(generator.synthesis(w_plus), generator, w_plus)


# x [1,3,R,R] in [-1,1], G(w_plus) → invertibility mask [1,1,S,S] in 0…1, alignment flow [1,2,S,S] in crop units
Detect = Callable[[torch.Tensor, Generated], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class ByLandmarks:
    """Of a photograph with these landmarks [468,2]; `region` as in `invertibility_mask`. S is 256, here and below."""

    mesh: FaceMesh
    landmarks: torch.Tensor
    region: torch.Tensor = NOWHERE

    @torch.no_grad()
    def __call__(self, photo: torch.Tensor, generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
        flow = self.flow(generated)
        aligned = warp(resize(generated.picture, SIZE), flow)
        return invertibility_mask(photo, aligned, self.landmarks, self.region), flow

    def flow(self, generated: Generated) -> torch.Tensor:
        """The alignment flow alone."""
        return alignment_flow(self.landmarks, self.mesh.landmarks(generated.picture)[0])


@dataclass(frozen=True)
class ByDecomposer:
    """Starts from the flow that landmarks find."""

    network: Decomposer
    landmarks: ByLandmarks

    @torch.no_grad()
    def __call__(self, photo: torch.Tensor, generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
        first = self.landmarks.flow(generated)
        aligned = warp(resize(generated.picture.clamp(-1, 1), SIZE), first)
        found = self.network(resize(photo, SIZE), aligned)
        mask, then = (resize(one, SIZE) for one in (found.invertibility_mask, found.alignment_flow))
        return mask, followed(then, first).clamp(-FARTHEST, FARTHEST)


@dataclass(frozen=True)
class BySamm:
    """Paints w_plus once more, with the photograph's features beside the generator's."""

    network: Aligner
    encoder: ParameterEncoder

    @torch.no_grad()
    def __call__(self, photo: torch.Tensor, generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
        encoding = self.encoder(photo)
        there = generated.generator.input.input.device
        features = {scale: encoding.feature(scale).to(there) for scale in self.network.config.scales}
        made = self.network(generated.generator, generated.w_plus, features)
        mask, flow = (resize(one.to(photo), SIZE) for one in (made.invertibility_mask, made.alignment_flow))
        return mask, flow.clamp(-FARTHEST, FARTHEST)


def detector_of(
    inverters: Inverters, mesh: FaceMesh, landmarks: torch.Tensor, region: torch.Tensor = NOWHERE
) -> Detect:
    """What detects in a photograph with these landmarks [468,2]. A `region` is known to `ByLandmarks` alone."""
    by_landmarks = ByLandmarks(mesh, landmarks, region)
    if inverters.aligner and inverters.encoder:
        return BySamm(inverters.aligner, inverters.encoder.network)
    return ByDecomposer(inverters.decomposer, by_landmarks) if inverters.decomposer else by_landmarks
