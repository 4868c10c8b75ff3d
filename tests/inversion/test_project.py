"""Projection into a tiny generator: what it finds, what it leaves out, how it ends."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from engine.errors import BadRequest
from engine.inversion.descent import KeepBest
from engine.inversion.detection import Detect, Generated
from engine.inversion.fields import resize, warp
from engine.inversion.objective import Readers
from engine.inversion.presets import Preset
from engine.inversion.project import Projection, project
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.networks.identity import IdentityReader, IdentityReaderConfig
from engine.networks.stylegan2 import Generator
from tests.inversion.tiny_generator import (
    average,
    nothing,
    preset,
    psnr,
    sampled,
    silent,
    tiny_generator,
    tiny_statistics,
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(32)


def readers() -> Readers:
    torch.manual_seed(5)
    face = FaceReader(FaceReaderConfig(32, (8, 8, 8), ("smile",), FIVE, ("skin", "hair")))
    identity = IdentityReader(IdentityReaderConfig(32, (8, 8), 4, ("age",)))
    return Readers(face.eval().requires_grad_(False), identity.eval().requires_grad_(False))


def projected(
    generator: Generator,
    photo: torch.Tensor,
    settings: Preset,
    detect: Detect = nothing,
    with_readers: Readers | None = None,
) -> Projection:
    return project(
        generator,
        photo,
        average(generator),
        tiny_statistics(generator),
        detect,
        with_readers or Readers(),
        settings,
        silent,
    )


def test_a_latent_is_found_again_from_its_own_picture(generator: Generator) -> None:
    photo = generator.synthesis(sampled(generator, 3))
    found = projected(generator, photo, preset(2, 40))
    before = psnr(generator.synthesis(average(generator)), photo)
    assert psnr(generator.synthesis(found.w_plus), photo) > before + 10
    assert found.w_plus.shape == (1, generator.num_ws, generator.config.w_dim)
    assert (found.steps, found.stopped_by) == (80, "steps")


def test_an_occluder_under_its_mask_does_not_pull(generator: Generator) -> None:
    truth = generator.synthesis(sampled(generator, 3))
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:22] = 1
    photo = torch.where(mask > 0, torch.tensor([1.0, -1.0, 1.0])[None, :, None, None], truth)

    def detect(_x: torch.Tensor, _generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
        return mask, torch.zeros(1, 2, 32, 32)

    def in_domain_error(found: Projection) -> float:
        return float(((generator.synthesis(found.w_plus) - truth) * (1 - mask)).abs().mean())

    with_mask = projected(generator, photo, preset(2, 30), detect)
    without = projected(generator, photo, preset(2, 30))
    assert in_domain_error(with_mask) < 0.5 * in_domain_error(without)
    assert torch.equal(with_mask.invertibility_mask, mask)


def test_a_mask_over_everything_does_not_stop_the_work(generator: Generator) -> None:
    photo = generator.synthesis(sampled(generator, 3))

    def detect(_x: torch.Tensor, _generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ones(1, 1, 16, 16), torch.zeros(1, 2, 16, 16)

    found = projected(generator, photo, preset(1, 30), detect)
    before = psnr(generator.synthesis(average(generator)), photo)
    assert psnr(generator.synthesis(found.w_plus), photo) > before + 3
    assert torch.equal(found.invertibility_mask, torch.ones(1, 1, 16, 16))


def test_the_last_round_looks_at_the_aligned_picture(generator: Generator) -> None:
    flow = torch.full((1, 2, 32, 32), 0.1)
    photo = warp(generator.synthesis(sampled(generator, 3)), flow)

    def detect(_x: torch.Tensor, _generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(1, 1, 32, 32), flow

    in_place = generator.synthesis(projected(generator, photo, preset(1, 40), detect).w_plus)
    aligned = generator.synthesis(projected(generator, photo, preset(2, 40), detect).w_plus)
    assert psnr(warp(aligned, flow), photo) > psnr(aligned, photo) + 3
    assert psnr(warp(aligned, flow), photo) > psnr(warp(in_place, flow), photo) + 3


def test_all_rounds_detect_and_the_first_moves_all_rows_together(generator: Generator) -> None:
    photo = resize(generator.synthesis(sampled(generator, 3)), 48)
    seen = []

    def detect(x: torch.Tensor, generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
        assert not torch.is_grad_enabled()
        seen.append((x, generated))
        return nothing(x, generated)

    first = projected(generator, photo, preset(1, 5), detect)
    assert torch.allclose(first.w_plus, first.w_plus[:, :1].expand_as(first.w_plus))
    assert len(seen) == 2
    assert seen[0][0] is photo
    torch.testing.assert_close(seen[1][1].picture, generator.synthesis(first.w_plus))
    assert torch.equal(seen[1][1].w_plus, first.w_plus)
    third = projected(generator, photo, preset(3, 5), detect)
    assert not torch.allclose(third.w_plus, third.w_plus[:, :1].expand_as(third.w_plus))
    assert len(seen) == 2 + 4


def test_a_strong_prior_keeps_latents_where_the_mapping_makes_them(generator: Generator) -> None:
    known = tiny_statistics(generator)
    impossible = torch.sign(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)))
    found = projected(generator, impossible, preset(2, 40))
    assert float(known.distance(found.w_plus)) < 4


def test_the_same_bytes_every_time(generator: Generator) -> None:
    photo = generator.synthesis(sampled(generator, 3))
    networks = readers()
    one, other = (projected(generator, photo, preset(2, 6), with_readers=networks) for _ in range(2))
    assert one.w_plus.numpy().tobytes() == other.w_plus.numpy().tobytes()
    assert one.losses == other.losses
    assert one.losses != projected(generator, photo, preset(2, 6)).losses  # the networks have a say


def test_a_plateau_ends_it(generator: Generator) -> None:
    photo = generator.synthesis(sampled(generator, 3))
    found = projected(generator, photo, preset(1, 1000, patience=5))
    assert found.stopped_by == "plateau"
    assert found.steps < 500


def test_a_cancel_keeps_the_best_so_far(generator: Generator) -> None:
    photo = generator.synthesis(sampled(generator, 3))
    told: list[tuple[float, torch.Tensor | None]] = []

    def report(fraction: float, preview: torch.Tensor | None) -> None:
        told.append((fraction, preview))
        if len(told) == 27:
            raise KeepBest

    start = average(generator)
    found = project(
        generator, photo, start, tiny_statistics(generator), nothing, Readers(), preset(2, 25), report
    )
    assert (found.steps, found.stopped_by) == (27, "report")
    assert psnr(generator.synthesis(found.w_plus), photo) > psnr(generator.synthesis(start), photo) + 3
    assert [fraction for fraction, _ in told] == pytest.approx([(i + 1) / 50 for i in range(27)])
    previews = [picture for _, picture in told if picture is not None]
    assert [picture.shape for picture in previews] == [(1, 3, 32, 32)] * 4
    assert psnr(previews[2], photo) > psnr(previews[0], photo)


def test_a_large_generator_runs_its_coarse_layers_only() -> None:
    generator = tiny_generator(64)
    photo = generator.synthesis(sampled(generator, 3))
    calls: Counter[str] = Counter()
    for name in ("to_rgbs.2", "to_rgbs.3"):  # of 32 and 64 px
        generator.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    found = projected(generator, photo, preset(3, 30, size=32))
    assert calls["to_rgbs.3"] == 3 + 1  # a round each, and the last detection
    assert calls["to_rgbs.2"] == 90 + 3 + 1
    before = psnr(generator.synthesis(average(generator)), photo)
    assert psnr(generator.synthesis(found.w_plus), photo) > before + 10


def test_the_generator_is_left_as_it_is(generator: Generator) -> None:
    trainable = tiny_generator(32).requires_grad_(True)
    photo = generator.synthesis(sampled(generator, 3))
    before = {name: tensor.clone() for name, tensor in trainable.state_dict().items()}
    with torch.no_grad():  # as callers may be
        projected(trainable, photo, preset(2, 2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainable.state_dict().items())
    assert all(parameter.grad is None for parameter in trainable.parameters())


@pytest.mark.parametrize(
    ("photo", "start", "message"),
    [
        (torch.zeros(1, 3, 32, 30), torch.zeros(1, 8, 8), r"square crop \[1,3,R,R\]"),
        (torch.zeros(3, 32, 32), torch.zeros(1, 8, 8), r"square crop \[1,3,R,R\]"),
        (torch.zeros(1, 3, 32, 32), torch.zeros(1, 10, 8), r"takes \[1, 8, 8\]"),
        (torch.zeros(1, 3, 32, 32).double(), torch.zeros(1, 8, 8), "photograph's numbers are torch.float64"),
        (torch.zeros(1, 3, 32, 32), torch.zeros(1, 8, 8).half(), "latent's numbers are torch.float16"),
        (torch.full((1, 3, 32, 32), torch.nan), torch.zeros(1, 8, 8), "photograph holds values"),
    ],
)
def test_arguments_that_do_not_fit(
    generator: Generator, photo: torch.Tensor, start: torch.Tensor, message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        project(generator, photo, start, None, nothing, Readers(), preset(1, 1), silent)


def test_a_detector_that_answers_something_else(generator: Generator) -> None:
    photo = generator.synthesis(sampled(generator, 3))
    with pytest.raises(ValueError, match="alignment_flow: expected shape"):
        projected(generator, photo, preset(1, 1), lambda x, _: (x[:, :1], x))
