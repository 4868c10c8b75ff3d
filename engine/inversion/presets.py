"""How long an inversion into a generator without known parameters is worked on.

`refine_steps` are steps of the embedded default's fit. Here they measure the effort: 30, 80 and 200 stand for the presets
that have these names everywhere, and what lies between for a preset with more or fewer steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.settings import PRESETS as NAMED


@dataclass(frozen=True)
class Preset:
    """What determines the work of `project` and `tune`.

    Attributes:
        refine_steps: what it stands for.
        rounds: how often invertibility mask and alignment flow are found again. The first round moves all rows of w_plus
            together, the later ones each on its own; the last one looks at the aligned picture.
        steps: of each round, at most.
        size: px at which pictures are compared, a power of two; smaller generators work at their own size.
        learning_rate: of the latent, in spreads of w.
        patience: steps within which the loss must fall, or the rate is ramped down early.
        pivotal_steps: of pivotal tuning, at most; 0 leaves the generator's weights as they are.
        rank: of the change to each layer's weight.
    """

    refine_steps: int
    rounds: int
    steps: int
    size: int
    learning_rate: float
    patience: int
    pivotal_steps: int
    rank: int

    def __post_init__(self) -> None:
        if (
            min(self.refine_steps, self.rounds, self.steps, self.patience, self.rank) < 1
            or self.pivotal_steps < 0
        ):
            raise ValueError("refine_steps, rounds, steps, patience and rank begin at 1, pivotal_steps at 0")
        if self.size < 8 or self.size.bit_count() != 1:
            raise ValueError(f"size: expected a power of two from 8 on, got {self.size}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate: expected more than 0, got {self.learning_rate}")


FAST = Preset(NAMED["fast"], 2, 40, 128, 0.1, 12, 0, 4)
BALANCED = Preset(NAMED["balanced"], 3, 70, 256, 0.1, 20, 60, 8)
BEST = Preset(NAMED["best"], 4, 225, 256, 0.1, 40, 350, 16)
PRESETS = (FAST, BALANCED, BEST)


def preset_for(refine_steps: int) -> Preset | None:
    """The nearest preset, its steps in proportion; None for no steps at all."""
    if refine_steps == 0:
        return None
    nearest = min(PRESETS, key=lambda preset: abs(math.log(preset.refine_steps / refine_steps)))
    share = refine_steps / nearest.refine_steps
    return replace(
        nearest,
        refine_steps=refine_steps,
        steps=max(1, round(nearest.steps * share)),
        pivotal_steps=round(nearest.pivotal_steps * share),
    )
