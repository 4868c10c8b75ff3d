"""From names and strengths to what a model can do."""

from __future__ import annotations

from engine.errors import UnknownDirection
from engine.weights.models import Model

NEGLIGIBLE = 1e-3  # a strength below this changes nothing


def effective_edits(model: Model, edits: dict[str, float]) -> tuple[dict[str, float], list[str]]:
    """The edits that do something, in the model's order, each within its direction's range; and what was weakened.

    Returns:
        Strengths by name; a sentence for each that was brought to the end of its range.

    Raises:
        UnknownDirection: the model has no such direction; names those that it has.
    """
    for name in edits:
        if name not in model.directions:
            raise UnknownDirection(
                f"The model “{model.name}” has no direction “{name}”.",
                f"It has: {', '.join(model.directions)}.",
            )
    effective, notes = {}, []
    for name, direction in model.directions.items():
        asked = edits.get(name, 0.0)
        strength = min(max(asked, direction.minimum), direction.maximum) if name in edits else 0.0
        if strength != asked:
            notes.append(
                f"{direction.label} {asked:+g} is more than this model can do believably; {strength:+g} was taken."
            )
        if abs(strength) >= NEGLIGIBLE:
            effective[name] = strength
    return effective, notes
