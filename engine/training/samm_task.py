"""Training SAMM for one generator and its encoder, both frozen, on compositions.

The published losses (Yang, Xu, Chen, ICCV 2023, arXiv 2212.09262) by feature networks of ours, every term of about unit
scale, and scales switched on in turn; beside them what compositions know: the true mask and the true flow. The latent of a
picture is its true code, astray as far as inversions go (`inversion_pairs` says what that looks like), or what the encoder
says of it, so that the encoder's own mistakes are met too; the true flow follows by the model's landmark map. A generator
without one has no flow to learn from where the code is not the true one, and of others there codes do not go astray. The
photograph is disturbed as a camera does it, the generator's picture is what it is. A user's photographs, where there are
any, have the published losses alone.

The hinge on the mask's area gives way where more than that is truly out-of-domain. In our form the adversarial term moves
the picture, not the mask: a mask of ones fools any discriminator.
"""

from __future__ import annotations

from pathlib import Path

import torch

from engine.errors import BadRequest
from engine.networks.additive_samm import AlignedPass, Aligner, AlignerConfig
from engine.networks.flow import enlarged, followed, inside
from engine.networks.trunk import at_size
from engine.training import checkpoint, draws
from engine.training.ahead import Ahead
from engine.training.augmentation import photographed
from engine.training.blend_judge import BlendJudge
from engine.training.compositions import CompositionSource
from engine.training.dice import Dice
from engine.training.face_source import FaceSource, displacement
from engine.training.inversion_losses import end_point_error, mask_iou, threshold_iou
from engine.training.inversion_pairs import disturbed_codes, foreign
from engine.training.inversion_recipe import SammStage
from engine.training.losses import psnr
from engine.training.network_task import SEEN_AT_ONCE, NetworkTask
from engine.training.parallel import Team
from engine.training.photographs import Photographs
from engine.training.rates import rate_at
from engine.training.samm_losses import Readers, Scenes, published_terms, true_terms
from engine.training.sheets import write_sheet
from engine.weights.inverters import TrainedEncoder

_MOTION = 32  # cells across at which the motion between two codes is known
_PHOTOGRAPHED = 0.5  # share of the pictures
_EVERY, _OF_PHOTOGRAPHS = 4, 0.25  # so many compositions go with a user's photograph; its share in the losses
_LOOKED_AT, _SHOWN = 128, 16


class SammTask(NetworkTask[Aligner]):
    """SAMM's stage. Raises `BadRequest` where stage, generator, encoder and compositions do not go together."""

    def __init__(
        self,
        stage: SammStage,
        faces: FaceSource,
        encoder: TrainedEncoder,
        compositions: CompositionSource,
        held_out: CompositionSource,
        team: Team,
        readers: Readers | None = None,
        photographs: Photographs | None = None,
        origin: str = "",  # what else the result depends on: digests of the feature networks
    ) -> None:
        self.stage, self.faces, self.readers, self.photographs = stage, faces, readers, photographs
        self.trained_encoder, self.encoder = encoder, encoder.network
        self.compositions, self.held_out = compositions, held_out
        self.resolution = faces.generator.config.resolution
        torch.manual_seed(stage.seed)  # for the first weights; nothing else is drawn from it
        network = Aligner(self._config())
        made = [compositions.made, held_out.made, photographs.made if photographs else ""]
        described = checkpoint.described(stage, faces.origin, encoder.digest, *made, origin)
        super().__init__(network, stage, team, described)
        self._ahead = Ahead(self.steps)
        self.judge = BlendJudge(stage.seed, team) if stage.adversarial else None
        self._shown: tuple[torch.Tensor, torch.Tensor] | None = None  # photographs and blends of this step

    def _config(self) -> AlignerConfig:
        stage, encoder, generator = self.stage, self.encoder.config, self.faces.generator.config
        sizes = {encoder.size >> k: width for k, width in enumerate(encoder.widths)}
        if wrong := [scale for scale in stage.scales if scale not in sizes or scale > generator.resolution]:
            raise BadRequest(f"Stage {stage.name}: encoder or generator have no features at {wrong[0]} px.")
        if encoder.code != self.faces.length or self.trained_encoder.generator != self.faces.origin:
            raise BadRequest(
                f"Stage {stage.name}: the encoder was trained for another generator.", "Train it again."
            )
        if any(one.size % self.resolution for one in (self.compositions, self.held_out)):
            raise BadRequest(
                f"Stage {stage.name}: the side of its compositions is no multiple of {self.resolution} px.",
                "Change their size in the recipe.",
            )
        return AlignerConfig(
            stage.form,
            stage.scales,
            tuple(sizes[scale] for scale in stage.scales),
            tuple(generator.width(scale) for scale in stage.scales),
            stage.width,
            stage.cycles,
        )

    def step(self, k: int) -> dict[str, float]:
        figures = super().step(k)
        if self.judge and self._shown:
            share = rate_at(self.rate, k, self.steps) / self.rate.first
            figures |= self.judge.learn(k, *self._shown, share * self.stage.discriminator_rate)
        return figures

    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        scenes = self._ahead(self.batch_of, k)
        found = self._found(scenes, k)
        figures = self.terms(found, scenes) | true_terms(found, scenes)
        if self.photographs:
            more = self.photographed_scenes(self.photographs, k)
            for name, value in self.terms(self._found(more, k), more).items():
                figures[name] = torch.lerp(figures[name], value, _OF_PHOTOGRAPHS)
        self._shown = scenes.photograph, found.blended(scenes.photograph).detach()
        weights = self.stage.model_dump()
        loss = torch.stack([weights[name] * value for name, value in figures.items()]).sum()
        return loss, {"loss": loss} | figures

    def _found(self, scenes: Scenes, k: int) -> AlignedPass:
        return self.network(self.faces.generator, scenes.w_plus, scenes.features, self.switched_on(k))

    def terms(self, found: AlignedPass, scenes: Scenes) -> dict[str, torch.Tensor]:
        """What the method asks for whether or not the truth is known."""
        terms = published_terms(found, scenes, self.readers)
        if self.judge:
            # A mask of ones would fool it best.
            fixed = self.stage.form == "additive"
            mask = found.invertibility_mask.detach() if fixed else found.invertibility_mask
            terms["adversarial"] = self.judge.fooled(torch.lerp(found.generated, scenes.photograph, mask))
        return terms

    def switched_on(self, k: int) -> int:
        """How many scales take part in step k, from the coarsest on."""
        return sum(k >= share * self.steps for share in self.stage.scales_from)

    def batch_of(self, k: int) -> Scenes:
        """This process's share of batch number k."""
        index = draws.batch_indices(self.seed, k, self.batch, len(self.compositions))
        index, places = self.team.share(index, torch.arange(self.batch))
        return self.scenes(self.compositions, index, [self.dice(k, place) for place in places.tolist()])

    @torch.no_grad()
    def photographed_scenes(self, photographs: Photographs, k: int) -> Scenes:
        """This process's share of the photographs that go with batch number k; as if nothing were out-of-domain."""
        index = draws.batch_indices(self.seed + 1, k, self.batch, len(photographs))
        (index,) = self.team.share(index)
        pictures = photographs.pictures(index[::_EVERY]).to(self.team.device)
        encoding = self.encoder(pictures)
        nothing = torch.zeros_like(pictures[:, :1])
        return Scenes(
            pictures,
            {scale: encoding.feature(scale) for scale in self.stage.scales},
            self.faces.generator.broadcast(self.faces.latent(encoding.code)) + encoding.offsets,
            nothing,
            torch.zeros_like(pictures[:, :2]),
            nothing,
        )

    @torch.no_grad()
    def scenes(self, compositions: CompositionSource, index: torch.Tensor, dice: list[Dice]) -> Scenes:
        """Scenes of the compositions `index` [N], each by its own dice."""
        size, device, faces = self.resolution, self.team.device, self.faces
        mask = compositions.invertibility_masks(index, size)
        photograph = (at_size(compositions.photographs(index, compositions.size), size) + 1) / 2
        photograph, mask = foreign(photograph, mask, compositions.backgrounds(index, size)[:, 0], dice)
        photograph = torch.stack(
            [
                photographed(one, die) if die.happens(_PHOTOGRAPHED) else one
                for one, die in zip(photograph, dice, strict=True)
            ]
        )
        photograph = photograph * 2 - 1
        encoding = self.encoder(photograph.to(device))
        truth = faces.codes_of(compositions.parameters[index], compositions.names)
        codes = truth.clone() if faces.landmark_map is None else disturbed_codes(faces, truth, dice)
        offsets = torch.zeros_like(encoding.offsets)
        by_encoder = torch.tensor([die.happens(self.stage.encoded) for die in dice])
        codes[by_encoder] = encoding.code.cpu()[by_encoder]
        offsets[by_encoder.to(device)] = encoding.offsets[by_encoder.to(device)]
        moved = enlarged(displacement(faces, truth, codes, _MOTION), size)
        flow = followed(compositions.flows(index, size), moved).to(device)
        known = inside(flow)
        if faces.landmark_map is None:
            known[by_encoder.to(device)] = 0
        return Scenes(
            photograph.to(device),
            {scale: encoding.feature(scale) for scale in self.stage.scales},
            faces.generator.broadcast(faces.latent(codes.to(device))) + offsets,
            mask.to(device),
            flow,
            known,
        )

    @torch.no_grad()
    def look(self, picture: Path) -> dict[str, float]:
        """On held-out compositions, always the same; measured where the truth is in-domain, whatever the mask found."""
        photographs, plain, generated, masks, flows, truths = [], [], [], [], [], []
        for part in torch.arange(min(len(self.held_out), _LOOKED_AT)).split(SEEN_AT_ONCE):
            dice = [Dice(draws.generator(self.seed, "look", one)) for one in part.tolist()]
            scenes = self.scenes(self.held_out, part, dice)
            found = self.ema(self.faces.generator, scenes.w_plus, scenes.features)
            photographs.append(scenes.photograph)
            plain.append(self.faces.generator.synthesis(scenes.w_plus))
            generated.append(found.generated)
            masks.append(found.invertibility_mask)
            flows.append(found.alignment_flow)
            truths.append((scenes.invertibility_mask, scenes.alignment_flow, scenes.known))
        x, g, moved, mask, flow = (
            torch.cat(one).cpu() for one in (photographs, plain, generated, masks, flows)
        )
        true_mask, true_flow, known = (torch.cat(one).cpu() for one in zip(*truths, strict=True))
        _write_sheet(picture, x, g, moved, mask, true_mask)
        can = (true_mask < 0.5).float()
        error, unaligned = (
            end_point_error(one, true_flow, known * can) for one in (flow, torch.zeros_like(true_flow))
        )
        return {
            "mask_iou": mask_iou(mask, true_mask),
            "threshold_iou": threshold_iou(x, g, true_mask),
            "area": float(mask.mean()),
            "true_area": float(true_mask.mean()),
            "flow_percent": 100 * error,
            "flow_share": error / max(unaligned, 1e-6),
            "psnr_in_domain": psnr(moved, x, can),
            "psnr_unaligned": psnr(g, x, can),
        }

    def metadata(self) -> dict[str, str]:
        made_for = {"generator": self.faces.origin, "encoder": self.trained_encoder.digest}
        return {"kind": "samm"} | made_for | self.network.config.metadata()

    def state(self) -> dict[str, torch.Tensor]:
        return super().state() | (self.judge.state() if self.judge else {})

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        super().restore(tensors)
        if self.judge:
            self.judge.restore(tensors)


def _write_sheet(
    picture: Path, x: torch.Tensor, g: torch.Tensor, moved: torch.Tensor, mask: torch.Tensor, true: torch.Tensor
) -> None:
    """Photographs, generated pictures as they are and aligned, the blend, masks found and true."""
    masks = [(2 * one - 1).expand(-1, 3, -1, -1) for one in (mask, true)]
    write_sheet(picture, *(row[:_SHOWN] for row in (x, g, moved, torch.lerp(moved, x, mask), *masks)))
