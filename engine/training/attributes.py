"""Which numbers of a render the feature networks learn to read."""

from __future__ import annotations

import torch

from engine.training.renders import Renders

_DIRECT = (
    "smile", "jaw", "blink", "brow", "gaze0", "gaze1", "yaw", "pitch", "age", "male", "mel", "light", "lel", "glasses",
    "beard", "moustache", "makeup", "hairlen", "bald", "grey", "weight",
)  # fmt: skip
HAIR_LIGHTNESS = "hair_lightness"  # luma of the hair's colour
ATTRIBUTES = (*_DIRECT, HAIR_LIGHTNESS)
SIGNED = ("yaw", "gaze0", "light")  # change their sign in the mirror
_LUMA = (0.299, 0.587, 0.114)

_SHAPE = ("age", "male", "weight", "mel")  # and all of z and race


def face_attributes(renders: Renders) -> torch.Tensor:
    """Raw values of `ATTRIBUTES`: [N,A]."""
    hair = renders.columns("hcol0", "hcol1", "hcol2") @ torch.tensor(_LUMA)
    return torch.cat([renders.columns(*_DIRECT), hair[:, None]], 1)


def mirror_signs() -> torch.Tensor:
    """What each attribute is multiplied by in the mirror: [A]."""
    return torch.tensor([-1.0 if name in SIGNED else 1.0 for name in ATTRIBUTES])


def shape_names(renders: Renders) -> tuple[str, ...]:
    """The parameters that make a head who it is; none of them has a side."""
    mixtures = [name for name in renders.names if name.rstrip("0123456789") in ("z", "race")]
    return (*mixtures, *_SHAPE)


def statistics(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and spread of each column of [N,K], by which it is normalised."""
    return values.mean(0), values.std(0) + 1e-4
