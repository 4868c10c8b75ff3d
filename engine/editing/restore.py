"""Restore: inside a region (a scratch, a stain, a hole) the face is filled from what is left of it.

*What is left.* The region is closed by a membrane, the smoothest surface from its border, before detector, mesh and
inversion look at the picture; and the inversion is told where it is, so that nothing in it counts (engine.inversion).

*What fills it.* Faces are nearly symmetric: what is seen of the other half is the person's own, at the photograph's
own sharpness. It is moved over by the mesh's landmarks of the crop and of its mirror image, and its light becomes that
of this half by the smooth part of G − G', the generated face here and there. Where the other half is hidden as
well there is the generated face, with grain like the photograph's beside it. All of it is bent to the photograph by
the gradient-domain solve. What neither half nor generator can tell (background, hair, a hat) the membrane fills.

Sources: Galerne, Gousseau, Morel, "Random phase textures", IEEE TIP 2011 (grain as asymptotic discrete spot noise);
Pérez et al. 2003 as in engine.blending.poisson, which also makes the membrane: its guide is flat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.blending.poisson import gradient_domain
from engine.blending.replace import on_photo
from engine.editing.codes import ParameterCodes
from engine.editing.transfer import PreparedFace
from engine.faces.crop import CropGeometry, Rect
from engine.faces.detect import Face
from engine.faces.landmarks import FaceMesh
from engine.faces.paste import displacement_on_photo, sample_on_photo, warp_photo
from engine.inversion.fields import ScatteredField, blur, positions, resize, warp
from engine.inversion.hull import face_hull, oval, polygon
from engine.inversion.invert import crop_tensor, invert, take_crop
from engine.inversion.types import CROP_SIZE, Inversion
from engine.weights.store import FaceModel

SIZE = 256  # of maps over the crop, px
SMOOTHING = 1e-3  # of the way to the other half
LIGHT = 0.03  # what is smoother is light, crop units
NEAR = 0.006  # how far the other half keeps away from the region, crop units
EDGE = 0.005  # softness of the face's outline, crop units
MARGIN = 64  # px around the region that are looked at for grain
GRAIN_SIGMA, GRAIN_SIZE = 1.5, 16  # px: what is finer is grain; side of the patch that it is made after
GRAIN_QUANTILE = 0.1  # of the patches beside the region: one without edges
SEED = 1

Report = Callable[[float], None]


@dataclass(frozen=True)
class RegionFace:
    """A face that a region touches, inverted from what is left of it. Maps lie over its crop.

    Attributes:
        inversion: of the photograph with the region closed.
        generated: [1,3,256,256] G(w) in the photograph's geometry, in [-1,1].
        mirrored: [1,2,256,256] crop units: from each place to the same place of the face's other half.
        light: [1,3,256,256] 0..1: by how much it is lighter here than there, as generated.
        sight: [1,1,256,256] 0..1: how well that other place is seen.
        trust: [1,1,256,256] 0..1: where the face is known, by its other half or by the generator.
    """

    inversion: Inversion
    generated: Tensor
    mirrored: Tensor
    light: Tensor
    sight: Tensor
    trust: Tensor


@dataclass(frozen=True)
class Restored:
    """The filled pixels [h,w,4] over the hole's `extent`; `unknown` is the membrane's share of the hole."""

    layer: np.ndarray
    unknown: float


def extent(hole: np.ndarray, margin: int = 0) -> Rect:
    """The rectangle around a hole bool [H,W], which is not empty, and `margin` pixels more, cut to the picture."""
    rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
    x0, y0 = max(0, int(columns[0]) - margin), max(0, int(rows[0]) - margin)
    x1, y1 = (
        min(int(ends[-1]) + 1 + margin, most) for ends, most in zip((columns, rows), hole.T.shape, strict=True)
    )
    return Rect(x0, y0, x1 - x0, y1 - y0)


def closed(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A picture uint8 [H,W,3] with its hole bool [H,W] closed by a membrane."""
    rect = extent(hole, 1)
    part = _cut(rgb, rect)
    x = _planes(part) / 255
    y = gradient_domain(x, torch.zeros_like(x), _kept(_cut(hole, rect))).pixels
    result = rgb.copy()
    _cut(result, rect)[:] = (y[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return result


def covered(face: Face, mesh: FaceMesh, rgb: np.ndarray, hole: np.ndarray) -> float:
    """The share of a face's hull that a hole bool [H,W] covers; `rgb` uint8 [H,W,3] has it closed."""
    crop, geometry = take_crop(rgb, face)
    with torch.no_grad():
        inside = face_hull(mesh.landmarks(crop_tensor(crop))[0], SIZE) > 0.5
    return float((resize(_region(hole, geometry), SIZE) * inside).sum() / inside.sum().clamp(min=1))


def invert_rest(
    model: FaceModel,
    mesh: FaceMesh,
    rgb: np.ndarray,
    hole: np.ndarray,
    face: Face,
    refine_steps: int,
    report: Report,
) -> RegionFace:
    """Invert what a hole bool [H,W] leaves of a face. `rgb` uint8 [H,W,3] has it closed; the rest as in `invert`."""
    crop, geometry = take_crop(rgb, face)
    region = _region(hole, geometry)
    inversion = invert(model, mesh, crop, geometry, face, refine_steps, report, region)
    with torch.no_grad():
        flipped = mesh.landmarks(crop_tensor(crop).flip(-1))[0]
        generated = PreparedFace(ParameterCodes(model, inversion), inversion).generated({})
        there = flipped * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        spread = ScatteredField(inversion.landmarks, inversion.landmarks[:0], SIZE // 4, SMOOTHING)
        mirrored = resize(spread(there - inversion.landmarks), SIZE)

        face_here, mask = _inside(inversion), inversion.invertibility_mask[None, None]
        unseen = (blur(resize(region, SIZE), NEAR) * 20).clamp(max=1)
        foreign = (warp(mask, mirrored) - mask).clamp(min=0)  # a hand, a strand: of the other half only
        sight = warp(face_here * (1 - unseen), mirrored) * _within(mirrored) * (1 - foreign)
        trust = face_here * torch.maximum(sight, 1 - mask)
        both = face_here * warp(face_here, mirrored)
        difference = (generated - warp(generated, mirrored)) / 2
        light = blur(difference * both, LIGHT) / blur(both, LIGHT).clamp(min=1e-3)
    return RegionFace(inversion, generated, mirrored, light, sight, trust)


@torch.no_grad()
def restored(photo: np.ndarray, hole: np.ndarray, faces: Sequence[RegionFace]) -> Restored:
    """Fill a hole of a photograph. Deterministic; not a bit outside of the hole differs.

    Args:
        photo: [H,W,4] gamma-encoded sRGB with alpha, uint8 or float32 (0..1, unbounded). Alpha stays.
        hole: bool [H,W], not empty.
        faces: those that it touches; without one, the membrane is all.
    """
    around = extent(hole, MARGIN)
    pixels = _planes(_cut(photo, around)) / _full(photo)
    x, opacity = pixels[:, :3], pixels[:, 3:].nan_to_num(0.0).clamp(0, 1)
    kept = _kept(_cut(hole, around))
    trusts = [
        sample_on_photo(face.trust[0], face.inversion.geometry, around)[None].clamp(0, 1) for face in faces
    ]
    known = torch.stack([torch.zeros_like(kept), *trusts]).amax(0)
    y = _membrane(x, kept, opacity, known)
    source = photo.copy()
    _cut(source, around)[:] = _coloured(photo, hole, around, y)  # nothing below may look at what the hole held
    for face, trust in zip(faces, trusts, strict=True):
        guide = _guide(source, kept * opacity, face, around)
        bent = gradient_domain(x, guide, kept, opacity * (trust > 0.5)).pixels
        y = y + trust * (bent - y)
    y = gradient_domain(x, y, kept, opacity).pixels

    rect, free = extent(hole), 1 - kept
    layer = _cut(_coloured(photo, hole, around, y), rect._replace(x=rect.x - around.x, y=rect.y - around.y))
    return Restored(np.ascontiguousarray(layer), float(((known < 0.5) * free).sum() / free.sum()))


def _coloured(photo: np.ndarray, hole: np.ndarray, rect: Rect, colour: Tensor) -> np.ndarray:
    """`rect` of the photograph [h,w,4] with a colour [1,3,h,w] in its hole."""
    pixels = _cut(photo, rect).copy()
    new = colour[0].permute(1, 2, 0).numpy()
    if photo.dtype == np.uint8:
        new = np.rint(new * 255).clip(0, 255).astype(np.uint8)
    np.copyto(pixels[..., :3], new, where=_cut(hole, rect)[..., None])
    return pixels


def _membrane(x: Tensor, kept: Tensor, opacity: Tensor, known: Tensor) -> Tensor:
    """What is beside faces [1,3,h,w], from what is seen of it; where nothing of it borders the hole, from all."""
    flat = torch.zeros_like(x)
    beside = gradient_domain(x, flat, kept, opacity * (known < 0.5)).pixels
    loose = (beside == 0).all(1, keepdim=True)  # what no border reaches stays the guide
    return torch.where(loose, gradient_domain(x, flat, kept, opacity).pixels, beside)


def _guide(photo: np.ndarray, kept: Tensor, face: RegionFace, rect: Rect) -> Tensor:
    """The face as it should look in `rect` [1,3,h,w], but for an offset: other half, or generated face with grain.

    `photo` [H,W,4] has its hole closed; `kept` [1,1,h,w] is 1 where it is the photograph itself.
    """
    full = _full(photo)
    geometry = face.inversion.geometry
    made = on_photo(face.generated[0], geometry, rect)
    shift = displacement_on_photo(face.mirrored[0], geometry, rect)
    moved = warp_photo(photo, rect, shift)[None].nan_to_num(0.0) / full
    other = moved[:, :3] + sample_on_photo(face.light[0], geometry, rect, outside="border")[None]
    sight = sample_on_photo(face.sight[0], geometry, rect)[None].clamp(0, 1) * (moved[:, 3:] > 0.99)
    skin = kept * sample_on_photo(_inside(face.inversion)[0], geometry, rect)[None]
    x = (_planes(_cut(photo, rect)[..., :3]) / full).nan_to_num(0.0)
    plain = made + _grain(x, skin)
    return plain + sight * (other - plain)


def _grain(x: Tensor, usable: Tensor) -> Tensor:
    """Noise [1,3,h,w] with the spectrum and covariance of the photograph's own grain where it is `usable` [1,1,h,w].

    It is made after one patch, so chosen that no edge lies in it. Nothing where no patch is usable as a whole.
    """
    height, width = x.shape[2:]
    if min(height, width) < GRAIN_SIZE:
        return torch.zeros_like(x)
    fine = x - blur(x, GRAIN_SIGMA / width)
    energy = F.avg_pool2d(fine.square().sum(1, keepdim=True), GRAIN_SIZE, stride=GRAIN_SIZE // 2)[0, 0]
    whole = -F.max_pool2d(-usable, GRAIN_SIZE, stride=GRAIN_SIZE // 2)[0, 0] > 0.9
    if not whole.any():
        return torch.zeros_like(x)
    typical = energy[whole].quantile(GRAIN_QUANTILE, interpolation="nearest")
    row, column = (torch.nonzero(whole & (energy == typical))[0] * (GRAIN_SIZE // 2)).tolist()
    patch = fine[0, :, row : row + GRAIN_SIZE, column : column + GRAIN_SIZE]
    patch = (patch - patch.mean((1, 2), keepdim=True)) / GRAIN_SIZE
    random = torch.Generator().manual_seed(SEED)
    white = torch.randn(1, 1, height + GRAIN_SIZE - 1, width + GRAIN_SIZE - 1, generator=random)
    return F.conv2d(white, patch[:, None])


def _inside(inversion: Inversion) -> Tensor:
    """1 within the face's outline [1,1,256,256]. Beyond it lies background, which is not mirrored."""
    return blur(polygon(oval(inversion.landmarks), SIZE), EDGE)


def _region(hole: np.ndarray, geometry: CropGeometry) -> Tensor:
    """A hole bool [H,W] as a region of a crop: [1,1,512,512], 0..1."""
    crop = geometry.extract(hole[..., None].astype(np.uint8) * 255, CROP_SIZE)
    return torch.from_numpy(crop)[None, None, ..., 0].clamp(0, 255) / 255


def _within(displacement: Tensor) -> Tensor:
    """1 where a displacement [1,2,S,S] stays within the crop: [1,1,S,S]."""
    at = positions(SIZE) + displacement
    return ((at >= 0) & (at <= 1)).all(1, keepdim=True).float()


def _cut(picture: np.ndarray, rect: Rect) -> np.ndarray:
    return picture[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w]


def _full(photo: np.ndarray) -> float:
    return 255.0 if photo.dtype == np.uint8 else 1.0


def _planes(pixels: np.ndarray) -> Tensor:
    """[h,w,C] → float32 [1,C,h,w]."""
    return torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32)).permute(2, 0, 1)[None]


def _kept(hole: np.ndarray) -> Tensor:
    """A hole bool [h,w] as the blending's mask [1,1,h,w]: 1 keeps the photograph."""
    return torch.from_numpy(~hole)[None, None].float()
