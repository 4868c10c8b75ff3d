"""The header of an imported model's file: enough to know whether its tensors make the networks that they claim to be.

Shapes are compared with networks on torch's meta device, which have shapes and no memory. `importers/parts.py` has the
names of the tensors.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from engine.errors import ModelDamaged, TensorUnfit
from engine.networks import irse
from engine.networks.encoder import EncoderConfig
from engine.networks.out_of_domain import SCALES, InverterConfig, PublishedOutOfDomainInverter
from engine.networks.published_encoders import HEADS, ImportedEncoder
from engine.networks.stylegan2 import Generator, GeneratorConfig

State = Mapping[str, torch.Tensor]
_GREATEST_RESOLUTION = 2048
_DEEPEST_MAPPING = 32
_ANOTHER = "Give a checkpoint that fits, as it was published."
_IDENTITY_MAP = 7  # px, of 112
_GROUPS = (
    "generator",
    "latent_avg",
    "encoder",
    "encoder_avg",
    "samm",
    "identity",
    "directions",
    "components",
)
_CONDITIONAL = ("mapping", "landmarks", "regions", "parameters")


@dataclass(frozen=True)
class Header:
    """What a model file says without its numbers: metadata, and tensors on the meta device."""

    metadata: dict[str, str]
    state: dict[str, torch.Tensor]

    @property
    def is_conditional(self) -> bool:
        """Whether it has the known parameters that the embedded default is edited by."""
        return "parameters" in self.metadata

    def below(self, prefix: str) -> dict[str, torch.Tensor]:
        return below(prefix, self.state)


def read_header(path: Path) -> Header:
    """Raises `ModelDamaged` where it is no model file of ours."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelDamaged(f"{path.name} cannot be read: {error}.", "Import the model again.") from None
    if metadata.get("format") != "likeness-model" or metadata.get("version") != "1":
        raise ModelDamaged(f"{path.name} is not a model of ours, or of another version.", "Import it again.")
    return Header(metadata, {key: torch.empty(shape, device="meta") for key, shape in shapes.items()})


def check(header: Header) -> None:
    """Raises `TensorUnfit` that names the first tensor which does not fit the networks that it belongs to."""
    for key in header.state:
        if group(key) not in (*_GROUPS, *(_CONDITIONAL if header.is_conditional else ())):
            raise TensorUnfit(f"{key} has no place in a model.", _ANOTHER)
    config = generator_config(header)
    with on_meta("generator"):
        generator = Generator(config)
    _compare("generator.", header, generator)
    if not (config.n_mlp or header.is_conditional or "latent_avg" in header.state):
        raise TensorUnfit("latent_avg is missing, and generator.style.1.weight, which could give it.", _ANOTHER)
    shapes = [(config.w_dim,), (1, config.w_dim), (config.num_ws, config.w_dim)]
    for key in ("latent_avg", "encoder_avg"):
        if key in header.state and tuple(header.state[key].shape) not in shapes:
            raise _unfit(key, header.state[key].shape, f"[{config.w_dim}] or [{config.num_ws}, {config.w_dim}]")
    if "conv_clamp" in header.metadata and not number(header, "conv_clamp", 0) > 0:
        raise TensorUnfit("conv_clamp is no limit.", _ANOTHER)
    if header.below("encoder."):
        _check_encoder(header, config)
    if header.below("samm."):
        with on_meta("samm"):
            samm = PublishedOutOfDomainInverter(inverter_config(header, config))
        del samm.encoder, samm.generator, samm.avg_latent
        _compare("samm.", header, samm)
    if header.below("identity."):
        with on_meta("identity"):
            identity = _irse50(header)
        _compare("identity.", header, identity)


def _check_encoder(header: Header, generator: GeneratorConfig) -> None:
    config, kind = encoder_config(header)
    if (config.num_ws, config.w_dim) != (generator.num_ws, generator.w_dim):
        key = f"encoder.styles.{min(config.num_ws, generator.num_ws + 1) - 1}.linear.weight"
        raise TensorUnfit(
            f"{key}: the encoder makes {config.num_ws} rows of {config.w_dim}, the generator takes "
            f"{generator.num_ws} of {generator.w_dim}.",
            "Give an encoder that was trained for this generator.",
        )
    with on_meta("encoder"):
        encoder = ImportedEncoder(config, kind)
    _compare("encoder.", header, encoder)


def _compare(prefix: str, header: Header, network: nn.Module) -> None:
    """Names and shapes, strictly."""
    found = header.below(prefix)
    expected = network.state_dict()
    for key, tensor in expected.items():
        if key not in found:
            raise TensorUnfit(f"{prefix}{key} is missing.", _ANOTHER)
        if found[key].shape != tensor.shape:
            raise _unfit(f"{prefix}{key}", found[key].shape, str(list(tensor.shape)))
    for key in found:
        if key not in expected:
            raise TensorUnfit(f"{prefix}{key} has no place in such a network.", _ANOTHER)


def _unfit(key: str, shape: torch.Size, expected: str) -> TensorUnfit:
    return TensorUnfit(f"{key} has the shape {list(shape)}, expected is {expected}.", _ANOTHER)


@contextlib.contextmanager
def on_meta(what: str) -> Iterator[None]:
    """Networks made here have shapes and no memory."""
    try:
        with torch.device("meta"):
            yield
    except (ValueError, RuntimeError, TypeError, OverflowError) as error:
        raise TensorUnfit(f"{what}: {error}.", _ANOTHER) from None


def generator_config(header: Header) -> GeneratorConfig:
    state = header.below("generator.")
    blocks = sum(key.startswith("to_rgbs.") and key.endswith(".conv.weight") for key in state)
    layers = sum(key.startswith("style.") and key.endswith(".weight") for key in state)
    if 4 << min(blocks, 60) > _GREATEST_RESOLUTION or layers > _DEEPEST_MAPPING:
        raise TensorUnfit(
            f"generator.to_rgbs, generator.style: {blocks} scales and {layers} mapping layers are too many.",
            _ANOTHER,
        )
    try:
        edge = "replicate" if header.metadata.get("edge") == "replicate" else "zeros"
        return GeneratorConfig.from_state_dict(state, edge=edge)
    except ValueError as error:
        raise TensorUnfit(f"generator: {error}.", _ANOTHER) from None


def encoder_config(header: Header) -> tuple[EncoderConfig, str]:
    """Sizes and kind. Raises `TensorUnfit`."""
    state = header.below("encoder.")
    kind = header.metadata.get("encoder", "")
    if kind not in HEADS:
        raise TensorUnfit(f"encoder: “{kind[:40]}” is no encoder that is known here.", _ANOTHER)
    if not HEADS[kind].pyramid:  # the configuration is that of e4e, which has these two
        state |= {key: torch.empty(0, device="meta") for key in ("latlayer1.weight", "latlayer2.weight")}
    pyramid = "bicubic" if header.metadata.get("pyramid") == "bicubic" else "bilinear"
    try:
        config = EncoderConfig.from_state_dict(state, pyramid)
    except (ValueError, TypeError) as error:
        raise TensorUnfit(f"encoder: {error}.", _ANOTHER) from None
    if config.num_ws > 2 * _GREATEST_RESOLUTION.bit_length():
        raise TensorUnfit(f"encoder.styles: {config.num_ws} heads are too many.", _ANOTHER)
    return config, kind


def inverter_config(header: Header, generator: GeneratorConfig) -> InverterConfig:
    """Raises `TensorUnfit` where SAMM, encoder and generator do not belong together."""
    if header.metadata.get("encoder") != "e4e":
        raise TensorUnfit("samm.feats_conv.0.weight: SAMM needs its e4e encoder.", _ANOTHER)
    widths = []
    for i, scale in enumerate(SCALES):
        key = f"samm.feats_conv.{i}.weight"
        if key not in header.state:
            raise TensorUnfit(f"{key} is missing.", _ANOTHER)
        widths.append(header.state[key].shape[0] if header.state[key].ndim == 4 else 0)
        if scale <= generator.resolution and widths[-1] != generator.width(scale):
            expected = f"{generator.width(scale)} channels, the generator's at {scale} px"
            raise _unfit(key, header.state[key].shape, expected)
    w256, w128, w64, w32 = widths
    return InverterConfig(
        generator,
        encoder_config(header)[0],
        (w256, w128, w64, w32),
        cycles=max(1, min(int(number(header, "samm_cycles", 2)), 8)),
        max_flow=number(header, "samm_max_flow", 0.08),
    )


def number(header: Header, key: str, otherwise: float) -> float:
    try:
        number = float(header.metadata.get(key, otherwise))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TensorUnfit(f"{key} is no number.", _ANOTHER)
    return number


def _irse50(header: Header) -> nn.Module:
    """IR-SE50 with the widths of the file; published with 64 64 128 256 512, 112 px in, an embedding of 512 out."""
    state = header.below("identity.")
    first_units = (0, *accumulate(irse.UNITS_PER_STAGE[:-1]))
    keys = [
        "input_layer.0.weight",
        *(f"body.{i}.res_layer.3.weight" for i in first_units),
        "output_layer.3.weight",
    ]
    for key in keys:
        if key not in state or not state[key].ndim:
            raise ValueError(f"{key} is missing")
    *widths, embedding = (len(state[key]) for key in keys)
    network = nn.Module()
    network.input_layer = irse.input_layer(widths[0])
    network.body = irse.body(tuple(widths))
    flat = widths[-1] * _IDENTITY_MAP**2
    network.output_layer = nn.Sequential(
        nn.BatchNorm2d(widths[-1]),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(flat, embedding),
        nn.BatchNorm1d(embedding),
    )
    return network


def group(key: str) -> str:
    return key.partition(".")[0]


def below(prefix: str, state: State) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
