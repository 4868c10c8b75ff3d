"""Who moves whom: what each direction does to every attribute, read by the face reader on edited samples.

The columns are the reader's attributes and the shape measures of engine.training.directions, taken on the landmarks that
it reads; all in standard deviations over the training renders. Directions are measured twice: exactly, c → c + step, kept
within the training range; and in W, as for latents that come without parameters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from engine.editing.w_directions import attribute_directions
from engine.errors import BadRequest
from engine.networks.features import FaceReader
from engine.paths import EMBEDDED_MODELS
from engine.training.directions import (
    DEFINITIONS,
    SHAPES,
    Definition,
    fit_shape,
    make_directions,
    shape_measures,
)
from engine.training.renders import Renders
from engine.training.sheets import write_sheet
from engine.training.trained import Trained, load_trained
from engine.weights.directions import Direction, directions_toml
from engine.weights.features import load_face_reader

MOST = 1 / 3  # of the own move: further no other attribute should go
TRUNCATION = 0.7
_LEAST = 0.05  # sd: an own move below it is none
_AT_ONCE = 16
_FACES = 3  # in the sheet
_SWEEP = (-2.0, -1.0, 0.0, 1.0, 2.0)

# Faces c [N,P] and a strength → latents w [N,w_dim] and the strengths that took effect [N].
Edit = Callable[[torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Stray:
    """The attribute that a direction moves most besides its own; `share` of its own move, infinite where it has none."""

    attribute: str
    share: float

    @property
    def said(self) -> str:
        return f"{self.share:.2f}" if math.isfinite(self.share) else "∞"


@dataclass(frozen=True)
class Influence:
    """What directions move.

    Attributes:
        directions: K names.
        attributes: A names.
        moved: [K,A], by how many standard deviations strength 1 moves the attribute, mean over samples.
    """

    directions: tuple[str, ...]
    attributes: tuple[str, ...]
    moved: torch.Tensor

    def stray(self, direction: str, own: str, also: tuple[str, ...] = (), sign: int = 1) -> Stray:
        """The largest move of an attribute that is neither its `own` nor among those it moves on purpose, `also`.

        `sign`: −1 where the own attribute is to shrink; what goes the wrong way is no own move.
        """
        moved = self.moved[self.directions.index(direction)].tolist()
        row = dict(zip(self.attributes, moved, strict=True))
        mine = sign * row.pop(own)
        others = {name: abs(value) for name, value in row.items() if name not in also}
        worst = max(others, key=others.__getitem__)
        return Stray(worst, others[worst] / mine if mine >= _LEAST else math.inf)

    def markdown(self) -> str:
        """The table, a row for each direction."""
        head = f"| | {' | '.join(self.attributes)} |\n|---|{'---|' * len(self.attributes)}"
        rows = [
            f"| {name} | {' | '.join(f'{value:+.2f}' for value in row)} |"
            for name, row in zip(self.directions, self.moved.tolist(), strict=True)
        ]
        return "\n".join([head, *rows])


@dataclass(frozen=True)
class Gauge:
    """Reads faces in standard deviations over the training renders."""

    reader: FaceReader
    deviation: torch.Tensor  # [M], of `SHAPES`

    @property
    def attributes(self) -> tuple[str, ...]:
        return (*self.reader.config.attributes, *SHAPES)

    @torch.no_grad()
    def read(self, images: torch.Tensor) -> torch.Tensor:
        """Images [N,3,R,R] in [-1,1] → [N,A]. Only differences of the shape measures mean something."""
        size = self.reader.config.size
        if images.shape[-1] != size:
            images = torch.nn.functional.interpolate(images, (size, size), mode="bilinear", antialias=True)
        readings = [self.reader(part) for part in images.split(_AT_ONCE)]
        landmarks = torch.cat([reading.landmarks for reading in readings])
        shapes = shape_measures(landmarks, self.reader.config.landmarks) / (self.deviation + 1e-4)
        return torch.cat([torch.cat([reading.attributes for reading in readings]), shapes], 1)


def exact_edit(trained: Trained, step: torch.Tensor) -> Edit:
    """`step` [P] in c, added to the parameters; they stay within the training range, so less may take effect."""

    def edit(c: torch.Tensor, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
        moved = trained.parameters.within(c + strength * step)
        length = step.square().sum().clamp(min=1e-12)
        return trained.mapping(moved), (moved - c) @ step / length

    return edit


def w_edit(trained: Trained, direction: torch.Tensor) -> Edit:
    """`direction` [w_dim], added to w."""

    def edit(c: torch.Tensor, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
        return trained.mapping(c) + strength * direction, torch.full((len(c),), strength)

    return edit


@torch.no_grad()
def influence(
    trained: Trained, gauge: Gauge, edits: dict[str, Edit], c: torch.Tensor, strength: float = 1.0
) -> Influence:
    """Measure edits on the faces c [N,P], each edited both ways: what the readings differ by, for 1 of strength."""
    rows: list[torch.Tensor] = []
    for edit in tqdm(edits.values(), desc="directions"):
        (more, up), (less, down) = edit(c, strength), edit(c, -strength)
        difference = gauge.read(synthesis(trained, more)) - gauge.read(synthesis(trained, less))
        rows.append(difference.sum(0) / (up - down).sum().clamp(min=1e-6))
    return Influence(tuple(edits), gauge.attributes, torch.stack(rows))


@torch.no_grad()
def synthesis(trained: Trained, w: torch.Tensor) -> torch.Tensor:
    """w [N,w_dim] → images [N,3,R,R] in [-1,1]."""
    return torch.cat([trained.generator.synthesis(part) for part in w.split(_AT_ONCE)]).clamp(-1, 1)


def steps_in_c(trained: Trained, directions: list[Direction]) -> torch.Tensor:
    """What strength 1 of each direction adds to c: [K,P]."""
    steps = torch.zeros(len(directions), len(trained.parameters.names))
    for row, direction in zip(steps, directions, strict=True):
        for name, value in direction.parameters.items():
            row[trained.parameters.index(name)] = value
    return steps / trained.parameters.std


@dataclass(frozen=True)
class DirectionReport:
    """Both tables, and how far each direction that the reader can judge moves what it should not."""

    samples: int
    exact: Influence
    in_w: Influence
    strays: dict[str, Stray]
    strays_in_w: dict[str, Stray]

    @property
    def straying(self) -> dict[str, Stray]:
        """The directions whose exact form moves another attribute by more than `MOST` of its own."""
        return {name: stray for name, stray in self.strays.items() if stray.share > MOST}

    def as_json(self) -> dict[str, object]:
        """Plain values; a share that is infinite is null."""
        plain: dict[str, object] = {
            "samples": self.samples,
            "truncation_psi": TRUNCATION,
            "attributes": list(self.exact.attributes),
            "straying": list(self.straying),
        }
        for form, table, strays in (("exact", self.exact, self.strays), ("w", self.in_w, self.strays_in_w)):
            shares = {
                name: {"attribute": one.attribute, "share": one.share if math.isfinite(one.share) else None}
                for name, one in strays.items()
            }
            moved = dict(zip(table.directions, table.moved.tolist(), strict=True))
            plain[form] = {"moved": moved, "strays": shares}
        return plain

    def markdown(self) -> str:
        """The tables for people."""
        lines = [
            "# Directions: who moves whom\n",
            f"Strength 1 on {self.samples} samples at truncation {TRUNCATION}, both ways; standard deviations of what the "
            "face reader sees.\n",
            "Largest move of another attribute, as a share of the own one (at most 0.33 is wanted); what is moved on "
            "purpose is left out. “∞”: does not move its own attribute, or the wrong way.\n",
            "| | own attribute | exact: other | share | W: other | share |\n|---|---|---|---|---|---|",
        ]
        own = {definition.name: definition.attribute for definition in DEFINITIONS}
        for name, stray in self.strays.items():
            in_w = self.strays_in_w[name]
            cells = [name, own[name], stray.attribute, stray.said, in_w.attribute, in_w.said]
            lines.append(f"| {' | '.join(cells)} |")
        unread = [name for name in self.exact.directions if name not in self.strays]
        if unread:
            lines.append(f"\nThe reader has no attribute for: {', '.join(unread)}.")
        lines += ["\n## Exact, in the parameters\n", self.exact.markdown()]
        lines += ["\n## In W, without parameters\n", self.in_w.markdown()]
        return "\n".join(lines) + "\n"


def strays_of(table: Influence, definitions: tuple[Definition, ...] = DEFINITIONS) -> dict[str, Stray]:
    """Of each direction whose attribute is among the table's columns."""
    return {
        one.name: table.stray(one.name, one.attribute, one.also, one.sign)
        for one in definitions
        if one.attribute in table.attributes
    }


def evaluate_directions(
    weights: Path, renders: Renders, output: Path, samples: int = 64, seed: int = 1
) -> DirectionReport:
    """Make the directions of the generator in `weights` out of its training renders; the shipped face reader measures them.

    Leaves in `output`: `directions.toml`, `directions.md`, `directions.json` and `sweeps.png`: a row for each direction in
    their order, strengths −2 … 2 of three faces, exact. Raises `BadRequest` where the renders are not the generator's.
    """
    trained = load_trained(weights)
    if trained.parameters.names != renders.names:
        raise BadRequest(f"{weights} was trained with other parameters than the renders have.")
    output.mkdir(parents=True, exist_ok=True)
    shape = fit_shape(renders)
    directions = make_directions(renders, shape)
    (output / "directions.toml").write_text(directions_toml(directions), "utf-8")
    c = trained.draw(samples, seed, TRUNCATION)
    steps = steps_in_c(trained, directions)
    names = [direction.name for direction in directions]
    exact = {name: exact_edit(trained, step) for name, step in zip(names, steps, strict=True)}
    in_w = attribute_directions(trained.mapping, c, steps)
    gauge = Gauge(load_face_reader(EMBEDDED_MODELS / "features", torch.device("cpu")), shape.deviation)
    table = influence(trained, gauge, exact, c)
    table_in_w = influence(
        trained, gauge, {name: w_edit(trained, one) for name, one in zip(names, in_w, strict=True)}, c
    )
    report = DirectionReport(samples, table, table_in_w, strays_of(table), strays_of(table_in_w))
    (output / "directions.md").write_text(report.markdown(), "utf-8")
    (output / "directions.json").write_text(
        json.dumps(report.as_json(), indent=1, allow_nan=False) + "\n", "utf-8"
    )
    write_sweeps(output / "sweeps.png", trained, list(exact.values()), c[:_FACES])
    return report


@torch.no_grad()
def write_sweeps(path: Path, trained: Trained, edits: list[Edit], c: torch.Tensor) -> None:
    """A sheet: a row for each edit, the strengths of `_SWEEP` for each of the faces c [F,P]."""
    rows = [torch.stack([edit(c, strength)[0] for strength in _SWEEP], 1).flatten(0, 1) for edit in edits]
    images = torch.cat([synthesis(trained, w) for w in rows])
    write_sheet(path, images, columns=len(c) * len(_SWEEP))
