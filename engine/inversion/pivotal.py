"""Pivotal tuning: a small change to a generator's weights that brings its picture of one latent nearer a photograph.

Source: Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", arXiv 2106.05744, with the locality
regulariser of its section 3.3. The change of each layer is a product of two thin matrices (Hu et al., "LoRA", arXiv
2106.09685), so that it can be kept with the inversion. It never enters the model: `tuned` gives a generator beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import torch

from engine.errors import InversionDamaged
from engine.inversion.descent import Report, Schedule, StoppedBy, descend
from engine.inversion.detection import Detect, Generated
from engine.inversion.fields import resize
from engine.inversion.latents import LatentStatistics
from engine.inversion.objective import Objective, Readers, limited, paint
from engine.inversion.presets import Preset
from engine.inversion.project import Projection, check_arguments, detected
from engine.inversion.types import LARGEST_DELTA
from engine.networks.modulated import ModulatedConv
from engine.networks.stylegan2 import Generator

LEARNING_RATE = 2e-3
LOCALITY = 1.0
NEIGHBOURS, AWAY = 8, 0.5  # latents whose pictures are to stay: this far from the pivot towards a random one
UP, DOWN = "up", "down"
SEED = 0

WeightDelta = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Tuning:
    """What `tune` found.

    Attributes:
        weight_delta: float16, by layer: `<layer>.up` [Co,r], `<layer>.down` [r,Ci·k·k]; their product is added to the
            weight [1,Co,Ci,k,k].
        invertibility_mask, alignment_flow, losses, stopped_by: as in `Projection`, of the tuned generator.
    """

    weight_delta: dict[str, torch.Tensor]
    invertibility_mask: torch.Tensor
    alignment_flow: torch.Tensor
    losses: tuple[float, ...]
    stopped_by: StoppedBy


def tune(
    generator: Generator,
    photo: torch.Tensor,
    projection: Projection,
    statistics: LatentStatistics | None,
    detect: Detect,
    readers: Readers,
    preset: Preset,
    report: Report,
) -> Tuning:
    """Tune around the pivot `projection.w_plus`. Deterministic on the CPU; arguments and errors as in `project`."""
    pivot = projection.w_plus
    check_arguments(generator, photo, pivot)
    known = statistics or LatentStatistics.around(pivot)
    size = min(preset.size, generator.config.resolution)
    objective = Objective(resize(photo, size), readers)
    mask = limited(resize(projection.invertibility_mask, size))
    beyond = paint(generator, pivot, size)[1]
    near = pivot + AWAY * (known.sample(NEIGHBOURS, SEED)[:, None] - pivot)
    with torch.no_grad():
        wanted = generator.synthesis(near, resolution=size)
    delta = zero_delta(generator, size, preset.rank)

    def evaluate(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        one = slice(step % NEIGHBOURS, step % NEIGHBOURS + 1)
        latents = torch.cat([pivot, near[one]])
        pictures = tuned(generator, delta).synthesis(latents, resolution=size)
        generated = pictures[:1] + beyond
        strayed = (pictures[1:] - wanted[one]).abs().mean()
        return objective(generated, mask) + LOCALITY * strayed, generated

    schedule = Schedule(preset.pivotal_steps, LEARNING_RATE, preset.patience)
    descent = descend(list(delta.values()), evaluate, schedule, report)
    weight_delta = {key: tensor.half() for key, tensor in zip(delta, descent.best, strict=True)}
    with torch.no_grad():
        mask, flow = detected(detect, photo, Generated.of(tuned(generator, weight_delta), pivot))
    return Tuning(weight_delta, mask, flow, descent.losses, descent.stopped_by)


def tuned(generator: Generator, weight_delta: WeightDelta) -> Generator:
    """A generator with the change added. It shares all its other tensors with the one given, which stays as it is.

    Gradients reach the change's factors. For use, not for saving: the changed weights are not in its state dict.

    Raises:
        InversionDamaged: the change is not one of this generator's.
    """
    shared = {id(tensor): tensor for tensor in chain(generator.parameters(), generator.buffers())}
    result = copy.deepcopy(generator, shared)
    for layer in dict.fromkeys(key.rpartition(".")[0] for key in weight_delta):
        conv = _layer(result, layer)
        up, down = (weight_delta.get(f"{layer}.{part}", torch.empty(0)) for part in (UP, DOWN))
        shape = conv.weight.shape
        if up.ndim != 2 or len(up) != shape[1] or down.shape != (up.shape[1], shape[2:].numel()):
            raise InversionDamaged(
                f"This inversion's change to {layer[:40]} is {list(up.shape)} by {list(down.shape)}, "
                f"the weight is {list(shape)}.",
                "Invert the face again.",
            )
        changed = conv.weight.detach() + (up.to(conv.weight) @ down.to(conv.weight)).reshape(shape)
        del conv.weight
        conv.register_buffer("weight", changed, persistent=False)
        conv.energy = None  # it was the unchanged weight's
    return result


def _layer(generator: Generator, name: str) -> ModulatedConv:
    try:
        layer = generator.get_submodule(name)
    except AttributeError:
        layer = None
    if not isinstance(layer, ModulatedConv):
        raise InversionDamaged(
            f"This inversion changes a layer “{name[:40]}” that the model does not have.",
            "Invert the face again.",
        )
    return layer


def zero_delta(generator: Generator, size: int, rank: int) -> dict[str, torch.Tensor]:
    """A change that changes nothing, of all layers up to `size` px; of a lower rank where it would get too large."""
    blocks = size.bit_length() - 3
    names = ["conv1", *(f"convs.{i}" for i in range(2 * blocks))]
    names += ["to_rgb1", *(f"to_rgbs.{i}" for i in range(blocks))]
    weights = {f"{name}.conv": _layer(generator, f"{name}.conv").weight[0] for name in names}

    def numbers(rank: int) -> int:
        return sum(_thin(weight, rank) * (len(weight) + weight[0].numel()) for weight in weights.values())

    while rank > 1 and numbers(rank) > LARGEST_DELTA:
        rank -= 1
    rng = torch.Generator().manual_seed(SEED)
    delta = {}
    for name, weight in weights.items():
        thin = _thin(weight, rank)
        drawn = torch.randn(thin, weight[0].numel(), generator=rng) / thin**0.5
        delta[f"{name}.{UP}"] = torch.zeros(len(weight), thin, device=weight.device)
        delta[f"{name}.{DOWN}"] = drawn.to(weight.device)
    return delta


def _thin(weight: torch.Tensor, rank: int) -> int:
    return min(rank, len(weight), weight[0].numel())
