"""Several parts → one model: which file each group of tensors is from, and whether they belong together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import FileUnsupported, TensorUnfit
from engine.weights.importers.files import Content
from engine.weights.importers.inverters import OUR_FORMAT, OUR_VERSION
from engine.weights.importers.licences import PUBLISHED, UNKNOWN
from engine.weights.importers.parts import Arrays, Part, below, group_of

_ONE_OF_THEM = "Give only one of them."


@dataclass(frozen=True)
class Assembled:
    """A model's tensors, its metadata, its table of directions (or ""), and what people should know."""

    arrays: Arrays
    metadata: dict[str, str]
    table: str
    notes: tuple[str, ...]


def assemble(contents: Sequence[Content], parts: Sequence[Part]) -> Assembled:
    """Raises `FileUnsupported` where no model comes of it, `TensorUnfit` for what does not fit the generator."""
    arrays: Arrays = {}
    settings: dict[str, str] = {}
    notes = [note for part in parts for note in part.notes]
    owners = _owners(parts)
    for part in parts:
        arrays |= {key: array for key, array in part.arrays.items() if owners[group_of(key)] is part}
        settings |= {key: value for key, value in part.settings.items() if _is_owner(key, part, owners)}
        notes += _differences(part, owners)
    if not any(key.startswith("generator.") for key in arrays):
        raise FileUnsupported(
            "There is no generator in what you gave: "
            + "; ".join(f"{p.source}: {p.layout}" for p in parts)
            + ".",
            "Give a StyleGAN2 generator with it.",
        )
    arrays = _shaped_directions(arrays, parts)
    tables = [part.table for part in parts if part.table]
    if len(tables) > 1:
        raise FileUnsupported("There are two tables of directions.", _ONE_OF_THEM)
    sources = [source_of(content, part) for content, part in zip(contents, parts, strict=True)]
    licences = {source["licence"] for source in sources}
    metadata = {
        "edge": "zeros",
        "licence": settings.pop("licence", "; ".join(sorted(licences))),
        **settings,
        "format": OUR_FORMAT,
        "version": OUR_VERSION,
        "sources": json.dumps(sources),
    }
    return Assembled(arrays, metadata, tables[0] if tables else "", tuple(notes))


def source_of(content: Content, part: Part) -> dict[str, Any]:
    """What is said, and kept, about one file. A file without a published checksum: first use, checksum recorded."""
    published, licence = PUBLISHED.get(content.sha256, ("", UNKNOWN))
    return {
        "name": content.name,
        "bytes": content.bytes,
        "sha256": content.sha256,
        "layout": part.layout,
        "published_as": published,
        "licence": licence,
    }


def _owners(parts: Sequence[Part]) -> dict[str, Part]:
    """Each group's part: the one that is there for it, else the first that has it inside."""
    owners: dict[str, Part] = {}
    for part in parts:
        for group in part.groups() & part.main:
            if group in owners:
                what = group.replace("directions.", "direction ")
                raise FileUnsupported(
                    f"{owners[group].source} and {part.source} both have the {what}.", _ONE_OF_THEM
                )
            owners[group] = part
    for part in parts:
        for group in part.groups() - part.main:
            owners.setdefault(group, part)
    return owners


_SETTING_GROUPS = {
    "conv_clamp": "generator",
    "edge": "generator",
    "encoder": "encoder",
    "encoder_passes": "encoder",
    "pyramid": "encoder",
    "samm_cycles": "samm",
    "samm_max_flow": "samm",
    "parameters": "parameters",
}


def _is_owner(setting: str, part: Part, owners: dict[str, Part]) -> bool:
    """A setting counts where its part has the tensors that it is about."""
    return owners.get(_SETTING_GROUPS.get(setting, "generator")) is part


def _differences(part: Part, owners: dict[str, Part]) -> list[str]:
    """A sentence where a generator inside another file is another than the one that is used (noise apart)."""
    owner = owners.get("generator")
    if owner is None or owner is part or "generator" not in part.groups():
        return []
    for key, array in below("generator.", part.arrays).items():
        used = owner.arrays.get(f"generator.{key}")
        if not key.startswith("noises.") and (used is None or not np.array_equal(used, array)):
            return [
                f"The generator inside {part.source} is not the one of {owner.source} (generator.{key} differs); "
                "its encoder was trained for its own, and may do worse with this one."
            ]
    return []


def _shaped_directions(arrays: Arrays, parts: Sequence[Part]) -> Arrays:
    """Directions as [1,w_dim] or [num_ws,w_dim] in float32; components checked. Raises `TensorUnfit`."""
    style = arrays.get("generator.conv1.conv.modulation.weight")
    if style is None or style.ndim != 2:
        raise TensorUnfit(
            "generator.conv1.conv.modulation.weight is missing or has another rank than 2.",
            "Give another generator.",
        )
    w_dim = style.shape[1]
    blocks = 0
    while f"generator.to_rgbs.{blocks}.bias" in arrays:
        blocks += 1
    num_ws = 2 + 2 * blocks
    made = dict(arrays)
    for key, array in arrays.items():
        rows = array.size // w_dim
        if key.startswith("directions."):
            if (
                rows not in (1, num_ws)
                or array.size != rows * w_dim
                or array.shape[-1] not in (w_dim, array.size)
            ):
                raise TensorUnfit(
                    f"{key}: its shape {list(array.shape)} does not fit a generator with w of "
                    f"[{w_dim}] and w_plus of [{num_ws},{w_dim}].",
                    "Use directions that were found in this generator's w.",
                )
            made[key] = np.asarray(array.reshape(rows, w_dim), "<f4")
        elif key == "components.comp" and array.shape[1] != w_dim:
            raise TensorUnfit(
                f"{key}: it has {array.shape[1]} columns, the generator's w has {w_dim}.",
                "Use components that were found in this generator's w.",
            )
    return made
