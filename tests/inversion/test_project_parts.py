"""What projection is made of: presets, the distribution of latents, the descent, the objective."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from engine.inversion.descent import KeepBest, Schedule, descend
from engine.inversion.fields import resize
from engine.inversion.latents import LatentStatistics, latent_statistics
from engine.inversion.objective import Objective, Readers, limited, paint
from engine.inversion.presets import BALANCED, BEST, FAST, Preset, preset_for
from engine.networks.stylegan2 import Generator, GeneratorConfig
from tests.inversion.tiny_generator import (
    W_DIM,
    average,
    sampled,
    silent,
    tiny_generator,
    tiny_statistics,
)


def test_refine_steps_stand_for_presets() -> None:
    assert [preset_for(steps) for steps in (30, 80, 200)] == [FAST, BALANCED, BEST]
    work = [preset.rounds * preset.steps + 2 * preset.pivotal_steps for preset in (FAST, BALANCED, BEST)]
    assert work[0] < work[1] <= work[2] / 4
    assert preset_for(0) is None
    assert preset_for(1) == replace(FAST, refine_steps=1, steps=1)
    assert preset_for(400) == replace(BEST, refine_steps=400, steps=2 * BEST.steps, pivotal_steps=700)


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"rounds": 0}, "rounds"), ({"size": 48}, "power of two"), ({"learning_rate": 0.0}, "learning_rate")],
)
def test_presets_that_cannot_be(changed: dict[str, float], message: str) -> None:
    values: dict = vars(FAST) | changed
    with pytest.raises(ValueError, match=message):
        Preset(**values)


def test_latents_of_the_mapping_lie_at_a_distance_of_one() -> None:
    generator = tiny_generator(32)
    known = tiny_statistics(generator)
    unseen = generator.mapping(torch.randn(500, W_DIM, generator=torch.Generator().manual_seed(5)))
    assert 0.8 < float(known.distance(unseen)) < 1.2
    assert float(known.distance(average(generator))) < 0.3
    assert float(known.distance(4 * unseen)) > 5


def test_latents_that_are_drawn_are_distributed_like_those_of_the_mapping() -> None:
    known = tiny_statistics(tiny_generator(32))
    again = LatentStatistics.of(known.sample(4000, 3))
    assert again.spread == pytest.approx(known.spread, rel=0.15)
    assert torch.allclose(again.centre, known.centre, atol=0.1 * float(known.deviations.max()))
    assert torch.equal(known.sample(3, 9), known.sample(3, 9))


def test_a_guess_has_the_size_of_the_latent_it_was_made_from() -> None:
    w_plus = 5 * torch.randn(1, 8, W_DIM, generator=torch.Generator().manual_seed(2))
    guess = LatentStatistics.around(w_plus)
    assert 3 < guess.spread < 7
    assert float(guess.distance(w_plus)) < 1.5
    assert LatentStatistics.around(torch.zeros(1, 8, W_DIM)).spread == 1


def test_latents_without_a_mapping_or_a_spread() -> None:
    with pytest.raises(ValueError, match="no mapping network"):
        latent_statistics(Generator(GeneratorConfig(8, (4, 4), W_DIM, n_mlp=0)))
    with pytest.raises(ValueError, match="samples that differ"):
        LatentStatistics.of(torch.ones(5, W_DIM))


def parabola(variable: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return (variable - 3).square().sum() + 1, torch.zeros(1, 3, 8, 8)


def test_the_descent_finds_the_least_loss() -> None:
    variable = torch.zeros(4)
    descent = descend([variable], lambda _: parabola(variable), Schedule(200, 0.1, 1000), silent)
    assert torch.allclose(descent.best[0], torch.full((4,), 3.0), atol=0.05)
    assert descent.stopped_by == "steps"
    assert len(descent.losses) == 200


def test_a_plateau_ramps_down_and_then_ends() -> None:
    variable = torch.full((4,), 3.0)  # nothing to gain
    descent = descend([variable], lambda _: parabola(variable), Schedule(200, 0.1, 10), silent)
    assert descent.stopped_by == "plateau"
    assert len(descent.losses) == 22  # two patiences, each with the step that it is counted from


def test_what_a_report_stops_keeps_the_best() -> None:
    variable = torch.full((4,), 2.9)
    told: list[float] = []

    def report(fraction: float, preview: torch.Tensor | None) -> None:
        told.append(fraction)
        if len(told) == 15:
            raise KeepBest

    descent = descend([variable], lambda _: parabola(variable), Schedule(50, 1.0, 1000), report)
    assert descent.stopped_by == "report"
    assert len(descent.losses) == 15
    assert descent.losses[-1] > min(descent.losses)  # the rate is far too high for the end to be the best
    assert float(parabola(descent.best[0])[0]) == pytest.approx(min(descent.losses))
    assert told == pytest.approx([(step + 1) / 50 for step in range(15)])


def test_other_exceptions_of_a_report_pass() -> None:
    def report(fraction: float, preview: torch.Tensor | None) -> None:
        raise KeyboardInterrupt

    variable = torch.zeros(1)
    with pytest.raises(KeyboardInterrupt):
        descend([variable], lambda _: parabola(variable), Schedule(5, 0.1, 5), report)


def test_what_is_out_of_domain_does_not_count() -> None:
    rng = torch.Generator().manual_seed(4)
    photo, generated = (torch.rand(1, 3, 32, 32, generator=rng) * 2 - 1 for _ in range(2))
    objective = Objective(photo, Readers())
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:20, 8:20] = 1
    assert float(objective(photo, mask)) == 0
    same_outside = torch.where(mask > 0, -generated, generated)
    assert torch.equal(objective(generated, mask), objective(same_outside, mask))
    assert objective(generated, 0 * mask) != objective(same_outside, 0 * mask)


def test_the_area_is_limited_to_the_surest() -> None:
    mask = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(6))
    less = limited(mask, 0.2)
    assert float(less.mean()) == pytest.approx(0.2, abs=1e-3)
    assert torch.equal(less.flatten().argsort(), mask.clamp(1e-4, 1 - 1e-4).flatten().argsort())
    assert torch.equal(limited(mask, 0.9), mask)
    assert float(limited(torch.ones(1, 1, 8, 8), 0.3).mean()) == pytest.approx(0.3, abs=1e-3)


def test_a_skip_image_and_what_is_beyond_make_the_shrunk_picture() -> None:
    generator = tiny_generator(64)
    w_plus = sampled(generator, 3)
    whole, beyond = paint(generator, w_plus, 32)
    skip = generator.synthesis(w_plus, resolution=32)
    torch.testing.assert_close(whole, generator.synthesis(w_plus))
    torch.testing.assert_close(skip + beyond, resize(whole, 32))
    assert beyond.abs().max() > 0.1
    assert torch.equal(paint(generator, w_plus, 64)[1], torch.zeros(1, 3, 64, 64))
