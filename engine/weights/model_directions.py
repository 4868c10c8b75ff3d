"""The directions of a model that is installed: discover, name, flip, scale, hide, show as strips.

A model with known parameters is edited by those: what is discovered in its w is shown, and not kept. So is what is
discovered in a model that comes with Likeness, whose files nobody changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from engine.errors import BadRequest, UnknownDirection
from engine.paths import EMBEDDED_MODELS, Home
from engine.weights.direction_vectors import read_vectors, write_vectors
from engine.weights.directions import TABLE, Direction, read_directions, write_directions
from engine.weights.discovery import GROUPS, Discovered, pca, sefa
from engine.weights.features import load_face_reader
from engine.weights.header import Header, generator_config, read_header
from engine.weights.labelling import Correlations, Report, correlations, labelled
from engine.weights.latents import Latents, open_latents
from engine.weights.record import keep_checksums
from engine.weights.store import WEIGHTS, model_folder, parameter_names
from engine.weights.strips import strips

METHODS = {"sefa": ("sefa",), "pca": ("pca",), "both": ("sefa", "pca")}
ON_IMPORT = 10
_MOST = 100
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_NO_MAPPING = (
    "It has no mapping network, so how w varies is not known: PCA was left out, and SeFa's scales are 1."
)
_NO_FACES = "Our face reader finds no faces in its pictures, so the directions have no labels."
_NOT_KEPT = "It is edited by its known parameters: what was discovered is shown, and not kept."


@dataclass(frozen=True)
class Wishes:
    """What to do with a model's directions, in this order; names are those from before."""

    discover: str = ""
    count: int = ON_IMPORT
    flip: tuple[str, ...] = ()
    scale: tuple[tuple[str, float], ...] = ()
    hide: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    strips: Literal["", "changed", "all"] = ""

    @property
    def changes(self) -> bool:
        return bool(self.flip or self.scale or self.hide or self.show or self.rename)


@dataclass(frozen=True)
class Answer:
    """All directions of the model, hidden ones too; what correlates with what; sentences; strips by name."""

    directions: tuple[Direction, ...]
    correlations: Correlations = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    strips: Mapping[str, np.ndarray] = field(default_factory=dict)


def directions_of_model(name: str, home: Home) -> dict[str, Direction]:
    """The directions of a model of any kind, hidden ones too. Raises `UnknownModel`, `ModelDamaged`."""
    folder = model_folder(name, home)
    return _table(folder, read_header(folder / WEIGHTS))


def change_directions(name: str, home: Home, wishes: Wishes, report: Report) -> Answer:
    """Raises `UnknownModel`, `UnknownDirection`, `BadRequest`, `ModelDamaged`; then nothing was changed."""
    folder = model_folder(name, home)
    header = read_header(folder / WEIGHTS)
    directions, notes, table = _table(folder, header), [], {}
    config = generator_config(header)
    vectors = read_vectors(folder, config.num_ws, config.w_dim)
    embedded = folder.parent == EMBEDDED_MODELS
    if wishes.changes and embedded:
        raise BadRequest(f"“{name}” comes with Likeness and stays as it is.", "Import a model of your own.")
    latents = open_latents(folder, header) if wishes.discover or wishes.strips else None
    if wishes.discover and latents:
        found, notes = discover(latents, METHODS[wishes.discover], wishes.count)
        reader = load_face_reader(EMBEDDED_MODELS / "features", torch.device("cpu"))
        table = correlations(latents, found, reader, report)
        found = labelled(found, table) if table else found
        found = [one for one in found if one.direction.vector not in _from_files(directions)]
        notes += [] if table else [_NO_FACES]
        vectors |= {one.direction.vector: one.vector for one in found}
        if header.is_conditional:
            notes.append(_NOT_KEPT)
            discovered = tuple(one.direction for one in found)
            return Answer(
                discovered, table, tuple(notes), _strips(latents, discovered, {}, vectors, wishes, report)
            )
        directions = with_discovered(directions, found)
    before, directions = directions if not wishes.discover else {}, changed(directions, wishes)
    if wishes.changes or wishes.discover:
        _keep(folder, directions, vectors)
    listed = tuple(directions.values())
    return Answer(listed, table, tuple(notes), _strips(latents, listed, before, vectors, wishes, report))


def discover(latents: Latents, methods: Sequence[str], count: int) -> tuple[list[Discovered], list[str]]:
    """What the methods find, `count` directions each, and sentences about what they could not."""
    if not 0 < count <= _MOST:
        raise BadRequest(f"{count} directions were asked for.", f"Ask for 1 to {_MOST}.")
    found = sefa(latents.generator, latents.samples, count) if "sefa" in methods else []
    if latents.samples is None:
        return found, [_NO_MAPPING]
    return found + (pca(latents.generator, latents.samples, count) if "pca" in methods else []), []


def with_discovered(directions: Mapping[str, Direction], found: Sequence[Discovered]) -> dict[str, Direction]:
    """Those that are there, and new ones; an entry that somebody has changed stays as it is."""
    by_vector = {direction.vector: direction for direction in directions.values()}
    made = dict(directions)
    for one in found:
        old = by_vector.get(one.direction.vector)
        if old is None or _is_as_discovered(old, one.direction):
            made[one.direction.name] = one.direction
    return made


def _is_as_discovered(old: Direction, new: Direction) -> bool:
    """Whether nobody has touched it, and it has no label yet: a discovered scale is positive."""
    return (old.name, old.hidden, old.hint, old.scale) == (new.name, False, "", abs(new.scale))


def changed(directions: Mapping[str, Direction], wishes: Wishes) -> dict[str, Direction]:
    """Raises `UnknownDirection`, `BadRequest`."""
    made = dict(directions)
    for name in wishes.flip:
        made[name] = _scaled(_found(made, name), -1.0)
    for name, scale in wishes.scale:
        direction = _found(made, name)
        if not 0 < scale < 1e6:
            raise BadRequest(f"{scale:g} is no scale.", "Give a number above 0, such as 0.5.")
        made[name] = _scaled(direction, scale)
    for names, hidden in ((wishes.hide, True), (wishes.show, False)):
        for name in names:
            made[name] = replace(_found(made, name), hidden=hidden)
    renamed = dict(wishes.rename)
    for old, new in renamed.items():
        _found(made, old)
        if not _NAME.fullmatch(new) or (new in made and new not in renamed):
            raise BadRequest(
                f"“{new[:60]}” is taken, or cannot be a direction's name.",
                "Use lower-case letters, digits and dashes.",
            )
    if len(set(renamed.values())) < len(renamed):
        raise BadRequest("Two directions would have the same name.", "Give each its own.")
    return {d.name: d for d in (_renamed(direction, renamed) for direction in made.values())}


def _renamed(direction: Direction, names: Mapping[str, str]) -> Direction:
    if direction.name not in names:
        return direction
    name = names[direction.name]
    return replace(direction, name=name, label=name.replace("-", " ").capitalize())


def _scaled(direction: Direction, factor: float) -> Direction:
    """Strength 1.0 is `factor` times as much. A direction that is turned has its range turned as well."""
    if not direction.vector:
        raise BadRequest(
            f"“{direction.name}” changes known parameters, in their own units.", f"Edit {TABLE} instead."
        )
    low, high = direction.minimum, direction.maximum
    low, high = (-high, -low) if factor < 0 else (low, high)
    return replace(direction, scale=direction.scale * factor, minimum=low, maximum=high)


def _from_files(directions: Mapping[str, Direction]) -> set[str]:
    return {d.vector for d in directions.values() if d.group not in GROUPS.values()}


def _found(directions: Mapping[str, Direction], name: str) -> Direction:
    if name not in directions:
        raise UnknownDirection(
            f"There is no direction “{name[:60]}”.", f"There are: {', '.join(directions) or 'none'}."
        )
    return directions[name]


def _table(folder: Path, header: Header) -> dict[str, Direction]:
    config = generator_config(header)
    vectors = read_vectors(folder, config.num_ws, config.w_dim)
    return read_directions(folder / TABLE, parameter_names(header.metadata), vectors, config.num_ws)


def _strips(
    latents: Latents | None,
    directions: Sequence[Direction],
    before: Mapping[str, Direction],
    vectors: Mapping[str, torch.Tensor],
    wishes: Wishes,
    report: Report,
) -> dict[str, np.ndarray]:
    """Of the directions in w: all, or those that are not as they were."""
    if not wishes.strips or latents is None:
        return {}
    old = before.values() if wishes.strips == "changed" else ()
    wanted = [direction for direction in directions if direction.vector and direction not in old]
    return strips(latents, wanted, vectors, report)


def _keep(folder: Path, directions: Mapping[str, Direction], vectors: Mapping[str, torch.Tensor]) -> None:
    """The vectors first: a table never names one that is not there."""
    write_vectors(folder, vectors)
    write_directions(folder / TABLE, directions.values())
    keep_checksums(folder)
