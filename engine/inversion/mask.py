"""The invertibility mask without a trained detector: where the aligned generated face cannot explain the photograph.

*Convention.* 1 = out-of-domain: the pixel stays the photograph's. 0 = the generator can make it.

Two differences between x and G, each scaled by its robust spread over the face and put through a smooth step: colour
(what is lighter, darker or of another hue than skin that was matched in light) and structure (edges that the generated
face does not have: frames, brims, strands). What every face has, whatever state it is in (eyes, brows, nose, mouth and
its folds), must differ more before it counts. Where edges run across the bridge of the nose, which no bare face has,
there are glasses: out-of-domain as a whole, with the eyes behind them. Beyond the face's hull everything is
out-of-domain; between the face's outline and the hull's, where background begins, the mask is carried over from the
face beside it.

What lies in a region to restore is not known: it has no say, and the mask there is carried over from beside it.
"""

from __future__ import annotations

import torch

from engine.inversion.fields import blur, resize
from engine.inversion.hull import face_hull, features, glasses, oval, polygon

SIZE = 256
LIGHT = 0.10  # differences smoother than this are light and skin, and are matched, not out-of-domain
COLOUR_BLUR, COLOUR_STEP = 0.018, (2.6, 4.6)  # crop units; in spreads
STRUCTURE_BLUR, STRUCTURE_STEP = 0.007, (1.9, 3.4)
COLOUR_TOLERANCE, STRUCTURE_TOLERANCE = 2.0, 3.0  # of features
EYEWEAR_STEP = (0.04, 0.12)  # share of the bridge that is covered by edges
LEAST_SPREAD = 0.03
NOWHERE = torch.zeros(1, 1, 1, 1)  # a region of nothing
CARRIED = 0.05  # how far the mask is carried over into a region, crop units
GAP = 0.02  # gaps narrower than this between out-of-domain parts are closed, crop units


def invertibility_mask(
    crop: torch.Tensor, aligned: torch.Tensor, landmarks: torch.Tensor, region: torch.Tensor = NOWHERE
) -> torch.Tensor:
    """The mask [1,1,256,256].

    Args:
        crop: [1,3,R,R] the photograph, in [-1,1].
        aligned: [1,3,R,R] G(w), warped by the alignment flow.
        landmarks: [468,2] of the photograph.
        region: [1,1,S,S] of the crop, 1 where the photograph is not to be looked at.
    """
    photo, made = resize(crop, SIZE), resize(aligned.clamp(-1, 1), SIZE)
    outline = oval(landmarks)
    inside = polygon(outline.mean(0) + (outline - outline.mean(0)) * 0.97, SIZE)
    common = features(landmarks, SIZE)
    seen = 1 - resize(region, SIZE)
    known = inside * seen

    difference = (photo - made) * seen
    difference = difference - _smooth_within(difference, known, LIGHT)
    colour = blur(difference * seen, COLOUR_BLUR).square().sum(1, keepdim=True).sqrt()
    colour = _in_spreads(colour, known) / (1 + (COLOUR_TOLERANCE - 1) * common)
    edges = (_gradient(blur(photo, 0.003)) - 1.5 * _gradient(made)).clamp(min=0)
    structure = blur((edges + 0.3 * _gradient(blur(photo, 0.003))) * seen, STRUCTURE_BLUR)
    structure = _in_spreads(structure, known)
    eyewear = _eyewear(_step(structure, STRUCTURE_STEP), landmarks)
    structure = structure / (1 + (STRUCTURE_TOLERANCE - 1) * common)
    found = torch.maximum(_step(colour, COLOUR_STEP), _step(structure, STRUCTURE_STEP)) * inside
    found = found * seen + _smooth_within(found * seen, known, CARRIED) * (1 - seen)

    found = torch.maximum(blur(_eroded(_dilated(found, GAP), GAP / 2), 0.006), eyewear)
    carried = _smooth_within(found * inside, inside, 0.02)
    reach = blur(inside, 0.004)
    mask = found * reach + carried * (1 - reach)
    return 1 - (1 - mask.clamp(0, 1)) * face_hull(landmarks, SIZE)


def _eyewear(edges: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
    """The glasses [1,1,S,S]: both lenses and the bridge, as surely as there are edges across the bridge."""
    bridge, lenses = glasses(landmarks, SIZE)
    evidence = (edges * bridge).sum() / bridge.sum().clamp(min=1)
    return blur(lenses, 0.008) * _step(evidence, EYEWEAR_STEP)


def _step(values: torch.Tensor, bounds: tuple[float, float]) -> torch.Tensor:
    low, high = bounds
    t = ((values - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _in_spreads(values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Scaled by the median inside: half of a face is assumed to be one that can be made."""
    return values / values[inside > 0.5].median().clamp(min=LEAST_SPREAD)


def _gradient(image: torch.Tensor) -> torch.Tensor:
    """Length of the gradient over all channels, in the image's values per pixel: [1,3,S,S] → [1,1,S,S]."""
    across = image[..., :-1, 1:] - image[..., :-1, :-1]
    down = image[..., 1:, :-1] - image[..., :-1, :-1]
    length = (across.square() + down.square()).sum(1, keepdim=True).sqrt()
    return torch.nn.functional.pad(length, (0, 1, 0, 1), mode="replicate")


def _smooth_within(image: torch.Tensor, inside: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur that takes only what lies inside: normalised convolution."""
    return blur(image * inside, sigma) / blur(inside, sigma).clamp(min=1e-3)


def _dilated(mask: torch.Tensor, radius: float) -> torch.Tensor:
    pixels = max(1, round(radius * mask.shape[-1]))
    return torch.nn.functional.max_pool2d(mask, 2 * pixels + 1, stride=1, padding=pixels)


def _eroded(mask: torch.Tensor, radius: float) -> torch.Tensor:
    return 1 - _dilated(1 - mask, radius)
