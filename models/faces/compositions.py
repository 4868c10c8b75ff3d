"""One composition: a render, misaligned, with things before the face, and the truth about both.

`compose(seed, index, size)` is made from the render number `index` of the set `seed` and depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.faces.hands import draw_hand
from models.faces.headwear import draw_beanie, draw_brim, draw_cap, puff
from models.faces.held import draw_cup, draw_microphone, draw_phone
from models.faces.labels import Composition, OccluderKind
from models.faces.lettering import draw_text
from models.faces.loose_hair import draw_hair
from models.faces.misalignment import Misalignment, draw_misalignment, warped, warped_labels
from models.faces.occluder_canvas import Canvas, empty_canvas, finished
from models.faces.parameters import Face
from models.faces.patches import draw_patch
from models.faces.render import render
from models.faces.sampling import sample
from models.faces.sitter import Sitter, sitter_of
from models.faces.worn import draw_face_mask, draw_scarf, draw_sunglasses

Draw = Callable[[Sitter, Canvas, np.random.Generator], None]

_DRAW: dict[OccluderKind, Draw] = {
    OccluderKind.SCARF: draw_scarf,  # in this order: what is farther from the camera first
    OccluderKind.FACE_MASK: draw_face_mask,
    OccluderKind.SUNGLASSES: draw_sunglasses,
    OccluderKind.BEANIE: draw_beanie,
    OccluderKind.CAP: draw_cap,
    OccluderKind.BRIM: draw_brim,
    OccluderKind.HAIR: draw_hair,
    OccluderKind.MICROPHONE: draw_microphone,
    OccluderKind.CUP: draw_cup,
    OccluderKind.PHONE: draw_phone,
    OccluderKind.HAND: draw_hand,
    OccluderKind.PATCH: draw_patch,
    OccluderKind.TEXT: draw_text,
}
_SHARES = {
    OccluderKind.SUNGLASSES: 12, OccluderKind.CAP: 6, OccluderKind.BEANIE: 6, OccluderKind.BRIM: 6,
    OccluderKind.HAND: 16, OccluderKind.FACE_MASK: 9, OccluderKind.MICROPHONE: 6, OccluderKind.PHONE: 7,
    OccluderKind.TEXT: 9, OccluderKind.HAIR: 8, OccluderKind.PATCH: 11, OccluderKind.CUP: 6, OccluderKind.SCARF: 5,
}  # fmt: skip
_HATS = frozenset({OccluderKind.CAP, OccluderKind.BEANIE, OccluderKind.BRIM})
_BEFORE_MOUTH = frozenset(
    {OccluderKind.HAND, OccluderKind.FACE_MASK, OccluderKind.MICROPHONE, OccluderKind.PHONE, OccluderKind.CUP}
)
_EXCLUSIVE = (_HATS, _BEFORE_MOUTH)  # at most one of each in a picture
_NOTHING = 0.15  # share of compositions without an occluder
_COUNTS = (0.72, 0.22, 0.06)  # of one, two, three occluders among the others
_PLAN, _DRAWING = 1, 2  # spawn keys: what is drawn does not depend on how it was planned


@dataclass(frozen=True)
class Plan:
    """What will be in a composition; cheap to make, nothing is rendered."""

    face: Face
    kinds: tuple[OccluderKind, ...]  # the main one first; empty: no occluder
    misalignment: Misalignment

    @property
    def main(self) -> OccluderKind:
        """The first planned."""
        return self.kinds[0] if self.kinds else OccluderKind.NONE


def plan_of(seed: int, index: int) -> Plan:
    """The plan of the composition number `index` of the set `seed`."""
    face, rng = sample(seed, index), _generator(seed, index, _PLAN)
    misalignment = draw_misalignment(rng)
    if rng.random() < _NOTHING:
        return Plan(face, (), misalignment)
    kinds: list[OccluderKind] = []
    for _ in range(1 + int(rng.choice(len(_COUNTS), p=_COUNTS))):
        possible = [kind for kind in _DRAW if suits(kind, face) and _goes_with(kind, kinds)]
        shares = np.array([_SHARES[kind] for kind in possible], np.float64)
        kinds.append(possible[rng.choice(len(possible), p=shares / shares.sum())])
    return Plan(face, tuple(kinds), misalignment)


def suits(kind: OccluderKind, face: Face) -> bool:
    """Whether `kind` can be put on `face`: no hat on hair that stands off, no second glasses, no locks of the bald."""
    if kind in _HATS:
        return puff(face) < 0.45
    if kind == OccluderKind.HAIR:
        return face.bald < 0.3
    return kind != OccluderKind.SUNGLASSES or face.glasses < 0.5


def _goes_with(kind: OccluderKind, others: list[OccluderKind]) -> bool:
    return kind not in others and not any(kind in group and group & set(others) for group in _EXCLUSIVE)


def _generator(seed: int, index: int, *purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(index, *purpose)))


def compose(seed: int, index: int, size: int = 128) -> Composition:
    """The composition number `index` of the set `seed`, of `size` pixels a side."""
    plan = plan_of(seed, index)
    plain = render(plan.face, size)
    flow = plan.misalignment.flow(size)
    photograph = warped(plain.image, flow)
    image, invertibility_mask = photograph, np.zeros((size, size), np.uint8)
    if plan.kinds:
        segmentation = warped_labels(plain.segmentation, flow)
        sitter = sitter_of(plan.face, photograph, segmentation, plan.misalignment)
        image, invertibility_mask = occluded(sitter, plan.kinds, seed, index)
    return Composition(
        image=image,
        plain=plain.image,
        invertibility_mask=invertibility_mask,
        flow=flow,
        kind=np.int64(plan.main),
        kinds=np.int64(sum(1 << kind for kind in plan.kinds)),
        segmentation=plain.segmentation,
        five=plain.five,
        landmarks=plain.landmarks,
        parameters=plain.parameters,
    )


def occluded(
    sitter: Sitter, kinds: tuple[OccluderKind, ...], seed: int, index: int
) -> tuple[np.ndarray, np.ndarray]:
    """The sitter's photograph with `kinds` before the face, and its invertibility mask, as `finished`."""
    canvas = empty_canvas(sitter)
    for kind, draw in _DRAW.items():
        if kind in kinds:
            draw(sitter, canvas, _generator(seed, index, _DRAWING, int(kind)))
    return finished(sitter, canvas)
