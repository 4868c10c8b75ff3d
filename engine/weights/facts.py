"""What a model is and what can be done with it, read off its header, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine.networks.stylegan2 import GeneratorConfig
from engine.weights.header import Header


@dataclass(frozen=True)
class ModelFacts:
    """A model's header in words.

    Attributes:
        resolution: of its pictures, px. widths: channels at 4, 8, … px. num_ws, w_dim: shape of w_plus.
        mapping_layers: 0 where a conditional mapping makes w.
        encoder: its kind, or "". latent_average: "in the file" or how it is had otherwise.
        sources: one entry for each file it was made of: name, bytes, sha256, layout, licence.
        missing, abilities: sentences.
    """

    resolution: int
    widths: tuple[int, ...]
    num_ws: int
    w_dim: int
    mapping_layers: int
    latent_average: str
    conv_clamp: float | None
    encoder: str
    has_samm: bool
    has_identity: bool
    is_conditional: bool
    directions: tuple[str, ...]
    components: int
    licence: str
    sources: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]
    abilities: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people, most important first."""
        found = [
            f"Generator: {self.resolution} px, widths {' '.join(map(str, self.widths))} from 4 px on.",
            f"Latents: w_plus {self.num_ws} × {self.w_dim}, {self.mapping_layers} mapping layers; "
            f"latent average {self.latent_average}.",
        ]
        if self.conv_clamp is not None:
            found.append(f"Activations are limited to ±{self.conv_clamp:g} (conv_clamp).")
        if self.encoder:
            found.append(f"Encoder: {self.encoder}.")
        if self.has_samm:
            found.append("SAMM: the published one, with its encoder.")
        if self.has_identity:
            found.append("Identity network: IR-SE50.")
        if self.directions:
            found.append(f"Directions in its files: {', '.join(self.directions)}.")
        if self.components:
            found.append(f"GANSpace: {self.components} components.")
        found.append(f"Licence: {self.licence}.")
        return [*found, *(f"Missing: {one}" for one in self.missing), *self.abilities]


def facts_of(header: Header) -> ModelFacts:
    """The header must have passed `header.check`."""
    config = GeneratorConfig.from_state_dict(header.below("generator."))
    state, metadata = header.state, header.metadata
    directions = tuple(sorted(key.partition(".")[2] for key in state if key.startswith("directions.")))
    components = len(state["components.comp"]) if "components.comp" in state else 0
    encoder = metadata.get("encoder", "") if header.below("encoder.") else ""
    in_file = "latent_avg" in state or header.is_conditional
    return ModelFacts(
        resolution=config.resolution,
        widths=config.channels,
        num_ws=config.num_ws,
        w_dim=config.w_dim,
        mapping_layers=config.n_mlp,
        latent_average="in the file" if in_file else "not in the file: the mean of 4096 samples is used",
        conv_clamp=float(metadata["conv_clamp"]) if "conv_clamp" in metadata else None,
        encoder=encoder,
        has_samm=bool(header.below("samm.")),
        has_identity=bool(header.below("identity.")),
        is_conditional=header.is_conditional,
        directions=directions,
        components=components,
        licence=metadata.get("licence", "not known"),
        sources=_sources(metadata),
        missing=tuple(_missing(header, encoder)),
        abilities=tuple(_abilities(header, encoder)),
    )


def _missing(header: Header, encoder: str) -> list[str]:
    if header.is_conditional:
        return []
    missing = []
    if not encoder:
        missing.append("an encoder (e4e, pSp or ReStyle); without one an inversion begins at the average face.")
    if not header.below("samm."):
        missing.append("SAMM; without it what the generator cannot make is found by the general detector.")
    return missing


def _abilities(header: Header, encoder: str) -> list[str]:
    if header.is_conditional:
        return ["It inverts and edits as the embedded model does."]
    start = "its encoder" if encoder else "optimisation from the average face"
    sentences = [f"It inverts by {start}, and edits by painting new pixels."]
    if header.below("samm."):
        sentences.append("It can run the published out-of-domain inversion.")
    return sentences


def _sources(metadata: dict[str, str]) -> tuple[dict[str, Any], ...]:
    try:
        sources = json.loads(metadata.get("sources", "[]"))
    except (ValueError, RecursionError):
        return ()
    return tuple(source for source in sources if isinstance(source, dict)) if isinstance(sources, list) else ()
