"""What is timed: the yardstick's way and ours of doing the same, on one checkpoint and one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.inversion.fields import resize, warp
from engine.networks.encoder import EncoderConfig
from engine.networks.out_of_domain import InverterConfig, PublishedOutOfDomainInverter
from engine.networks.stylegan2 import GeneratorConfig
from tests.bench.yardstick import Yardstick

PREVIEW = 256  # px
State = dict[str, Tensor]
Timed = Callable[[], Tensor]


@dataclass(frozen=True)
class Case:
    """`yardstick` and `ours` prepare from (state, photograph x, step in w_plus) and return what is timed, a picture.

    `least` is the ratio that we want to show; `is_equal` whether both must paint the same, to 2e-4.
    """

    name: str
    least: float
    is_equal: bool
    yardstick: Callable[[State, Tensor, Tensor], Timed]
    ours: Callable[[State, Tensor, Tensor], Timed]


def _ours(state: State) -> PublishedOutOfDomainInverter:
    return PublishedOutOfDomainInverter.from_state_dict(state).requires_grad_(False)


def _yardstick_generator(state: State, x: Tensor, step: Tensor) -> Timed:
    model = Yardstick(state)
    w_plus = model.encode(x)[0] + step
    return lambda: model.generate(w_plus)


def _our_generator(state: State, x: Tensor, step: Tensor) -> Timed:
    model = _ours(state)
    w_plus = model.latents(model.encode(x), step)
    return lambda: model.generator.synthesis(w_plus)


def _yardstick_edit(state: State, x: Tensor, step: Tensor) -> Timed:
    model = Yardstick(state)
    w_plus, features = model.encode(x)
    return lambda: model.edit(x, features, w_plus + step).blended


def _our_published_edit(state: State, x: Tensor, step: Tensor) -> Timed:
    model = _ours(state)
    encoded = model.encode(x)
    return lambda: model.render(x, encoded, model.latents(encoded, step)).blended


def _our_edit(state: State, x: Tensor, step: Tensor, size: int | None = None) -> Timed:
    """As shipped: mask and flow are the unedited picture's; the encoder and SAMM are let go."""
    model = _ours(state)
    encoded = model.encode(x)
    plain = model.render(x, encoded, model.latents(encoded))
    generator, w_plus = model.generator, model.latents(encoded, step)
    size = min(size or generator.config.resolution, generator.config.resolution)
    mask = resize(plain.invertibility_mask, size)
    flow = resize(plain.alignments[max(plain.alignments)][:, :2], size)
    photograph = resize(x, size)
    del model, encoded, plain

    def edit() -> Tensor:
        painted = warp(generator.synthesis(w_plus, resolution=size), flow)
        return torch.lerp(painted, photograph, mask)

    return edit


def _our_preview(state: State, x: Tensor, step: Tensor) -> Timed:
    return _our_edit(state, x, step, PREVIEW)


def _yardstick_first(state: State, x: Tensor, step: Tensor) -> Timed:
    model = Yardstick(state)

    def invert() -> Tensor:
        w_plus, features = model.encode(x)
        return model.edit(x, features, w_plus).blended

    return invert


def _our_first(state: State, x: Tensor, step: Tensor) -> Timed:
    model = _ours(state)
    return lambda: model(x).blended


CASES = {
    case.name: case
    for case in (
        Case("generator", 3.5, True, _yardstick_generator, _our_generator),
        Case("edit, published form", 2.3, True, _yardstick_edit, _our_published_edit),
        Case("edit, as shipped", 6.0, False, _yardstick_edit, _our_edit),
        Case("preview at 256 px", 10.0, False, _yardstick_edit, _our_preview),
        Case("first inversion", 2.2, True, _yardstick_first, _our_first),
    )
}


def make_state(size: int, widest: int = 512) -> State:
    """A checkpoint of random weights with the published widths (at most `widest`), noise and biases not zero."""
    torch.manual_seed(0)
    sides = [4 << i for i in range(size.bit_length() - 2)]
    channels = tuple(min(widest, 512, 32_768 // side) for side in sides)
    generator = GeneratorConfig(resolution=size, channels=channels, w_dim=widest, n_mlp=8)
    w0, w1, w2, w3, w4 = (min(widest, width) for width in (64, 64, 128, 256, 512))
    encoder = EncoderConfig((w0, w1, w2, w3, w4), generator.num_ws, widest, "bicubic")
    s0, s1, s2, s3 = (min(widest, 512, 32_768 // side) for side in (256, 128, 64, 32))
    state = PublishedOutOfDomainInverter(InverterConfig(generator, encoder, (s0, s1, s2, s3))).state_dict()
    for key, tensor in state.items():
        if key.endswith(("noise.weight", "activate.bias")) or key == "avg_latent":
            tensor.normal_(std=0.1)
    return state


def make_picture(size: int, num_ws: int, w_dim: int) -> tuple[Tensor, Tensor]:
    """A photograph [1,3,size,size] in [-1,1] and a step [1,num_ws,w_dim]."""
    random = torch.Generator().manual_seed(1)
    x = resize(torch.rand(1, 3, 16, 16, generator=random) * 2 - 1, size)
    return x, torch.randn(1, num_ws, w_dim, generator=random) * 0.05
