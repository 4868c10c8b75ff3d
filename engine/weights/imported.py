"""An imported model in memory. `header.py` says what must fit before a tensor is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

from engine.networks.clamp import limit_activations
from engine.networks.out_of_domain import PublishedOutOfDomainInverter
from engine.networks.published_encoders import ImportedEncoder
from engine.networks.stylegan2 import Generator
from engine.weights.direction_vectors import read_vectors, w_plus_step
from engine.weights.directions import TABLE, Direction, offered, read_directions
from engine.weights.header import (
    Header,
    State,
    below,
    check,
    encoder_config,
    generator_config,
    group,
    inverter_config,
    number,
    on_meta,
    read_header,
)

_SAMPLES = 4096


@dataclass(frozen=True)
class ImportedModel:
    """An imported model, ready for inference.

    Attributes:
        latent_avg: [w_dim], [1,w_dim] or [num_ws,w_dim].
        encoder: image → w_plus, or None; its answers are added to `encoder_avg` (`published_encoders.encode` does it).
        inverter: the published out-of-domain method with this generator and encoder, or None.
        directions: those that are offered, by name; `step` has what one adds to w_plus.
        vectors: [1,w_dim] or [num_ws,w_dim] each, as they were published or discovered.
    """

    name: str
    digest: str
    metadata: dict[str, str]
    generator: Generator
    latent_avg: torch.Tensor
    encoder: ImportedEncoder | None
    encoder_avg: torch.Tensor
    inverter: PublishedOutOfDomainInverter | None
    directions: dict[str, Direction]
    vectors: dict[str, torch.Tensor]

    @property
    def resolution(self) -> int:
        return self.generator.config.resolution

    @property
    def notice(self) -> str:
        terms = self.metadata.get("licence", "not known")
        return f"An imported model: it paints new pixels, {self.resolution} px for a face. Licence: {terms}."

    def step(self, name: str) -> torch.Tensor:
        """What strength 1.0 of a direction adds to w_plus: [num_ws,w_dim]."""
        direction = self.directions[name]
        return w_plus_step(direction, self.vectors[direction.vector], self.generator.num_ws)


def load_imported(path: Path, name: str, device: torch.device) -> ImportedModel:
    """Load `path`, a `model.safetensors` with its directions beside it, for inference; fractions become float32.

    Raises `ModelDamaged`, `TensorUnfit`.
    """
    header = _checked_header(path)
    with path.open("rb") as whole:
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
    state = _read(path, header, device, lambda key: group(key) not in ("identity", "directions", "components"))
    generator = _generator(header, state)
    encoder = None
    if header.below("encoder."):
        with on_meta("encoder"):
            encoder = ImportedEncoder(*encoder_config(header))
        encoder.load_state_dict(below("encoder.", state), assign=True)
        encoder.eval().requires_grad_(False)
    latent_avg = state["latent_avg"] if "latent_avg" in state else _estimated_average(generator)
    vectors = read_vectors(path.parent, generator.num_ws, generator.config.w_dim)
    return ImportedModel(
        name=name,
        digest=digest,
        metadata=header.metadata,
        generator=generator,
        latent_avg=latent_avg,
        encoder=encoder,
        encoder_avg=state.get("encoder_avg", torch.zeros_like(latent_avg)),
        inverter=_inverter(header, state, generator, encoder),
        directions=offered(read_directions(path.parent / TABLE, (), vectors, generator.num_ws)),
        vectors={key: vector.to(device) for key, vector in vectors.items()},
    )


def load_generator(path: Path, device: torch.device) -> tuple[Generator, torch.Tensor]:
    """The generator alone, and its latent average. Raises `ModelDamaged`, `TensorUnfit`."""
    header = _checked_header(path)
    state = _read(path, header, device, lambda key: group(key) in ("generator", "latent_avg"))
    generator = _generator(header, state)
    return generator, state["latent_avg"] if "latent_avg" in state else _estimated_average(generator)


def sample_w(generator: Generator, count: int) -> torch.Tensor:
    """w [count,w_dim] of `count` random z, the same every time."""
    random = torch.Generator().manual_seed(0)
    z = torch.randn(count, generator.config.w_dim, generator=random)
    with torch.no_grad():
        return generator.mapping(z)


def _checked_header(path: Path) -> Header:
    header = read_header(path)
    check(header)
    return header


def _read(path: Path, header: Header, device: torch.device, wanted: Callable[[str], bool]) -> State:
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in header.state if wanted(key)}
    return {
        key: tensor.to(device, torch.float32 if tensor.is_floating_point() else tensor.dtype)
        for key, tensor in tensors.items()
    }


def _generator(header: Header, state: State) -> Generator:
    with on_meta("generator"):
        generator = Generator(generator_config(header))
    generator.load_state_dict(below("generator.", state), assign=True)
    if "conv_clamp" in header.metadata:
        limit_activations(generator, number(header, "conv_clamp", 0))
    return generator.freeze()


def _inverter(
    header: Header, state: State, generator: Generator, encoder: ImportedEncoder | None
) -> PublishedOutOfDomainInverter | None:
    """The published method around the networks that are loaded already."""
    if encoder is None or not header.below("samm."):
        return None
    with on_meta("samm"):
        inverter = PublishedOutOfDomainInverter(inverter_config(header, generator.config))
    inverter.generator, inverter.encoder = generator, encoder
    inverter.load_state_dict(below("samm.", state), strict=False, assign=True)  # `check` was strict
    average = state["encoder_avg"] if "encoder_avg" in state else state["latent_avg"]
    inverter.avg_latent = average.reshape(-1, average.shape[-1])[:1]
    return inverter.eval().requires_grad_(False)


def _estimated_average(generator: Generator) -> torch.Tensor:
    """The mean of w over samples of z, where a checkpoint has no `latent_avg`: the same every time."""
    return sample_w(generator, _SAMPLES).mean(0)
