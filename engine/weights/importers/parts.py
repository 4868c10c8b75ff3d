"""What an importer makes of one file: tensors under our names, and what is known about them.

The names of tensors (the first word is the *group*; each direction is one of its own):

    generator.*       StyleGAN2 in the rosinality layout       latent_avg     [w_dim], [1,w_dim] or [num_ws,w_dim]
    encoder.*         e4e, pSp or ReStyle                      encoder_avg    the same, what its answers are added to
    samm.*            SAMM: `feats_conv.*`, `modulation.*`     identity.*     IR-SE50
    directions.NAME   an edit direction, in w or w_plus        components.*   GANSpace: `mean`, `comp`, `std`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import FileUnsupported, TensorUnfit
from engine.weights.importers.inert import StoredTensor

Arrays = dict[str, np.ndarray]
_USABLE = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_MOST_TENSORS = 20_000


@dataclass(frozen=True)
class Part:
    """One file's contribution.

    Attributes:
        source: the file's name.
        layout: what it is, for people: “generator in the rosinality layout”.
        arrays: by our names.
        main: the groups that the file is there for; the others lie inside it and give way to another file's.
        settings: what goes into the model's metadata: conv_clamp, encoder, pyramid, …
        notes: sentences for people.
        table: the text of a `directions.toml`.
    """

    source: str
    layout: str
    arrays: Arrays
    main: frozenset[str]
    settings: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    table: str = ""

    def groups(self) -> set[str]:
        return {group_of(key) for key in self.arrays}


def group_of(key: str) -> str:
    """The group of a tensor; every direction is one of its own."""
    group = key.partition(".")[0]
    return key if group == "directions" else group


def is_state_dict(value: Any) -> bool:
    return (
        type(value) is dict and bool(value) and all(isinstance(item, StoredTensor) for item in value.values())
    )


def arrays_of(state: Any, source: str, where: str) -> Arrays:
    """The tensors of a state dict. Raises `TensorUnfit` that names an entry which is none."""
    if type(state) is not dict:
        raise FileUnsupported(f"{source}: “{where}” in it is no state dict.", "Give another checkpoint.")
    if len(state) > _MOST_TENSORS:
        raise FileUnsupported(f"{source}: It has {len(state):,} tensors.", "Give another checkpoint.")
    arrays = {}
    for key, value in state.items():
        if not isinstance(key, str) or not _USABLE.fullmatch(key):
            raise TensorUnfit(f"{source}: “{where}” has a tensor with an unusable name.", "Give another file.")
        if not isinstance(value, StoredTensor):
            raise TensorUnfit(f"{source}: {where}.{key} is no tensor.", "Give another file.")
        arrays[key] = value.array()
    return arrays


def below(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}


def under(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    return {f"{prefix}.{key}": array for key, array in arrays.items()}


def latent_average(value: Any, source: str) -> Arrays:
    """`latent_avg` of a checkpoint, where it has one."""
    if isinstance(value, StoredTensor):
        return {"latent_avg": value.array()}
    if value is None:
        return {}
    raise TensorUnfit(f"{source}: latent_avg is no tensor.", "Give another file.")
