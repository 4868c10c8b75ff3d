"""Reads the reference vectors (tests/reference/README.md) from LIKENESS_REFERENCE_DIR.

A vector set is `<stem>.safetensors` (weights) and `<stem>_io.npz` (arrays); its kind is the first letter of the
stem. Every array that is not an input becomes a test of its own, so none can be left out.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

FOLDER = Path(os.environ.get("LIKENESS_REFERENCE_DIR") or Path(__file__).parents[1] / "reference")
_SUFFIXES = (".npz", ".safetensors")
_PACKED_INTEGER = re.compile(r"::int8_div(\d+)$")


@dataclass(frozen=True)
class VectorSet:
    """One stem's weights, arrays, and what meta.json says about it (empty if nothing)."""

    stem: str
    weights: dict[str, torch.Tensor]
    arrays: dict[str, torch.Tensor]
    meta: dict[str, Any]


def cases(kind: str, is_input: Callable[[str], bool]) -> list[Any]:
    """Parameters (stem, array name) for every array of every set of this kind, inputs left out.

    A folder without any set of the kind, or a set without its other file, gives a case that fails.
    """
    stems = {path.stem.removesuffix("_io") for path in FOLDER.glob(f"{kind}_*") if path.suffix in _SUFFIXES}
    found = []
    for stem in sorted(stems):
        if not (FOLDER / f"{stem}_io.npz").exists() or not (FOLDER / f"{stem}.safetensors").exists():
            found.append(pytest.param(stem, "", id=f"{stem}-incomplete"))
            continue
        with np.load(FOLDER / f"{stem}_io.npz") as arrays:
            names = [name for name in arrays.files if not is_input(name)]
        found += [pytest.param(stem, name, id=f"{stem}-{name}") for name in names]
    return found or [pytest.param(f"{kind}_*", "", id="missing")]


@cache
def load(stem: str) -> VectorSet:
    """Read one set; the test fails where it is missing."""
    if not (FOLDER / f"{stem}_io.npz").exists() or not (FOLDER / f"{stem}.safetensors").exists():
        pytest.fail(f"{FOLDER} does not hold both {stem}.safetensors and {stem}_io.npz")
    with np.load(FOLDER / f"{stem}_io.npz") as arrays:
        tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    weights = dict(map(_unpack, load_file(FOLDER / f"{stem}.safetensors").items()))
    return VectorSet(stem, weights, tensors, _meta(stem))


def assert_close(name: str, actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    """Largest absolute difference at most `tolerance`, shapes equal."""
    assert actual.shape == expected.shape, f"{name}: {list(actual.shape)} instead of {list(expected.shape)}"
    error = (actual - expected).abs().max().item()
    print(f"max-abs {name}: {error:.1e} (tolerance {tolerance:.0e})")
    assert error <= tolerance, f"{name}: max-abs error {error:.2e} over {tolerance:.0e}"


def strided_like(tensor: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Every s-th pixel of [N,C,H,W], s so that `expected`'s size comes out."""
    step = tensor.shape[-1] // expected.shape[-1]
    return tensor[:, :, ::step, ::step]


def decimal(digits: str) -> float:
    """The number in a name like "trunc07": the point stands after the first digit."""
    return float(f"{digits[0]}.{digits[1:] or '0'}")


def _unpack(item: tuple[str, torch.Tensor]) -> tuple[str, torch.Tensor]:
    name, tensor = item
    if packed := _PACKED_INTEGER.search(name):
        return name[: packed.start()], tensor.float() / int(packed[1])
    return name, tensor.float() if tensor.is_floating_point() else tensor


def _meta(stem: str) -> dict[str, Any]:
    """The entry of meta.json whose name says most of the stem's words (at least its kind)."""
    path = FOLDER / "meta.json"
    entries = json.loads(path.read_text()) if path.exists() else {}
    words = set(stem.split("_"))
    matching = [key for key in entries if key[0] == stem[0] and set(key.split("_")) <= words]
    return entries[max(matching, key=len)] if matching else {}


def part(name: str, tensor: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Cut out of the whole what the vectors hold."""
    if name.endswith("_mean"):
        return tensor.mean()
    if name.endswith("_sub"):
        return strided_like(tensor, expected)
    if name.endswith("_crop"):
        n = tensor.shape[-1]
        return tensor[:, :, n // 2 - 32 : n // 2 + 32, n // 4 : n // 4 + 64]
    return tensor
