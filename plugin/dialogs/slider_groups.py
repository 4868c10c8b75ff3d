"""Which sliders a panel shows, in which groups. Without Qt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.messages import DirectionInfo

ALL_OPEN = 12  # up to so many sliders, no group starts closed
FIRST_OPEN = 2  # groups, with more


@dataclass(frozen=True)
class SliderGroup:
    """A header and what stands under it; `sliders` is empty while it is closed."""

    name: str
    open: bool
    sliders: tuple[DirectionInfo, ...]
    moved: int


def closed_at_first(directions: Sequence[DirectionInfo], edits: Mapping[str, float]) -> set[str]:
    """The groups that begin closed: of many the later ones, unless something in them was moved."""
    if len(directions) <= ALL_OPEN:
        return set()
    busy = {d.group for d in directions if d.name in edits}
    return set(list(dict.fromkeys(d.group for d in directions))[FIRST_OPEN:]) - busy


def slider_groups(
    directions: Sequence[DirectionInfo], edits: Mapping[str, float], search: str, closed: Collection[str]
) -> list[SliderGroup]:
    """While something is sought, only what fits, and nothing closed."""
    words = search.casefold().split()
    found: dict[str, list[DirectionInfo]] = {}
    for direction in _sought(directions, words):
        found.setdefault(direction.group, []).append(direction)
    return [
        SliderGroup(
            name=name,
            open=bool(words) or name not in closed,
            sliders=tuple(members) if words or name not in closed else (),
            moved=sum(d.name in edits for d in members),
        )
        for name, members in found.items()
    ]


def _sought(directions: Sequence[DirectionInfo], words: list[str]) -> list[DirectionInfo]:
    """Sliders with all words in their own name or hint; if there are none, those of a group called so."""
    texts = [f"{d.label} {d.name} {d.hint}".casefold() for d in directions]
    own = [d for d, text in zip(directions, texts, strict=True) if all(w in text for w in words)]
    return own or [d for d in directions if all(w in d.group.casefold() for w in words)]
