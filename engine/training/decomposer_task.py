"""Training the decomposer on compositions: the true mask and the true flow at every scale."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.networks.decomposer import Decomposer, DecomposerConfig, Decomposition
from engine.networks.flow import warp
from engine.training import checkpoint, draws
from engine.training.ahead import Ahead
from engine.training.compositions import CompositionSource
from engine.training.dice import Dice
from engine.training.face_source import FaceSource
from engine.training.inversion_losses import (
    end_point_error,
    flow_loss,
    mask_iou,
    mask_loss,
    scales_loss,
    threshold_iou,
)
from engine.training.inversion_pairs import Pairs, make_pairs
from engine.training.inversion_recipe import DecomposerStage
from engine.training.network_task import SEEN_AT_ONCE, NetworkTask
from engine.training.parallel import Team
from engine.training.sheets import write_sheet

_LOOKED_AT, _SHOWN = 256, 16


class DecomposerTask(NetworkTask[Decomposer]):
    """The decomposer's stage. `faces` makes some of the inversions; without it all are plain renders."""

    def __init__(
        self,
        stage: DecomposerStage,
        compositions: CompositionSource,
        held_out: CompositionSource,
        team: Team,
        faces: FaceSource | None = None,
    ) -> None:
        self.stage, self.faces = stage, faces
        self.compositions, self.held_out = compositions, held_out
        torch.manual_seed(stage.seed)  # for the first weights; nothing else is drawn from it
        network = Decomposer(DecomposerConfig(stage.size, stage.channels, stage.hidden, stage.radii))
        described = checkpoint.described(stage, compositions.made, held_out.made, faces.origin if faces else "")
        super().__init__(network, stage, team, described)
        self._ahead = Ahead(self.steps)

    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        pairs = self._ahead(self.batch_of, k).to(self.team.device)
        return decomposition_loss(self.network(pairs.photograph, pairs.inversion), pairs)

    def batch_of(self, k: int) -> Pairs:
        """This process's share of batch number k."""
        index = draws.batch_indices(self.seed, k, self.batch, len(self.compositions))
        index, places = self.team.share(index, torch.arange(self.batch))
        dice = [self.dice(k, place) for place in places.tolist()]
        return self._pairs(self.compositions, index, dice)

    def _pairs(self, compositions: CompositionSource, index: torch.Tensor, dice: list[Dice]) -> Pairs:
        return make_pairs(compositions, self.faces, index, dice, self.stage.size, self.stage.generated)

    @torch.no_grad()
    def look(self, picture: Path) -> dict[str, float]:
        """On held-out pairs, always the same: mask and flow beside what they have to beat."""
        index = torch.arange(min(len(self.held_out), _LOOKED_AT))
        pairs, masks, flows = [], [], []
        for part in index.split(SEEN_AT_ONCE):
            dice = [Dice(draws.generator(self.seed, "look", one)) for one in part.tolist()]
            pairs.append(self._pairs(self.held_out, part, dice))
            there = pairs[-1].to(self.team.device)
            found = self.ema(there.photograph, there.inversion)
            masks.append(found.invertibility_mask.cpu())
            flows.append(found.alignment_flow.cpu())
        seen, mask, flow = Pairs.joined(pairs), torch.cat(masks), torch.cat(flows)
        _write_sheet(picture, seen, mask, flow)
        return measure(seen, mask, flow)

    def metadata(self) -> dict[str, str]:
        return {"kind": "decomposer"} | self.network.config.metadata()


def decomposition_loss(found: Decomposition, pairs: Pairs) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """How far a decomposition is from the truth."""
    mask = scales_loss([mask_loss(logits, pairs.invertibility_mask) for logits in found.logits])
    flow = scales_loss(
        [flow_loss(one, pairs.alignment_flow, pairs.invertibility_mask, pairs.known) for one in found.flows]
    )
    return mask + flow, {"loss": mask + flow, "mask": mask, "flow": flow}


def measure(pairs: Pairs, mask: torch.Tensor, flow: torch.Tensor) -> dict[str, float]:
    """Figures of a mask [N,1,S,S] and a flow [N,2,S,S]; errors in percent of the crop's side, in-domain.

    `flow_share` is the flow's error as a share of that of no alignment, over the pictures that are out of place.
    """
    truth = pairs.alignment_flow
    where = pairs.known * (pairs.invertibility_mask < 0.5)
    misplaced = where * (truth.norm(dim=1).amax((1, 2)) > 1e-3)[:, None, None, None]
    error, unaligned = (end_point_error(one, truth, misplaced) for one in (flow, torch.zeros_like(truth)))
    return {
        "mask_iou": mask_iou(mask, pairs.invertibility_mask),
        "threshold_iou": threshold_iou(pairs.photograph, pairs.inversion, pairs.invertibility_mask),
        "area": float(mask.mean()),
        "true_area": float(pairs.invertibility_mask.mean()),
        "flow_percent": 100 * error,
        "unaligned_percent": 100 * unaligned,
        "flow_share": error / max(unaligned, 1e-6),
    }


def _write_sheet(picture: Path, pairs: Pairs, mask: torch.Tensor, flow: torch.Tensor) -> None:
    """Photographs, inversions, the blend of both after alignment, masks found and true."""
    moved = warp(pairs.inversion, flow)
    blended = mask * pairs.photograph + (1 - mask) * moved
    masks = [(2 * one - 1).expand(-1, 3, -1, -1) for one in (mask, pairs.invertibility_mask)]
    rows = [pairs.photograph, pairs.inversion, moved, blended, *masks]
    write_sheet(picture, *(row[:_SHOWN] for row in rows))
