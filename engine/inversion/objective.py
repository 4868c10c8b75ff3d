"""How far a generated picture is from a photograph, where the generator is to answer for it.

All is measured on the blend y = m·x + (1 − m)·G, whose pixels and features are the photograph's own wherever m = 1: what
is out-of-domain pulls at nothing. Terms: METHOD's reconstruction, perceptual (Johnson et al., ECCV 2016, arXiv
1603.08155, on our own feature networks), gradient, and identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from engine.inversion.fields import resize
from engine.networks.features import FaceReader, map_distance
from engine.networks.identity import IdentityReader
from engine.networks.stylegan2 import Generator

COLOUR, GRADIENT, PERCEPTUAL, IDENTITY = 1.0, 1.0, 0.5, 0.1  # weights
POOLS = (1, 4, 16)  # px over which colours are averaged before they are compared
MOST_MASKED = 0.5  # of the crop
_LEAST = 1e-4  # of a mask's probability
_HALVINGS = 30


@dataclass(frozen=True)
class Readers:
    """The feature networks that are at hand; a term without its network is left out."""

    face: FaceReader | None = None
    identity: IdentityReader | None = None


class Objective:
    """The distance to one photograph [1,3,S,S] in [-1,1]; what does not change is computed once."""

    @torch.no_grad()
    def __init__(self, photo: torch.Tensor, readers: Readers) -> None:
        self.photo = photo
        self._readers = readers
        self._maps = readers.face.maps(resize(photo, readers.face.config.size)) if readers.face else []
        self._embedding = readers.identity(photo) if readers.identity else None

    def __call__(self, generated: torch.Tensor, invertibility_mask: torch.Tensor) -> torch.Tensor:
        """The scalar for generated [1,3,S,S], not clamped, under a mask [1,1,S,S]; gradients reach `generated`."""
        answerable = 1 - invertibility_mask
        error = answerable * (generated - self.photo)
        colour = torch.stack([_pooled(error, pool).abs().mean() for pool in POOLS]).mean()
        gradient = _steepness(error) + 0.5 * _steepness(_pooled(error, 2))
        loss = (COLOUR * colour + GRADIENT * gradient) / answerable.mean().clamp(min=_LEAST)
        blend = self.photo + error
        if self._readers.face is not None:
            maps = self._readers.face.maps(resize(blend, self._readers.face.config.size))
            loss = loss + PERCEPTUAL * map_distance(maps, self._maps)
        if self._readers.identity is not None:
            loss = loss + IDENTITY * (1 - (self._readers.identity(blend) * self._embedding).sum())
        return loss


def limited(invertibility_mask: torch.Tensor, most: float = MOST_MASKED) -> torch.Tensor:
    """The mask with a mean of at most `most`: its logits lowered by one number, so that the surest is left.

    It stands for METHOD's hinge on the area, for a detector that is not trained here: a mask that grew over all that the
    latent does not match yet would leave nothing to match.
    """
    if float(invertibility_mask.mean()) <= most:
        return invertibility_mask
    logits = torch.logit(invertibility_mask, _LEAST)
    low, high = 0.0, 40.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_much = float((logits - middle).sigmoid().mean()) > most
        low, high = (middle, high) if too_much else (low, middle)
    return (logits - high).sigmoid()


@torch.no_grad()
def paint(generator: Generator, w_plus: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The whole picture [1,3,R,R], and what its shrunk form has beyond the skip image of `size` px: [1,3,size,size].

    A skip image lacks what the finer layers add to its light and colour. That changes little where w moves little, so
    skip image + this is the picture at `size` at the price of the coarser layers: the additive correction of
    multi-fidelity optimisation.
    """
    images = generator.skip_images(w_plus)
    skip = next(image for image in images if image.shape[-1] == size)
    return images[-1], resize(images[-1], size) - skip


def _pooled(error: torch.Tensor, pool: int) -> torch.Tensor:
    return F.avg_pool2d(error, pool, ceil_mode=True)


def _steepness(error: torch.Tensor) -> torch.Tensor:
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    return across.abs().mean() + down.abs().mean()
