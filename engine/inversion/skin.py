"""Where a photograph shows bare skin that belongs to the face: cheeks and forehead, ears, neck.

The face reader's regions are coarse. What the regions of this photograph look like, a Gaussian of colours each, corrects
them (a fringe is coloured like the hair, a collar like the cloth), and a guided filter (He, Sun, Tang, ECCV 2010) draws
the borders along the photograph's own edges. What is not joined to the face (a hand beside it, another person) is left out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from engine.faces import mesh_points
from engine.inversion.fields import blur, positions, resize
from engine.inversion.hull import features, oval, polygon
from engine.networks.features import FaceReader
from engine.networks.trunk import at_size

SIZE = 256
# What is told apart by its colours; the first is bare skin.
REGIONS = (
    ("skin", "ears"), ("hair", "beard", "brows"), ("background",), ("cloth",), ("eyes", "lips", "mouth"), ("glasses",),
)  # fmt: skip
COLOURED = 128  # px at which colours are looked at
WITH_EARS = 1.25  # size of what has the ears in it, in faces
OUTLINE, SOFT = 0.02, 0.005  # how soft the face's outline and the skin's borders are, crop units
EDGE = 0.06  # crop units, across which it begins at the brows
SPREAD = 0.15  # of logarithms of colours, the least that a region is believed to have
SHADE = 0.6  # of their lightness alone: there are shadows
# Something else may look like anything: a share of it, and the deviations from bare skin at which it is as likely.
ANYTHING, UNLIKE = 0.2, 2.5
WINDOW, SMOOTH = 17, 4e-3  # of the guided filter: side in px, and how faint an edge still counts
JOINED, STEPS = 64, 48  # px at which, and cells along which the face's skin is followed


@torch.no_grad()
def skin_map(reader: FaceReader, crop: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
    """How surely each pixel is bare skin: [1,1,256,256] in 0…1.

    Args:
        reader: reads `REGIONS`.
        crop: [1,3,R,R] in [-1,1].
        landmarks: [468,2] of it, crop units.
    """
    read = reader(at_size(crop, reader.config.size)).segmentation.softmax(1)
    index = [[reader.config.regions.index(name) for name in names] for names in REGIONS]
    regions = torch.cat([read[:, part].sum(1, keepdim=True) for part in index], 1)
    colours = (resize(crop, COLOURED).clamp(-1, 1) + 1) / 2
    face, reach = polygon(oval(landmarks), SIZE), _reach(landmarks)
    regions = resize(regions, COLOURED)
    inside = resize(face * reach * (1 - features(landmarks, SIZE)), COLOURED)
    bare = _bare(regions, inside, colours)
    bare = bare * resize(_joined(resize(bare, JOINED), resize(face, JOINED)), COLOURED)
    drawn = _guided(resize(bare, SIZE), (resize(crop, SIZE).clamp(-1, 1) + 1) / 2).clamp(0, 1)
    return blur(drawn, SOFT) * reach


def beyond_face(landmarks: torch.Tensor) -> torch.Tensor:
    """1 beyond the face's outline, 0 within, softly: [1,1,256,256]."""
    return 1 - blur(polygon(oval(landmarks), SIZE), OUTLINE)


def _reach(landmarks: torch.Tensor) -> torch.Tensor:
    """Where bare skin may be [1,1,256,256], soft: the face and its ears below the brows, where no fringe is taken for skin;
    and down from there, no wider than the mouth's height has the face."""
    outline = oval(landmarks)
    grown = outline.mean(0) + (outline - outline.mean(0)) * WITH_EARS
    brows = landmarks[list(mesh_points.IMAGE_LEFT_BROW + mesh_points.IMAGE_RIGHT_BROW)].mean(0)
    down = landmarks[mesh_points.CHIN] - brows
    down = down / down.norm()
    mouth = landmarks[list(mesh_points.OUTER_LIPS)].mean(0)
    level, side = (outline - mouth) @ down, (outline - mouth) @ torch.stack([down[1], -down[0]])
    left, right = (outline[(level.abs() + 1e3 * (sign * side < 0)).argmin()] for sign in (-1, 1))
    neck = torch.stack([left, right, right + down, left + down])
    along = torch.einsum("nchw,c->nhw", positions(SIZE) - brows[None, :, None, None], down)[:, None]
    return blur(torch.maximum(polygon(grown, SIZE), polygon(neck, SIZE)), EDGE / 4) * (
        along / EDGE + 0.5
    ).clamp(0, 1)


def _bare(regions: torch.Tensor, inside: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """How surely pixels are the first of the regions [1,K,S,S], after a look at their colours [1,3,S,S] 0…1: [1,1,S,S].

    Bayes' rule, a Gaussian for each region: the first by its colours inside the face [1,1,S,S], the others by theirs
    outside; and one thing more, that may look like anything.
    """
    seen = (colours + 0.02).log().flatten(2)[0]
    typical = torch.cat([regions[:, :1] * inside, regions[:, 1:] * (1 - inside)], 1)
    likelihood = []
    for sure in typical.flatten(2)[0].square().clamp(min=1e-6):
        share = sure / sure.sum()
        away = seen - (seen * share).sum(1, keepdim=True)
        spread = (away * share) @ away.T + SPREAD**2 * torch.eye(3) + SHADE**2 / 3
        distance = (away * torch.linalg.solve(spread, away)).sum(0)
        likelihood.append(-0.5 * (distance + torch.logdet(spread)))
    anything = (likelihood[0].amax() - 0.5 * UNLIKE**2).expand_as(likelihood[0])
    prior = torch.cat([regions.flatten(2)[0], torch.full_like(seen[:1], ANYTHING)]).clamp(min=1e-4)
    posterior = (prior.log() + torch.stack([*likelihood, anything])).softmax(0)
    return posterior[0].unflatten(0, regions.shape[-2:])[None, None]


def _joined(bare: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
    """1 where one gets to from the face without leaving what is likelier bare than not: [1,1,S,S] both."""
    allowed = (bare > 0.5).float()
    reached = allowed * (face > 0.5)
    for _ in range(STEPS):
        reached = F.max_pool2d(reached, 3, 1, 1) * allowed
    return F.max_pool2d(reached, 3, 1, 1)


def _guided(image: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
    """`image` [1,1,S,S] as a locally linear function of the colours of `guide` [1,3,S,S]."""

    def mean(x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x, WINDOW, 1, WINDOW // 2, count_include_pad=False)

    middle, level = mean(guide), mean(image)
    products = (guide[:, :, None] * guide[:, None]).flatten(1, 2)
    covariance = mean(products) - (middle[:, :, None] * middle[:, None]).flatten(1, 2)
    covariance = covariance.unflatten(1, (3, 3)).permute(0, 3, 4, 1, 2) + SMOOTH * torch.eye(3)
    with_image = (mean(guide * image) - middle * level).permute(0, 2, 3, 1)
    slope = torch.linalg.solve(covariance, with_image).permute(0, 3, 1, 2)
    offset = level - (slope * middle).sum(1, keepdim=True)
    return (mean(slope) * guide).sum(1, keepdim=True) + mean(offset)
