"""The networks that invert into one model: what lies beside its `model.safetensors`. All of it may be missing.

    encoder.safetensors      photograph → latent: where an inversion begins
    samm.safetensors         invertibility mask and alignment flow, found inside the generator; it needs the encoder
    decomposer.safetensors   the same found in two pictures; for models without one there is `models/decomposer`
    inversion.toml           `detector = "landmarks"`, "decomposer" or "samm": what finds mask and flow

Without `inversion.toml` it is the model's own SAMM, else a decomposer, else landmarks and differences, which need no file.
`python -m engine evaluate decomposition` says which is best. Only what is used is read.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch

from engine.errors import ModelDamaged
from engine.messages import Detector
from engine.networks.additive_samm import Aligner
from engine.networks.decomposer import Decomposer
from engine.paths import EMBEDDED_MODELS
from engine.weights.inverters import TrainedEncoder, load_aligner, load_decomposer, load_encoder
from engine.weights.models import Model
from engine.weights.record import digest
from engine.weights.store import FaceModel

ENCODER, SAMM, DECOMPOSER = (f"{kind}.safetensors" for kind in ("encoder", "samm", "decomposer"))
CHOICE = "inversion.toml"
FOR_ALL = EMBEDDED_MODELS / "decomposer" / DECOMPOSER
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Inverters:
    """What inverts into a model; at most one of aligner (SAMM) and decomposer. `digest` is of all of it, or empty."""

    encoder: TrainedEncoder | None = None
    aligner: Aligner | None = None
    decomposer: Decomposer | None = None
    digest: str = ""

    @property
    def detector(self) -> Detector:
        if self.aligner:
            return "samm"
        return "decomposer" if self.decomposer else "landmarks"


NO_INVERTERS = Inverters()


def inverter_files(folder: Path) -> tuple[Path, ...]:
    """All that `load_inverters` may read, whether it is there or not."""
    return (*(folder / name for name in (ENCODER, SAMM, DECOMPOSER, CHOICE)), FOR_ALL)


def load_inverters(model: Model, folder: Path) -> Inverters:
    """Read the networks in a model's folder. SAMM comes to the generator's device, the others to the CPU.

    Raises:
        ModelDamaged: a file does not hold what it promises, is of another model, or is asked for and not there.
    """
    detector, path = _chosen(folder)
    encoder = _encoder(folder / ENCODER, model) if (folder / ENCODER).is_file() else None
    parts = [f"encoder {encoder.digest}"] if encoder else []
    if path:
        parts.append(f"{detector} {digest(path)}")
    return Inverters(
        encoder,
        _aligner(path, model, encoder) if path and detector == "samm" else None,
        load_decomposer(path, _CPU) if path and detector == "decomposer" else None,
        hashlib.sha256("\n".join(parts).encode()).hexdigest() if parts else "",
    )


def _chosen(folder: Path) -> tuple[Detector, Path | None]:
    """What is to detect, and its file."""
    candidates: tuple[tuple[Detector, Path], ...] = (
        ("samm", folder / SAMM),
        ("decomposer", folder / DECOMPOSER),
        ("decomposer", FOR_ALL),
    )
    there: list[tuple[Detector, Path]] = [(name, path) for name, path in candidates if path.is_file()]
    wanted = _wanted(folder / CHOICE)
    if wanted == "landmarks" or not (wanted or there):
        return "landmarks", None
    for name, path in there:
        if wanted is None or wanted == name:
            return name, path
    raise ModelDamaged(
        f"{folder / CHOICE} wants “{wanted}” as its detector, and there is none.",
        f"Train it, or choose another of {', '.join(get_args(Detector))}.",
    )


def _wanted(path: Path) -> Detector | None:
    if not path.is_file():
        return None
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelDamaged(f"{path} cannot be read: {error}.", "Write it again, or remove it.") from error
    if table.keys() != {"detector"} or table["detector"] not in get_args(Detector):
        raise ModelDamaged(
            f"{path} does not say what is to detect.",
            f"Write detector = '…' into it, with one of {', '.join(get_args(Detector))}; or remove it.",
        )
    return table["detector"]


def _encoder(path: Path, model: Model) -> TrainedEncoder:
    encoder, generator = load_encoder(path, _CPU), model.generator.config
    names = model.parameters.names if isinstance(model, FaceModel) else ()
    config = encoder.network.config
    shape = (len(names) or generator.w_dim, generator.num_ws, generator.w_dim)
    made_for = (encoder.generator, encoder.parameters, (config.code, config.num_ws, config.w_dim))
    if made_for != (model.digest, names, shape):
        raise _foreign("encoder", path)
    return encoder


def _aligner(path: Path, model: Model, encoder: TrainedEncoder | None) -> Aligner:
    there, generator = load_aligner(path, model.generator.input.input.device), model.generator.config
    if encoder is None or (there.generator, there.encoder) != (model.digest, encoder.digest):
        raise _foreign("samm", path)
    seen, config = encoder.network.config, there.network.config
    widths = {seen.size >> halved: width for halved, width in enumerate(seen.widths)}
    if sorted(set(config.scales)) != list(config.scales):
        raise _foreign("samm", path)
    for scale, theirs, ours in zip(config.scales, config.encoder_widths, config.generator_widths, strict=True):
        fits = 4 < scale <= generator.resolution and scale.bit_count() == 1 and widths.get(scale) == theirs
        if not fits or generator.width(scale) != ours:
            raise _foreign("samm", path)
    return there.network


def _foreign(kind: str, path: Path) -> ModelDamaged:
    of = "model or encoder" if kind == "samm" else "model"
    return ModelDamaged(
        f"The {kind} {path} was trained for another {of}.",
        f"Train it again (`python -m engine train {kind}`), or remove it.",
    )
