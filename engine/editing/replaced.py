"""Editing by generated pixels: for generators that are as good as the photograph (`engine.blending.replace`).

G(w_plus + d) is brought into the photograph's geometry by the alignment flow and takes the photograph's place where the
edit changes something and the invertibility mask lets it. A latent step without effect on a pixel leaves that pixel alone.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch

from engine.blending.replace import replaced
from engine.editing.codes import Codes, Edits
from engine.faces.crop import CropGeometry, Rect
from engine.inversion.fields import resize, warp
from engine.inversion.hull import face_hull
from engine.inversion.objective import paint
from engine.inversion.types import MAP_SIZE, Inversion

SMALLEST = 256  # px at which a preview is made
KEPT = 2  # sizes whose unedited picture stays in memory


class ReplacedFace:
    """An inversion made ready: edited many times. Mask, flow and what is unedited are fixed by the inversion."""

    def __init__(self, codes: Codes, inversion: Inversion) -> None:
        self.codes = codes
        self.inversion = inversion
        self.generator = codes.generator
        hull = face_hull(inversion.landmarks, MAP_SIZE)[0, 0]
        self.invertibility_mask_area = float((inversion.invertibility_mask * hull).sum() / hull.sum())
        self._unedited: OrderedDict[int, tuple[torch.Tensor, torch.Tensor]] = OrderedDict()

    def generated(self, edits: Edits, size: int | None = None) -> torch.Tensor:
        """G(w_plus + d) in the photograph's geometry: [1,3,S,S] in [-1,1], S = `size` or the generator's own."""
        size = size or self.generator.config.resolution
        plain, beyond = self._plain(size)
        return plain if not edits else self._aligned(self._painted(edits, size) + beyond)

    def layer(self, photo: np.ndarray, geometry: CropGeometry, edits: Edits, rect: Rect) -> np.ndarray:
        """The edited pixels of `rect`; arguments and result as in `engine.editing.transfer.transferred`."""
        size = self._size_for(geometry)
        edited, unedited = self.generated(edits, size), self.generated({}, size)
        mask = self.inversion.invertibility_mask
        return replaced(photo, geometry, rect, edited[0], unedited[0], mask)

    def _size_for(self, geometry: CropGeometry) -> int:
        """The smallest picture that loses nothing at the photograph's resolution."""
        size = self.generator.config.resolution
        while size // 2 >= max(SMALLEST, geometry.side):
            size //= 2
        return size

    @torch.no_grad()
    def _plain(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """G(w_plus) in the photograph's geometry, and what a skip image of that size lacks: both [1,3,size,size]."""
        if size not in self._unedited:
            whole, beyond = paint(self.generator, self.codes.w_plus(self.codes.start), size)
            self._unedited[size] = (self._aligned(resize(whole, size)), beyond)
            while len(self._unedited) > KEPT:
                self._unedited.popitem(last=False)
        self._unedited.move_to_end(size)
        return self._unedited[size]

    @torch.no_grad()
    def _painted(self, edits: Edits, size: int) -> torch.Tensor:
        code = self.codes.strengthened(edits, self.codes.start)
        return self.generator.synthesis(self.codes.w_plus(code), resolution=size)

    def _aligned(self, picture: torch.Tensor) -> torch.Tensor:
        return warp(picture, resize(self.inversion.alignment_flow[None], picture.shape[-1])).clamp(-1, 1)
