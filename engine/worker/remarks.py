"""What is said beside a result."""

from __future__ import annotations

from engine.inversion.types import Inversion

POOR_FIT = 0.01  # landmark error, crop units: whole faces in photographs were seen to reach half of it
SMALL_CROP = 80  # px


def warning_for(inversion: Inversion) -> str:
    """A sentence where edits of this face may look wrong, else nothing."""
    if inversion.landmark_error > POOR_FIT:
        return (
            f"The model fits this face badly (its features are off by {inversion.landmark_error:.1%} of the crop): "
            "an edit may look wrong. It may be partly hidden, or turned too far."
        )
    if inversion.geometry.side < SMALL_CROP:
        return (
            f"This face is small ({inversion.geometry.side / 2:.0f} pixels wide): an edit shows little of it."
        )
    return ""
