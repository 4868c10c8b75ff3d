"""How long an inversion is worked on."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import BadRequest


@dataclass(frozen=True)
class Preset:
    """What determines the work of `project` and `tune`.

    Attributes:
        name: as users choose it.
        rounds: how often invertibility mask and alignment flow are found again. The first round moves all rows of w_plus
            together, the later ones each on its own; the last one looks at the aligned picture.
        steps: of each round, at most.
        size: px at which pictures are compared, a power of two; smaller generators work at their own size.
        learning_rate: of the latent, in spreads of w.
        patience: steps within which the loss must fall, or the rate is ramped down early.
        pivotal_steps: of pivotal tuning, at most; 0 leaves the generator's weights as they are.
        rank: of the change to each layer's weight.
    """

    name: str
    rounds: int
    steps: int
    size: int
    learning_rate: float
    patience: int
    pivotal_steps: int
    rank: int

    def __post_init__(self) -> None:
        if min(self.rounds, self.steps, self.patience, self.rank) < 1 or self.pivotal_steps < 0:
            raise ValueError("rounds, steps, patience and rank begin at 1, pivotal_steps at 0")
        if self.size < 8 or self.size.bit_count() != 1:
            raise ValueError(f"size: expected a power of two from 8 on, got {self.size}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate: expected more than 0, got {self.learning_rate}")


FAST = Preset("fast", 2, 40, 128, 0.1, 12, 0, 4)
BALANCED = Preset("balanced", 3, 70, 256, 0.1, 20, 60, 8)
BEST = Preset("best", 4, 225, 256, 0.1, 40, 350, 16)
PRESETS = {preset.name: preset for preset in (FAST, BALANCED, BEST)}


def preset_named(name: str) -> Preset:
    """Raises `BadRequest` where there is none of that name."""
    if name not in PRESETS:
        raise BadRequest(f"There is no preset “{name[:40]}”.", f"Choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
