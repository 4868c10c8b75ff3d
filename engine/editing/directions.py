"""From names and strengths to what a model can do."""

from __future__ import annotations

from engine.errors import BadRequest, UnknownDirection
from engine.weights.models import Model

NEGLIGIBLE = 1e-3  # a strength below this changes nothing


def effective_edits(model: Model, edits: dict[str, float]) -> dict[str, float]:
    """The edits that do something, in the model's order.

    Raises:
        UnknownDirection: the model has no such direction; names those that it has.
        BadRequest: a strength beyond the direction's range.
    """
    for name, strength in edits.items():
        direction = model.directions.get(name)
        if direction is None:
            raise UnknownDirection(
                f"The model “{model.name}” has no direction “{name}”.",
                f"It has: {', '.join(model.directions)}.",
            )
        if not direction.minimum <= strength <= direction.maximum:
            raise BadRequest(
                f"{direction.label} {strength:+g} is more than this model can do believably.",
                f"Choose a strength from {direction.minimum:+g} to {direction.maximum:+g}.",
            )
    return {name: edits[name] for name in model.directions if abs(edits.get(name, 0.0)) >= NEGLIGIBLE}
