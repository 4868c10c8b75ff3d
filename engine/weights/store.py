"""Models at rest and in memory: a folder with `model.safetensors` and `directions.toml`.

Keys of `model.safetensors` (fp16 or fp32; mapped into memory, nothing in it is ever executed):

    generator.*      StyleGAN2 in the rosinality layout (engine.networks.stylegan2)
    mapping.*        a conditional mapping c → w
    landmarks.*      c → landmarks of the generated face (engine.networks.landmark_map)
    regions.*        c → its segmentation (engine.networks.region_map); not in every model
    parameters.*     mean, std [P]: c = (p − mean) / std; cholesky [P,P], low, high [P]: a Gaussian sampler of c

and in its metadata: `format`, `version`, `edge`, `licence`, `parameters` (the names of the P parameters, JSON).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from engine.errors import ModelDamaged, ModelNotUsable, UnknownModel
from engine.networks.landmark_map import LandmarkMap
from engine.networks.stylegan2 import ConditionalMapping, Generator, GeneratorConfig
from engine.paths import EMBEDDED_MODELS, Home, inside
from engine.weights.directions import TABLE, Direction, offered, read_directions

EMBEDDED = "default"
WEIGHTS = "model.safetensors"
EMBEDDED_NOTICE = (
    "A small model, trained on rendered heads. It moves your photograph's own pixels; "
    "it does not paint new ones."
)


@dataclass(frozen=True)
class Parameters:
    """The known parameters that a conditional mapping was trained with.

    Attributes:
        names: of the P parameters, in order.
        mean, std: [P], from raw values to c.
        low, high: [P], the range of c that the training data fill.
        cholesky: [P,P] of the correlation of c.
    """

    names: tuple[str, ...]
    mean: torch.Tensor
    std: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    cholesky: torch.Tensor

    def index(self, name: str) -> int:
        return self.names.index(name)

    def normalised(self, raw: torch.Tensor) -> torch.Tensor:
        """Raw values [N,P] → c."""
        return (raw - self.mean) / self.std

    def within(self, c: torch.Tensor) -> torch.Tensor:
        """c [N,P], brought into the range that the training data fill."""
        return torch.minimum(torch.maximum(c, self.low), self.high)


@dataclass(frozen=True)
class FaceModel:
    """A generator with what is needed to invert into it and to edit with it."""

    name: str
    digest: str  # sha256 of model.safetensors
    notice: str
    generator: Generator
    conditional: ConditionalMapping
    landmark_map: LandmarkMap
    parameters: Parameters
    directions: dict[str, Direction]

    @property
    def resolution(self) -> int:
        return self.generator.config.resolution

    def latent(self, c: torch.Tensor) -> torch.Tensor:
        """c [N,P], normalised parameters → w [N,w_dim]."""
        return self.conditional(c)

    def generate(self, c: torch.Tensor, resolution: int | None = None) -> torch.Tensor:
        """c [N,P] → images [N,3,R,R], nominally in [-1,1]; R = `resolution` px, one of 4, 8, …, at a lower price."""
        return self.generator.synthesis(self.latent(c), resolution=resolution)


def model_folder(name: str, home: Home) -> Path:
    """Where a model lies: imported ones in the home, else the embedded ones. Raises `UnknownModel`."""
    for root in (home.models, EMBEDDED_MODELS):
        folder = inside(root, name)
        if (folder / WEIGHTS).is_file():
            return folder
    raise UnknownModel(f"No model named “{name}” is installed.", "Choose another, or “default”.")


def load_model(name: str, home: Home, device: torch.device) -> FaceModel:
    """Load a model with known parameters for inference. Raises `UnknownModel`, `ModelDamaged`, `ModelNotUsable`."""
    folder = model_folder(name, home)
    path = folder / WEIGHTS
    try:
        _check_usable(name, path)
        metadata, state = read_weights(path, device)
        generator, conditional, parameters = build_generator(metadata, state)
        landmark_state = _under("landmarks.", state)
        landmark_map = LandmarkMap.from_state_dict(landmark_state)
        landmark_map.load_state_dict(landmark_state)
        for owner in (generator, conditional, landmark_map):
            _check_finite(owner)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelDamaged(f"The model “{name}” cannot be read: {error}.", "Reinstall it.") from error
    return FaceModel(
        name=name,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        notice=EMBEDDED_NOTICE if folder.parent == EMBEDDED_MODELS else "",
        generator=generator,
        conditional=conditional,
        landmark_map=landmark_map.to(device).eval().requires_grad_(False),
        parameters=parameters,
        directions=offered(read_directions(folder / TABLE, parameters.names)),
    )


def _check_usable(name: str, path: Path) -> None:
    """Raises `ModelNotUsable` for a whole model without known parameters, before its tensors are read."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") == "likeness-model" and "parameters" not in metadata:
        raise ModelNotUsable(
            f"The model “{name}” has no known parameters (no conditional mapping), which this needs.",
            "Choose “default”.",
        )


def read_weights(path: Path, device: torch.device) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """The metadata and the tensors (as fp32) of a model file of ours. Raises `ValueError` if it is none."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != "likeness-model" or metadata.get("version") != "1":
            raise ValueError("it is not a model of ours, or of another version")
        return metadata, {key: file.get_tensor(key).to(device, torch.float32) for key in file.keys()}  # noqa: SIM118


def build_generator(
    metadata: dict[str, str], state: dict[str, torch.Tensor]
) -> tuple[Generator, ConditionalMapping, Parameters]:
    """Generator, mapping and parameters out of what `read_weights` gave, frozen. Raises `ValueError`, `KeyError`."""
    names = parameter_names(metadata)
    generator_state = _under("generator.", state)
    edge = "replicate" if metadata.get("edge") == "replicate" else "zeros"
    generator = Generator(GeneratorConfig.from_state_dict(generator_state, edge=edge))
    generator.load_state_dict(generator_state)
    mapping_state = _under("mapping.", state)
    conditional = ConditionalMapping.from_state_dict(mapping_state)
    conditional.load_state_dict(mapping_state)
    parameters = Parameters(names=names, **_under("parameters.", state))
    _check_parameters(parameters, conditional, generator)
    device = parameters.mean.device
    generator.to(device).freeze()
    conditional.to(device).eval().requires_grad_(False)
    return generator, conditional, parameters


def parameter_names(metadata: dict[str, str]) -> tuple[str, ...]:
    """The known parameters of a model; none where it is edited in w. Raises `ValueError`."""
    return tuple(json.loads(metadata.get("parameters", "[]")))


def _under(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}


def _check_finite(network: torch.nn.Module) -> None:
    for key, tensor in network.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{key} holds values that are not finite")


def _check_parameters(parameters: Parameters, conditional: ConditionalMapping, generator: Generator) -> None:
    count = len(parameters.names)
    for key in ("mean", "std", "low", "high"):
        if getattr(parameters, key).shape != (count,):
            raise ValueError(f"parameters.{key} should have {count} values")
    if not all(
        torch.isfinite(getattr(parameters, key)).all() for key in ("mean", "std", "low", "high", "cholesky")
    ):
        raise ValueError("parameters hold values that are not finite")
    if not (parameters.std > 0).all():
        raise ValueError("parameters.std is not positive")
    if parameters.cholesky.shape != (count, count) or conditional.c_dim != count:
        raise ValueError("parameters and mapping do not fit together")
    if conditional.w_dim != generator.config.w_dim:
        raise ValueError("mapping and generator do not fit together")
