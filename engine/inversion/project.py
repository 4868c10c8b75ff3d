"""Projecting a photograph into the latents of any StyleGAN2: generate → detect → align → blend, round after round.

Each round finds invertibility mask and alignment flow, then optimises w_plus for the blend under them. The first round
moves all rows together (W), the later ones each on its own near that (W+), as edits need it (Tov et al., arXiv
2102.02766). Until the last round the generated picture is compared where it is, so that the latent takes over geometry;
in the last one it is moved by the flow, so that colour and texture are fitted to where things lie in the end.

Pictures are compared at 256 px at most, and rates are ramped, as in StyleGAN2's projector (Karras et al., CVPR 2020,
arXiv 1912.04958, appendix D); unlike there, rates and prior are in w's own spread (`latents`), so that they mean the same
for every generator, and noise is the generator's own and stays: what it takes up of a photograph, no edit moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.errors import BadRequest
from engine.inversion.descent import Descent, Report, Schedule, StoppedBy, descend
from engine.inversion.detection import Detect, Generated
from engine.inversion.fields import resize, warp
from engine.inversion.latents import LatentStatistics
from engine.inversion.objective import Objective, Readers, limited, paint
from engine.inversion.presets import Preset
from engine.networks.layers import check_shape
from engine.networks.stylegan2 import Generator

MANIFOLD, ROWS = (
    0.02,
    0.05,
)  # weights of the prior: on the distance of each row, on the differences between rows


@dataclass(frozen=True)
class Projection:
    """What is known of a photograph after `project`.

    Attributes:
        w_plus: [1,num_ws,w_dim].
        invertibility_mask, alignment_flow: [1,1,S,S], [1,2,S,S], as they were detected at this w_plus; the mask is the
            detector's own, of any area.
        losses: before every step; they can be compared within a round only.
        stopped_by: why the last round ended: all its steps, a plateau, or the report.
    """

    w_plus: torch.Tensor
    invertibility_mask: torch.Tensor
    alignment_flow: torch.Tensor
    losses: tuple[float, ...]
    stopped_by: StoppedBy

    @property
    def steps(self) -> int:
        return len(self.losses)


def project(
    generator: Generator,
    photo: torch.Tensor,
    start: torch.Tensor,
    statistics: LatentStatistics | None,
    detect: Detect,
    readers: Readers,
    preset: Preset,
    report: Report,
) -> Projection:
    """Find the w_plus whose picture agrees with the photograph where the generator can. Deterministic on the CPU.

    Args:
        generator: left as it is.
        photo: x [1,3,R,R] in [-1,1], R of any size.
        start: [1,num_ws,w_dim], an encoder's answer or the average.
        statistics: of w; None where they are not known: then guessed from `start`.
        detect: see `engine.inversion.detection`. Called once a round and once at the end, without gradients.
        readers: feature networks of the perceptual and the identity term.
        preset: how long.
        report: told the fraction done after each step, and every few steps a preview [1,3,size,size]. Where it raises
            `KeepBest`, the work ends and the best so far is the answer (after one more detection); other exceptions
            pass through.

    Raises:
        BadRequest: photo or start are of another shape or type, or hold what is no number.
    """
    check_arguments(generator, photo, start)
    known = statistics or LatentStatistics.around(start)
    size = min(preset.size, generator.config.resolution)
    objective = Objective(resize(photo, size), readers)
    w_plus, losses = start.detach(), ()
    stopped_by: StoppedBy = "steps"
    for number in range(preset.rounds):

        def tell(fraction: float, preview: torch.Tensor | None, done: int = number) -> None:
            report((done + fraction) / preset.rounds, preview)

        whole, beyond = paint(generator, w_plus, size)
        mask, flow = detected(detect, photo, Generated(whole, generator, w_plus))
        one_round = _Round(generator, objective, known, w_plus, beyond, limited(resize(mask, size)))
        aligned = number > 0 and number == preset.rounds - 1
        descent = one_round.run(number == 0, resize(flow, size) if aligned else None, preset, tell)
        w_plus = one_round.moved(descent.best[0])
        losses += descent.losses
        stopped_by = descent.stopped_by
        if stopped_by == "report":
            break
    with torch.no_grad():
        mask, flow = detected(detect, photo, Generated.of(generator, w_plus))
    return Projection(w_plus, mask, flow, losses, stopped_by)


@dataclass(frozen=True)
class _Round:
    """What does not change within a round.

    `beyond` [1,3,S,S] and `invertibility_mask` [1,1,S,S] are of the size S at which pictures are compared.
    """

    generator: Generator
    objective: Objective
    statistics: LatentStatistics
    start: torch.Tensor
    beyond: torch.Tensor
    invertibility_mask: torch.Tensor

    @property
    def rows(self) -> int:
        """Rows of w_plus that the skip image hangs on."""
        return 2 * self.beyond.shape[-1].bit_length() - 4

    def moved(self, offsets: torch.Tensor) -> torch.Tensor:
        """w_plus with its first rows moved by `offsets` [1,K,w_dim], in spreads; the others by their mean."""
        others = self.start.shape[1] - offsets.shape[1]
        offsets = torch.cat([offsets, offsets.mean(1, keepdim=True).expand(-1, others, -1)], 1)
        return self.start + self.statistics.spread * offsets

    def run(self, together: bool, flow: torch.Tensor | None, preset: Preset, report: Report) -> Descent:
        """Optimise the offsets, of all rows `together` or of each; the picture is moved by `flow` where there is one."""
        offsets = torch.zeros_like(self.start[:, : 1 if together else self.rows])

        def evaluate(_step: int) -> tuple[torch.Tensor, torch.Tensor]:
            w_plus = self.moved(offsets)
            generated = self.generator.synthesis(w_plus, resolution=self.beyond.shape[-1]) + self.beyond
            compared = generated if flow is None else warp(generated, flow)
            loss = self.objective(compared, self.invertibility_mask) + self.prior(w_plus[:, : self.rows])
            return loss, generated

        return descend(
            [offsets], evaluate, Schedule(preset.steps, preset.learning_rate, preset.patience), report
        )

    def prior(self, rows: torch.Tensor) -> torch.Tensor:
        """How improbable rows [1,K,w_dim] are, each on its own and beside each other."""
        apart = ((rows - rows.mean(1, keepdim=True)) / self.statistics.spread).square().mean()
        return MANIFOLD * self.statistics.distance(rows) + ROWS * apart


@torch.no_grad()
def detected(detect: Detect, photo: torch.Tensor, generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
    """Invertibility mask [1,1,S,S] and alignment flow [1,2,S,S]. Raises `ValueError` where `detect` answers otherwise."""
    mask, flow = detect(photo, generated)
    check_shape("invertibility_mask", mask, (1, 1, "S", "S"))
    check_shape("alignment_flow", flow, (1, 2, "S", "S"))
    return mask.clamp(0, 1), flow


def check_arguments(generator: Generator, photo: torch.Tensor, w_plus: torch.Tensor) -> None:
    """Raises `BadRequest` that says which is unfit."""
    shape = (1, generator.num_ws, generator.config.w_dim)
    if photo.ndim != 4 or photo.shape[:2] != (1, 3) or photo.shape[2] != photo.shape[3] or photo.shape[2] < 8:
        raise BadRequest(f"The photograph's tensor is {list(photo.shape)}.", "Give a square crop [1,3,R,R].")
    if tuple(w_plus.shape) != shape:
        raise BadRequest(
            f"The latent is {list(w_plus.shape)}, this generator takes {list(shape)}.",
            "Begin with a latent of the same model.",
        )
    for name, tensor in (("photograph", photo), ("latent", w_plus)):
        if tensor.dtype != torch.float32:
            raise BadRequest(f"The {name}'s numbers are {tensor.dtype}.", "Give float32.")
        if not torch.isfinite(tensor).all():
            raise BadRequest(f"The {name} holds values that are not finite.", "Choose another.")
