"""Transfer: the photograph's own pixels move and change their light; the generator only says how.

For a generator smaller or plainer than the photograph (the embedded default always) generated pixels never enter the
picture. Shape: the model's landmarks move from L(c) to L(c + d); carried over to the photograph's landmarks and spread
smoothly, that is a flow which warps the photograph at its own resolution. Tone: the ratio of G(c + d) to G(c) in linear
light, followed along that motion so that each point of the face is compared with itself, clipped and band-limited,
multiplies it; ears and neck take light and skin tone from the face beside them. The flow is held still where the
invertibility mask is (hats, glasses); the tone is not weighted here, because the layer's mask 1 − m is what blends it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from engine.editing.codes import Codes, Edits
from engine.editing.colour import from_linear, to_linear
from engine.faces import mesh_points
from engine.faces.crop import CropGeometry, Rect
from engine.faces.paste import border_feather, displacement_on_photo, sample_on_photo, warp_photo
from engine.inversion.fields import ScatteredField, backward, blur, positions, resize, sample, warp
from engine.inversion.hull import anchors, face_hull, polygon
from engine.inversion.skin import beyond_face
from engine.inversion.types import Inversion

SIZE = 256  # of flows and ratios, px
COARSE = 96
SMOOTHING = 1e-3
DARKEST, BRIGHTEST = 0.35, 2.2  # limits of the ratio
FLOOR = 0.015  # added to linear light before dividing, so that black does not explode
BROAD = 0.02  # a band from which on light is meant, which falls on teeth as well
CARRIED = (0.02, 0.05, 0.12, 0.3)  # widths, crop units
STILL = 0.02  # px; a flow below this anywhere is none


@dataclass(frozen=True)
class Change:
    """What an edit does to a crop: where pixels come from, and what multiplies them.

    Attributes:
        flow: [1,2,256,256] crop units, backward (see engine.inversion.fields).
        tone: [1,3,256,256] factors of linear light, in the unmoved photograph's frame.
    """

    flow: torch.Tensor
    tone: torch.Tensor


class PreparedFace:
    """An inversion made ready: set once, edited many times. Everything here is fixed by the inversion."""

    def __init__(self, codes: Codes, inversion: Inversion) -> None:
        self.codes = codes
        self.inversion = inversion
        self.c = codes.start
        self._latest: tuple[Edits, Change] | None = None
        self.spread = ScatteredField(inversion.landmarks, anchors(inversion.landmarks), COARSE, SMOOTHING)
        self.alignment = inversion.alignment_flow[None]
        self.free = 1 - inversion.invertibility_mask[None, None]
        still = torch.nn.functional.max_pool2d(1 - self.free, 7, stride=1, padding=3)
        self.hold = blur((1 - 1.25 * blur(still, 0.01)).clamp(0, 1), 0.012)
        hull = face_hull(inversion.landmarks, SIZE)
        self.invertibility_mask_area = float(((1 - self.free) * hull).sum() / hull.sum())
        eyes = (mesh_points.IMAGE_LEFT_EYE, mesh_points.IMAGE_RIGHT_EYE)
        self.eyes = sum(
            (polygon(inversion.landmarks[list(eye)], SIZE) for eye in eyes), torch.zeros(1, 1, SIZE, SIZE)
        )
        self.face = 1 - beyond_face(inversion.landmarks)  # what light falls on; not the background
        bare = inversion.bare_skin
        self.ears_and_neck = (1 - self.face) * (torch.zeros(1) if bare is None else bare)
        teeth = polygon(inversion.landmarks[list(mesh_points.INNER_LIPS)], SIZE)
        self.lips_closed = 1 - blur(teeth, 0.004)

    @torch.no_grad()
    def change(self, edits: Edits) -> Change:
        """What these edits (direction → strength) do, whatever their order. The latest is kept."""
        edits = dict(sorted(edits.items(), key=lambda edit: edit[0].name))
        if self._latest is None or self._latest[0] != edits:
            moved = self._motion(self.codes.strengthened(edits, self.c)) + self._iris_motion(edits)
            self._latest = edits, Change(flow=backward(moved * self.hold), tone=self._tone(edits))
        return self._latest[1]

    def layer(self, photo: np.ndarray, geometry: CropGeometry, edits: Edits, rect: Rect) -> np.ndarray:
        """The edited pixels of `rect`: `transferred`."""
        return transferred(photo, geometry, self.change(edits), rect)

    @torch.no_grad()
    def generated(self, edits: Edits) -> torch.Tensor:
        """G(w + d) in the photograph's geometry: [1,3,256,256] in [-1,1]."""
        c = self.codes.strengthened(edits, self.c)
        back = backward(self._motion(c))
        here = positions(SIZE)
        at = here + sample(self.alignment, here + back)
        return sample(resize(self.codes.generate(c), SIZE), at).clamp(-1, 1)

    def _motion(self, c: torch.Tensor) -> torch.Tensor:
        """Where every place of the photograph's crop goes [1,2,256,256] when the model's c becomes this one."""
        return resize(self.spread((self.codes.landmarks(c) - self._landmarks)[0]), SIZE)

    @cached_property
    def _landmarks(self) -> torch.Tensor:
        return self.codes.landmarks(self.c)

    def _iris_motion(self, edits: Edits) -> torch.Tensor:
        shift = torch.zeros(2)
        for direction, strength in edits.items():
            shift += strength * torch.tensor(direction.iris)
        return blur(self.eyes, 0.006) * self.eyes * shift[None, :, None, None]

    def _tone(self, edits: Edits) -> torch.Tensor:
        """Factors of linear light [1,3,256,256]: direction after direction, each blurred as it asks for."""
        log_tone = torch.zeros(1, 3, SIZE, SIZE)
        before, c = self._made_plain, self.c
        for direction, strength in edits.items():
            if direction.shading == 0:
                continue
            c = self.codes.strengthened({direction: strength}, c)
            after = self._made(c)
            ratio = torch.log((after + FLOOR) / (before + FLOOR)).clamp(math.log(DARKEST), math.log(BRIGHTEST))
            lightness = ratio.mean(1, keepdim=True)
            ratio = lightness + direction.hue * (ratio - lightness)
            broad = direction.band > BROAD
            ratio = blur(ratio * (1 if broad else self.lips_closed), direction.band)
            log_tone += direction.shading * self.face * ratio
            if broad:  # light, skin: ears and neck have what the face beside them has
                log_tone += direction.shading * self.ears_and_neck * _carried(ratio, self.face)
            before = after
        return log_tone.clamp(math.log(DARKEST), math.log(BRIGHTEST)).exp()

    @cached_property
    def _made_plain(self) -> torch.Tensor:
        return self._made(self.c)

    def _made(self, c: torch.Tensor) -> torch.Tensor:
        """G(c) in linear light, every point of the face where the unmoved photograph has it: [1,3,256,256]."""
        at = positions(SIZE) + self.alignment + self._motion(c)
        return to_linear((sample(resize(self.codes.generate(c), SIZE), at).clamp(-1, 1) + 1) / 2)


def _carried(image: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """What lies inside, and beyond it what the nearest of that is: normalised convolutions, wider and wider."""
    total, weight = torch.zeros_like(image), torch.zeros_like(inside)
    for width in CARRIED:
        importance = width**-4  # the narrower decide where they reach
        total = total + importance * blur(image * inside, width)
        weight = weight + importance * blur(inside, width)
    return total / weight.clamp(min=1e-6)


def transferred(photo: np.ndarray, geometry: CropGeometry, change: Change, rect: Rect) -> np.ndarray:
    """The edited pixels of `rect`, at the photograph's own resolution.

    Args:
        photo: [H,W,4] gamma-encoded sRGB with alpha, uint8 or float32 (0..1, unbounded).
        geometry: where the crop lies in it.

    Returns:
        [rect.h,rect.w,4] of the photograph's type; alpha moves along with the pixels.
    """
    full = 255.0 if photo.dtype == np.uint8 else 1.0
    shift = displacement_on_photo(change.flow[0], geometry, rect)
    shift = torch.where(shift.square().sum(0, keepdim=True) < STILL**2, 0.0, shift)
    moved = _warped(photo, rect, shift) / full
    tone = sample_on_photo(warp(change.tone, change.flow)[0], geometry, rect, outside="border")
    colour = from_linear(to_linear(moved[:3]) * tone)
    pixels = (torch.cat([colour, moved[3:]]) * full).permute(1, 2, 0)
    if photo.dtype == np.uint8:
        return pixels.round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels.numpy()


def _warped(photo: np.ndarray, rect: Rect, shift: torch.Tensor) -> torch.Tensor:
    """`warp_photo` of a picture with alpha: what cannot be seen lends no colour to what can."""
    opaque = 255 if photo.dtype == np.uint8 else 1.0
    if (photo[..., 3] == opaque).all():
        return warp_photo(photo, rect, shift)
    weighted = photo.astype(np.float32)
    weighted[..., :3] *= weighted[..., 3:] / opaque
    moved = warp_photo(weighted, rect, shift)
    alpha = moved[3:] / opaque
    colour = torch.where(alpha > 1e-3, moved[:3] / alpha.clamp(min=1e-3), moved[:3])
    still = (shift == 0).all(0, keepdim=True)
    plain = torch.from_numpy(np.ascontiguousarray(photo[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w]))
    return torch.where(still, plain.permute(2, 0, 1).float(), torch.cat([colour, moved[3:]]))


def layer_mask(inversion: Inversion, geometry: CropGeometry, rect: Rect) -> np.ndarray:
    """1 − m over `rect`, soft at the crop's border: uint8 [rect.h,rect.w], 255 = the layer shows."""
    free = sample_on_photo(1 - inversion.invertibility_mask[None], geometry, rect)
    shown = free.clamp(0, 1) * border_feather(geometry, rect)
    return (shown[0] * 255).round().to(torch.uint8).numpy()
