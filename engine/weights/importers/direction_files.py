"""Edit directions: one tensor in a file named after it, GANSpace's components, and our own table.

omertov/encoder4editing: `.pt` tensors [1,512] or [1,18,512]. Others: `.npy` [18,512], [1,512], [512] or [1,9216].
GANSpace: a dict `mean` [1,512], `comp` [80,1,512], `std` [80], as `.pt`; or harkonnen's `.npz` with `lat_mean`,
`lat_comp`, `lat_stdev`. The boundaries that InterFaceGAN published are of PGGAN and StyleGAN, not of StyleGAN2.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from engine.errors import FileUnsupported, TensorUnfit
from engine.weights.importers.files import Content
from engine.weights.importers.inert import NumpyArray, StoredTensor
from engine.weights.importers.parts import Part, arrays_of

_INTERFACEGAN = re.compile(r"(stylegan|pggan)_(ffhq|celebahq)_\w*boundary", re.IGNORECASE)
_MOST_NUMBERS = 40 * 2048
_NPZ_NAMES = {"lat_mean": "mean", "lat_comp": "comp", "lat_stdev": "std"}


def from_tensor(content: Content) -> Part:
    """One direction; its name is the file's."""
    if _INTERFACEGAN.search(content.name):
        raise FileUnsupported(
            f"{content.name}: InterFaceGAN's published boundaries belong to PGGAN and StyleGAN, not to StyleGAN2.",
            "Use directions that were found in your generator's own w.",
        )
    value = content.value.tensor if isinstance(content.value, NumpyArray) else content.value
    if not isinstance(value, StoredTensor):
        raise TensorUnfit(f"{content.name}: Its array has no numbers.", "Give another file.")
    array = value.array()
    if array.dtype.kind != "f" or not 0 < array.size <= _MOST_NUMBERS:
        raise TensorUnfit(
            f"{content.name}: Its tensor has the shape {list(array.shape)}; a direction is [1,512] or [18,512].",
            "Give another file.",
        )
    name = direction_name(content.name)
    arrays = {f"directions.{name}": array}
    return Part(content.name, f"edit direction “{name}”", arrays, frozenset(arrays))


def from_ganspace(content: Content) -> Part:
    value = content.value
    if content.form == "npz":
        value = {ours: value[theirs] for theirs, ours in _NPZ_NAMES.items() if theirs in value}
    value = {
        key: item.tensor if isinstance(item, NumpyArray) else item
        for key, item in value.items()
        if key in ("mean", "comp", "std")
    }
    found = arrays_of(value, content.name, "components")
    for key in ("mean", "comp", "std"):
        if key not in found:
            raise TensorUnfit(f"{content.name}: “{key}” is missing.", "Give another file.")
    comp = found["comp"].reshape(len(found["comp"]), -1)
    arrays = {
        "components.mean": found["mean"].reshape(-1),
        "components.comp": comp,
        "components.std": found["std"].reshape(-1),
    }
    if arrays["components.mean"].size != comp.shape[1] or arrays["components.std"].size != len(comp):
        raise TensorUnfit(f"{content.name}: mean, comp and std do not fit together.", "Give another file.")
    layout = f"GANSpace, {len(comp)} components"
    return Part(content.name, layout, arrays, frozenset({"components"}))


def from_table(content: Content) -> Part:
    return Part(content.name, "table of directions", {}, frozenset({"table"}), table=content.value)


def direction_name(file_name: str) -> str:
    """A file's name as a direction's: lower-case letters, digits and dashes."""
    stem = PurePath(file_name).stem.lower().replace("_direction", "").replace("direction_", "")
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:60] or "direction"
