"""StyleGAN2 generators in the two public layouts → ours, which is rosinality's.

rosinality/stylegan2-pytorch: `{"g_ema": state dict, "latent_avg": [512]}`, in files of its training also `g`, `d`,
optimisers and `args`; or the bare state dict.

NVlabs/stylegan2-ada-pytorch and stylegan3 (its StyleGAN2): a pickled dict with `G_ema`, an object of
`training.networks.Generator` or `training.networks_stylegan2.Generator`, of which `inert.Holder` has the attributes.
No convolution is flipped. In that layout b{4·2^i} is the block of i = 0, 1, …
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import FileDamaged, FileUnsupported, TensorUnfit
from engine.weights.importers.files import Content
from engine.weights.importers.inert import Holder, StoredTensor
from engine.weights.importers.parts import Arrays, Part, arrays_of, latent_average, under

MAIN = frozenset({"generator", "latent_avg"})
_ANOTHER = "Give an unconditional StyleGAN2 generator of faces with skip connections, such as FFHQ's."
_GREATEST_BLOCK = 2048
_DEEPEST = 6


def from_rosinality(content: Content) -> Part:
    value = content.value
    if "g_ema" in value:
        arrays = arrays_of(value["g_ema"], content.name, "g_ema")
        average = latent_average(value.get("latent_avg"), content.name)
    else:
        arrays, average = arrays_of(value, content.name, "the state dict"), {}
    layout = "StyleGAN2 generator in the rosinality layout"
    return Part(content.name, layout, {**under("generator", arrays), **average}, MAIN)


def from_nvidia(content: Content) -> Part:
    generator = content.value.get("G_ema") if type(content.value) is dict else content.value
    if not isinstance(generator, Holder):
        raise FileUnsupported(f"{content.name}: It holds no “G_ema”.", _ANOTHER)
    found = _Network(content.name)
    found.walk(generator, "", 0)
    arrays = {**under("generator", _renamed(found.arrays, content.name))}
    if "mapping.w_avg" in found.arrays:
        arrays["latent_avg"] = found.arrays["mapping.w_avg"]
    settings = {"conv_clamp": repr(float(found.clamp))} if found.clamp else {}
    layout = "StyleGAN2 generator in NVIDIA's layout"
    return Part(content.name, layout, arrays, MAIN, settings)


class _Network:
    """Parameters and buffers of a tree of modules by name, and what its layers say about themselves."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.arrays: Arrays = {}
        self._clamps: dict[str, float | None] = {}

    @property
    def clamp(self) -> float | None:
        """The limit of all layers' activations. Raises `FileUnsupported` where they differ."""
        values = set(self._clamps.values())
        if len(values) > 1:
            raise FileUnsupported(f"{self.source}: Its layers have different values of conv_clamp.", _ANOTHER)
        return next(iter(values), None)

    def walk(self, module: Any, name: str, depth: int) -> None:
        if not isinstance(module, Holder) or depth > _DEEPEST:
            raise FileDamaged(f"{self.source}: Its module {name[:100] or 'G_ema'} makes no sense.")
        state = module.state
        self._look_at_layer(state, name)
        for kind in ("_parameters", "_buffers"):
            for key, tensor in _entries(state, kind, self.source):
                if isinstance(tensor, StoredTensor):
                    self.arrays[f"{name}{key}"] = tensor.array()
        for key, child in _entries(state, "_modules", self.source):
            if child is not None:
                self.walk(child, f"{name}{key}.", depth + 1)

    def _look_at_layer(self, state: dict[str, Any], name: str) -> None:
        if "alias" in state or name.endswith("synthesis.input."):
            raise FileUnsupported(f"{self.source}: It is a StyleGAN3 generator.", _ANOTHER)
        is_mapping = name.startswith("mapping.")
        if not is_mapping and state.get("activation", "lrelu") != "lrelu":
            raise FileUnsupported(f"{self.source}: {name} has another activation than lrelu.", _ANOTHER)
        if "conv_clamp" in state and "weight" in (state.get("_parameters") or {}):
            clamp = state["conv_clamp"]
            if clamp is not None and not (type(clamp) in (int, float) and 0 < clamp < 1e9):
                raise FileDamaged(f"{self.source}: {name}conv_clamp is no number.")
            self._clamps[name] = None if clamp is None else float(clamp)


def _entries(state: dict[str, Any], kind: str, source: str) -> list[tuple[str, Any]]:
    entries = state.get(kind)
    if type(entries) is not dict or len(entries) > 1000 or not all(isinstance(key, str) for key in entries):
        raise FileDamaged(f"{source}: One of its modules has no usable {kind}.")
    return list(entries.items())


def _renamed(theirs: Arrays, source: str) -> Arrays:
    """NVIDIA's names → rosinality's. Raises `TensorUnfit` for a tensor that has no place there."""
    if "synthesis.b4.const" not in theirs:
        raise FileUnsupported(
            f"{source}: It holds no StyleGAN2 generator (synthesis.b4.const is missing).", _ANOTHER
        )
    left = {key: array for key, array in theirs.items() if key != "mapping.w_avg"}
    ours: Arrays = {}

    def take(key: str) -> np.ndarray:
        if key not in left:
            raise TensorUnfit(f"{source}: {key} is missing.", _ANOTHER)
        return left.pop(key)

    def convolution(theirs: str, name: str) -> None:
        ours[f"{name}.conv.weight"] = take(f"{theirs}.weight")[None]
        ours[f"{name}.conv.modulation.weight"] = take(f"{theirs}.affine.weight")
        ours[f"{name}.conv.modulation.bias"] = take(f"{theirs}.affine.bias")

    def layer(theirs: str, name: str, resolution: int, noise: int) -> None:
        convolution(theirs, name)
        ours[f"{name}.activate.bias"] = take(f"{theirs}.bias")
        left.pop(f"{theirs}.resample_filter", None)
        if f"{theirs}.noise_const" in left:
            ours[f"{name}.noise.weight"] = take(f"{theirs}.noise_strength").reshape(1)
            ours[f"noises.noise_{noise}"] = take(f"{theirs}.noise_const")[None, None]
        else:  # use_noise=False
            ours[f"{name}.noise.weight"] = np.zeros(1, "<f4")
            ours[f"noises.noise_{noise}"] = np.zeros((1, 1, resolution, resolution), "<f4")

    def to_rgb(theirs: str, name: str) -> None:
        convolution(theirs, name)
        ours[f"{name}.bias"] = take(f"{theirs}.bias").reshape(1, -1, 1, 1)

    index = 0
    while f"mapping.fc{index}.weight" in left:
        for kind in ("weight", "bias"):
            ours[f"style.{index + 1}.{kind}"] = take(f"mapping.fc{index}.{kind}")
        index += 1
    ours["input.input"] = take("synthesis.b4.const")[None]
    left.pop("synthesis.b4.resample_filter", None)
    layer("synthesis.b4.conv1", "conv1", 4, 0)
    to_rgb("synthesis.b4.torgb", "to_rgb1")
    i, resolution = 1, 8
    while f"synthesis.b{resolution}.conv0.weight" in left and resolution <= _GREATEST_BLOCK:
        block = f"synthesis.b{resolution}"
        kernel = np.asarray(take(f"{block}.resample_filter"), "<f4") * 4
        layer(f"{block}.conv0", f"convs.{2 * i - 2}", resolution, 2 * i - 1)
        ours[f"convs.{2 * i - 2}.conv.blur.kernel"] = kernel
        layer(f"{block}.conv1", f"convs.{2 * i - 1}", resolution, 2 * i)
        to_rgb(f"{block}.torgb", f"to_rgbs.{i - 1}")
        ours[f"to_rgbs.{i - 1}.upsample.kernel"] = kernel
        i, resolution = i + 1, 2 * resolution
    if left:
        raise TensorUnfit(f"{source}: {min(left)} has no place in an unconditional StyleGAN2.", _ANOTHER)
    return ours
