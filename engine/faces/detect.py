"""Finding faces in a photograph of any size: where they are, and five points on each.

Convention: image pixels, x right, y down, corner-based (the centre of the pixel in column i lies at i + 0.5),
as in `engine.faces.crop`. "Image-left" is meant in the upright face: the eye on the left of its portrait, which
is the person's right eye. A face that lies on its side or upside down keeps that order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.faces.crop import CropGeometry, ffhq_crop
from engine.faces.yunet import SIZE_MULTIPLE, Candidates, YuNet

LEAST_WIDTH = 12  # pixels; a narrower face cannot be edited, and a narrower image holds none
OVERLAP = 0.3  # intersection over union from which on two boxes are the same face
MIRRORED = [1, 0, 2, 4, 3]  # the five points of a mirrored face, in order

# A second look at each face, upright and at known sizes. YuNet's points scatter by 4–5 % of the eye distance
# (rms, over scales of one photograph); the mean over these looks and their mirror images scatters by 1.4 %.
LOOKS = (128, 160, 192, 224)  # sizes of the FFHQ crop in pixels; the face is half of it
# YuNet underrates how far a face is turned: quick looks first, each in the crop of the one before, put it upright.
QUICK_LOOK, QUICK_LOOKS, UPRIGHT = 160, 6, math.radians(2)
LOOKED_AT = 8  # only the largest faces
SAME_CELL = 0.6  # overlap with the best candidate from which on a candidate speaks for the same face


@dataclass(frozen=True, eq=False)
class Face:
    """One face found.

    box: (x, y, w, h) in image pixels; it may reach beyond the image.
    score: 0..1.
    points: [5,2] float64 image pixels: image-left eye, image-right eye, nose tip, image-left mouth corner,
        image-right mouth corner.
    """

    box: tuple[float, float, float, float]
    score: float
    points: np.ndarray

    @property
    def eye_distance(self) -> float:
        """Between the eyes' centres, in image pixels."""
        return float(np.hypot(*(self.points[1] - self.points[0])))


@dataclass(frozen=True, eq=False)
class View:
    """One look at a face: points [5,2] as in `Face`, score 0..1."""

    points: np.ndarray
    score: float


@dataclass(frozen=True)
class Pass:
    """One search of the whole image.

    side: pixels of its longer side. margin: black, on all sides, as a fraction of `side`.
    turns: quarter turns, counter-clockwise, by which it is turned before the network sees it.
    """

    side: int
    margin: float = 0.0
    turns: int = 0


# Faces from 1/50 of the picture's longer side up; faces that fill the picture.
ALWAYS = (Pass(640), Pass(256, 0.25))
TURNED = tuple(replace(search, turns=turns) for turns in (1, 2, 3) for search in ALWAYS)
FURTHER = (Pass(1280), Pass(2560))  # only if nothing was found, and not beyond twice the image's own size

# Upright faces score .93–.95. Lying ones are missed, or found at .7–.85 with their points in the wrong places:
# below CERTAIN the turned image is asked as well, and believed from TURNED_THRESHOLD on.
CERTAIN = 0.9
TURNED_THRESHOLD = 0.8


class FaceDetector:
    """YuNet over a few scales of a photograph. Deterministic; keeps nothing of the image."""

    def __init__(self, weights: Path | str, score_threshold: float = 0.6) -> None:
        """Load `models/yunet/yunet.safetensors` from the path `weights`. Raises `ModelDamaged`."""
        self.network = YuNet.load(weights)
        self.score_threshold = score_threshold

    @torch.inference_mode()
    def detect(self, image: np.ndarray) -> list[Face]:
        """Find all faces, the largest first; an empty list if there are none.

        Args:
            image: [H,W,3] uint8 RGB of any size.

        Raises:
            ValueError: another shape or type.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected RGB uint8 [H,W,3], not {image.dtype} {image.shape}")
        longer = max(image.shape[:2])
        if min(image.shape[:2]) < LEAST_WIDTH:
            return []
        faces = self._found(image, ALWAYS)
        if not faces or min(face.score for face in faces) < CERTAIN:
            faces = self._found(image, ALWAYS + TURNED)
        for further in FURTHER:
            if not faces and further.side <= 2 * longer:
                faces = self._found(image, (further,))
        faces = [*(self._look_again(image, f) for f in faces[:LOOKED_AT]), *faces[LOOKED_AT:]]
        return sorted(faces, key=_area, reverse=True)

    def _found(self, image: np.ndarray, passes: tuple[Pass, ...]) -> list[Face]:
        """All faces of some passes, doubles removed, the largest first."""
        faces = [face for search in passes for face in self._search(image, search)]
        faces.sort(key=lambda f: f.score, reverse=True)
        if not faces:
            return []
        boxes = torch.tensor([face.box for face in faces])
        alive = torch.ones(len(faces), dtype=torch.bool)
        kept = []
        for k, face in enumerate(faces):
            if alive[k]:
                kept.append(face)
                alive &= _overlaps(boxes, boxes[k]) <= OVERLAP
        return sorted(kept, key=_area, reverse=True)

    def _search(self, image: np.ndarray, search: Pass) -> list[Face]:
        """Every candidate above the threshold of one pass, the best first; at most one per cell."""
        canvas, factors, margin = _canvas(image, search)
        candidates = self.network(torch.rot90(canvas, search.turns, (2, 3)))
        threshold = max(self.score_threshold, TURNED_THRESHOLD) if search.turns else self.score_threshold
        chosen = (candidates.score[0] >= threshold).nonzero()[:, 0]
        scores = candidates.score[0, chosen].double().numpy()
        boxes = candidates.box[0, chosen].double().numpy()
        points = candidates.points[0, chosen].double().numpy()
        # From here on seven points per face: two opposite corners of its box, then its own five.
        points = np.concatenate([boxes[:, None, :2], boxes[:, None, :2] + boxes[:, None, 2:], points], 1)
        points = (_turned_back(points, search.turns, canvas.shape[-1], canvas.shape[-2]) - margin) / factors
        finite = [bool(np.isfinite(p).all()) for p in points]
        faces = [_face(points[k], float(scores[k])) for k in np.argsort(-scores, kind="stable") if finite[k]]
        return [face for face in faces if min(face.box[2:]) >= LEAST_WIDTH]

    def _look_again(self, image: np.ndarray, face: Face) -> Face:
        """The same face with steadier points; unchanged if the closer looks do not find it."""
        try:
            start = ffhq_crop(face.points)
        except ValueError:
            return face
        best = self._steadied(image, start)
        if best is None or best.score < CERTAIN:  # perhaps it lies the other way round
            turned = [
                CropGeometry.from_centre(start.centre, start.side, start.angle + k * math.pi / 2)
                for k in (1, 2, 3)
            ]
            others = [self._steadied(image, crop) for crop in turned]
            best = max((v for v in (best, *others) if v is not None), key=lambda v: v.score, default=None)
        return face if best is None else replace(face, points=best.points)

    def _steadied(self, image: np.ndarray, crop: CropGeometry) -> View | None:
        """The mean over all `LOOKS`, taken in an upright crop, or None if the face is lost."""
        for _ in range(QUICK_LOOKS):
            before = crop.angle
            view = self._seen(image, crop, (QUICK_LOOK,))
            if view is None:
                return None
            crop = ffhq_crop(view.points)
            if abs(math.remainder(crop.angle - before, math.tau)) < UPRIGHT:
                break
        return self._seen(image, crop, LOOKS)

    def _seen(self, image: np.ndarray, crop: CropGeometry, sizes: tuple[int, ...]) -> View | None:
        """The mean over some looks at one crop, or None if hardly any shows a face."""
        views = [view for size in sizes for view in self._look(image, crop, size)]
        if len(views) < len(sizes):
            return None
        points = np.mean([view.points for view in views], 0)
        if np.hypot(*(points[1] - points[0])) < 1:
            return None
        return View(points, float(np.mean([view.score for view in views])))

    def _look(self, image: np.ndarray, crop: CropGeometry, size: int) -> list[View]:
        """What is seen in the crop at `size` pixels, and in its mirror image; in image pixels."""
        pixels = torch.from_numpy(crop.extract(image, size)).permute(2, 0, 1)
        candidates = self.network(torch.stack([pixels, pixels.flip(2)]))
        views = []
        for k, mirrored in enumerate((False, True)):
            if (view := _central(candidates, k, size)) is not None:
                points = np.abs([size, 0] - view.points[MIRRORED]) if mirrored else view.points
                views.append(View(crop.crop_to_image(points / size), view.score))
        return views


def _central(candidates: Candidates, k: int, size: int) -> View | None:
    """What the k-th image shows in its middle: the weighted mean over all cells that see it; in its pixels."""
    score, box, points = candidates.score[k], candidates.box[k], candidates.points[k]
    middle = box[:, :2] + box[:, 2:] / 2
    central = (middle / size - 0.5).norm(dim=1) < 0.25
    best = int((score * central).argmax())
    if not central[best] or score[best] < 0.3:
        return None
    same = (_overlaps(box, box[best]) > SAME_CELL) & (score > score[best] / 2)
    weight = score[same].double().square()
    mean = (points[same].double() * (weight / weight.sum())[:, None, None]).sum(0)
    return View(mean.numpy(), float(score[best]))


def _face(points: np.ndarray, score: float) -> Face:
    """From [7,2]: two opposite corners of the box, and the five points."""
    x0, y0 = (float(v) for v in points[:2].min(0))
    x1, y1 = (float(v) for v in points[:2].max(0))
    return Face((x0, y0, x1 - x0, y1 - y0), score, points[2:])


def _turned_back(points: np.ndarray, turns: int, width: int, height: int) -> np.ndarray:
    """Points [...,2] of an image turned counter-clockwise → of the unturned one, `width` by `height`."""
    x, y = points[..., 0], points[..., 1]
    unturned = ((x, y), (width - y, x), (width - x, height - y), (y, height - x))[turns]
    return np.stack(unturned, -1)


def _canvas(image: np.ndarray, search: Pass) -> tuple[Tensor, np.ndarray, int]:
    """The image as one pass wants it.

    Returns:
        canvas [1,3,h,w], 0..255, h and w multiples of 32; the factors [2] (x, y) from image to canvas; the
        margin in canvas pixels.
    """
    height, width = image.shape[:2]
    scale = search.side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    whole = Image.fromarray(np.ascontiguousarray(image))
    resized = whole.resize((w, h), Image.Resampling.BILINEAR, reducing_gap=2.0)
    margin = round(search.margin * search.side)
    canvas = torch.zeros(1, 3, _multiple(h + 2 * margin), _multiple(w + 2 * margin))
    pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)
    canvas[0, :, margin : margin + h, margin : margin + w] = pixels
    return canvas, np.array([w / width, h / height]), margin


def _multiple(length: int) -> int:
    return math.ceil(length / SIZE_MULTIPLE) * SIZE_MULTIPLE


def _area(face: Face) -> float:
    return face.box[2] * face.box[3]


def _overlaps(boxes: Tensor, box: Tensor) -> Tensor:
    """Intersection over union of each of [A,4] boxes (x, y, w, h) with one box [4]."""
    low = torch.maximum(boxes[:, :2], box[:2])
    high = torch.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
    shared = (high - low).clamp(min=0).prod(1)
    return shared / (boxes[:, 2:].prod(1) + box[2:].prod() - shared)
