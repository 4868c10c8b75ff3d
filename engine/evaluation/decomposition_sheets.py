"""Pictures of decompositions: photograph, inversion, mask, flow, result."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from engine.evaluation.decomposition_figures import Truth
from engine.training.sheets import write_sheet

_SHOWN = 16
_FULL = 0.05  # crop units: a flow of this length has its full colour


def write_decompositions(
    path: Path, truth: Truth, mask: torch.Tensor, flow: torch.Tensor, aligned: torch.Tensor
) -> None:
    """Rows: photograph, inversion, mask found, true mask, flow as colours, result; a picture of each kind first."""
    shown = one_of_each(truth.kinds)[:_SHOWN]
    x, mask = truth.photograph[shown], mask[shown]
    masks = [(2 * one - 1).expand(-1, 3, -1, -1) for one in (mask, truth.invertibility_mask[shown])]
    result = torch.lerp(aligned[shown], x, mask)
    write_sheet(path, x, truth.inversion[shown], *masks, flow_colours(flow[shown]), result)


def one_of_each(kinds: torch.Tensor) -> torch.Tensor:
    """All numbers, the first of every kind first, then the second of every kind, and so on."""
    seen: dict[int, int] = {}
    turns = []
    for number, kind in enumerate(kinds.tolist()):
        turns.append((seen.get(kind, 0), kind, number))
        seen[kind] = seen.get(kind, 0) + 1
    return torch.tensor([number for _, _, number in sorted(turns)], dtype=torch.long)


def flow_colours(flow: torch.Tensor) -> torch.Tensor:
    """Flows [N,2,S,S] in crop units → pictures [N,3,S,S] in [-1,1]: white is no flow, the hue its direction."""
    strength = (flow.norm(dim=1) / _FULL).clamp(max=1)
    angle = torch.atan2(flow[:, 1], flow[:, 0])
    colours = [(1 + torch.cos(angle - turn)) / 2 for turn in (0, 2 * math.pi / 3, 4 * math.pi / 3)]
    return torch.stack([1 - 2 * strength * (1 - colour) for colour in colours], 1)
