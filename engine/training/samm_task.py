"""Training SAMM for one generator and its encoder, both frozen, on compositions.

The published losses (Yang, Xu, Chen, ICCV 2023, arXiv 2212.09262) without the adversarial one, by feature networks of ours,
every term of about unit scale, and scales switched on in turn; beside them what compositions know: the true mask and the
true flow. The latent of a picture is its true code, astray as far as inversions go (`inversion_pairs` says what that looks
like), or what the encoder says of it, so that the encoder's own mistakes are met too; the true flow follows by the model's
landmark map. The photograph is disturbed as a camera does it, the generator's picture is what it is.

The hinge on the mask's area gives way where more than that is truly out-of-domain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.errors import BadRequest
from engine.networks.additive_samm import AlignedPass, Aligner, AlignerConfig
from engine.networks.features import FaceReader, map_distance
from engine.networks.flow import enlarged, followed, inside
from engine.networks.identity import IdentityReader
from engine.networks.parameter_encoder import ParameterEncoder
from engine.networks.trunk import at_size
from engine.training import checkpoint, draws
from engine.training.augmentation import photographed
from engine.training.compositions import Compositions
from engine.training.dice import Dice
from engine.training.face_source import ConditionalFaces, displacement
from engine.training.inversion_losses import (
    area_loss,
    binarity_loss,
    end_point_error,
    flow_loss,
    mask_iou,
    mask_loss,
    probability_loss,
    scales_loss,
    style_distance,
    threshold_iou,
)
from engine.training.inversion_pairs import disturbed_codes, foreign
from engine.training.inversion_recipe import SammStage
from engine.training.losses import psnr
from engine.training.network_task import SEEN_AT_ONCE, NetworkTask
from engine.training.parallel import Team
from engine.training.sheets import write_sheet

_MOST = {32: 0.30, 64: 0.30, 128: 0.20, 256: 0.20}  # share of a scale that may be out-of-domain
_MOST_COMPOSED = 0.20
_MOTION = 32  # cells across at which the motion between two codes is known
_PHOTOGRAPHED = 0.5  # share of the pictures
_LOOKED_AT, _SHOWN = 128, 16


@dataclass(frozen=True)
class Scenes:
    """N photographs with latents to paint beside them.

    Attributes:
        photograph: [N,3,R,R] in [-1,1].
        features: the encoder's, by scale in px.
        w_plus: [N,num_ws,w_dim].
        invertibility_mask: true, [N,1,R,R].
        alignment_flow: true, [N,2,R,R], crop units; `known` [N,1,R,R] where it leads into the picture.
    """

    photograph: torch.Tensor
    features: dict[int, torch.Tensor]
    w_plus: torch.Tensor
    invertibility_mask: torch.Tensor
    alignment_flow: torch.Tensor
    known: torch.Tensor


@dataclass(frozen=True)
class Readers:
    """The feature networks of the loss."""

    face: FaceReader
    identity: IdentityReader | None = None


class SammTask(NetworkTask[Aligner]):
    """SAMM's stage. Raises `BadRequest` where stage, generator and encoder do not go together."""

    def __init__(
        self,
        stage: SammStage,
        faces: ConditionalFaces,
        encoder: ParameterEncoder,
        compositions: Compositions,
        held_out: Compositions,
        team: Team,
        readers: Readers | None = None,
        origin: str = "",  # what else the result depends on: digests of encoder and feature networks
    ) -> None:
        self.stage, self.faces, self.encoder, self.readers = stage, faces, encoder, readers
        self.compositions, self.held_out = compositions, held_out
        self.resolution = faces.generator.config.resolution
        torch.manual_seed(stage.seed)  # for the first weights; nothing else is drawn from it
        network = Aligner(self._config())
        described = checkpoint.described(stage, faces.origin, compositions.made, held_out.made, origin)
        super().__init__(network, stage, team, described)

    def _config(self) -> AlignerConfig:
        stage, encoder, generator = self.stage, self.encoder.config, self.faces.generator.config
        sizes = {encoder.size >> k: width for k, width in enumerate(encoder.widths)}
        if wrong := [scale for scale in stage.scales if scale not in sizes or scale > generator.resolution]:
            raise BadRequest(f"Stage {stage.name}: encoder or generator have no features at {wrong[0]} px.")
        if encoder.code != self.faces.length:
            raise BadRequest(f"Stage {stage.name}: the encoder was trained for another generator.")
        return AlignerConfig(
            stage.form,
            stage.scales,
            tuple(sizes[scale] for scale in stage.scales),
            tuple(generator.width(scale) for scale in stage.scales),
            stage.width,
            stage.cycles,
        )

    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        scenes = self.batch_of(k)
        found = self.network(self.faces.generator, scenes.w_plus, scenes.features, self.switched_on(k))
        figures = self._published_terms(found, scenes) | _true_terms(found, scenes)
        weights = self.stage.model_dump()
        loss = torch.stack([weights[name] * value for name, value in figures.items()]).sum()
        return loss, {"loss": loss} | figures

    def _published_terms(self, found: AlignedPass, scenes: Scenes) -> dict[str, torch.Tensor]:
        """What the method asks for whether or not the truth is known."""
        x, y = scenes.photograph, found.blended(scenes.photograph)
        terms = {"reconstruction": F.mse_loss(y, x)}
        if self.readers:
            size = self.readers.face.config.size
            with torch.no_grad():
                wanted = self.readers.face.maps(at_size(x, size))
            maps = self.readers.face.maps(at_size(y, size))
            terms |= {"perceptual": map_distance(maps, wanted), "style": style_distance(maps, wanted)}
            if self.readers.identity:
                terms["identity"] = 1 - self.readers.identity.similarity(y, x).mean()
        true = scenes.invertibility_mask.mean((1, 2, 3))
        masks = {scale: one.invertibility_mask for scale, one in found.alignments.items()}
        areas = [area_loss(mask, true.clamp(min=_MOST.get(scale, 0.2))) for scale, mask in masks.items()]
        areas.append(area_loss(found.invertibility_mask, true.clamp(min=_MOST_COMPOSED)))
        terms["area"] = torch.stack(areas).mean()
        terms["binarity"] = binarity_loss(found.invertibility_mask)
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
    def scenes(self, compositions: Compositions, index: torch.Tensor, dice: list[Dice]) -> Scenes:
        """Scenes of the compositions `index` [N], each by its own dice."""
        size, device, faces = self.resolution, self.team.device, self.faces
        mask = compositions.invertibility_masks(index, size)
        photograph = (at_size(compositions.photographs(index, compositions.images.shape[-1]), size) + 1) / 2
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
        codes, offsets = disturbed_codes(faces, truth, dice), torch.zeros_like(encoding.offsets)
        by_encoder = torch.tensor([die.happens(self.stage.encoded) for die in dice])
        codes[by_encoder] = encoding.code.cpu()[by_encoder]
        offsets[by_encoder.to(device)] = encoding.offsets[by_encoder.to(device)]
        moved = enlarged(displacement(faces, truth, codes, _MOTION), size)
        flow = followed(compositions.flows(index, size), moved).to(device)
        return Scenes(
            photograph.to(device),
            {scale: encoding.feature(scale) for scale in self.stage.scales},
            faces.generator.broadcast(faces.latent(codes.to(device))) + offsets,
            mask.to(device),
            flow,
            inside(flow),
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
        config = self.network.config
        lists = ("scales", "encoder_widths", "generator_widths")
        return {
            "kind": "samm",
            "generator": self.faces.origin,
            "form": config.form,
            "width": str(config.width),
            "cycles": str(config.cycles),
        } | {name: json.dumps(getattr(config, name)) for name in lists}


def _true_terms(found: AlignedPass, scenes: Scenes) -> dict[str, torch.Tensor]:
    """What compositions know: the mask at every scale and composed, and the flow of all scales together."""
    masks = [mask_loss(one.logits, scenes.invertibility_mask) for one in found.alignments.values()]
    composed = probability_loss(found.invertibility_mask, scenes.invertibility_mask)
    flow = flow_loss(found.alignment_flow, scenes.alignment_flow, scenes.invertibility_mask, scenes.known)
    return {"true_mask": scales_loss([*masks, composed]), "true_flow": flow}


def _write_sheet(
    picture: Path, x: torch.Tensor, g: torch.Tensor, moved: torch.Tensor, mask: torch.Tensor, true: torch.Tensor
) -> None:
    """Photographs, generated pictures as they are and aligned, the blend, masks found and true."""
    masks = [(2 * one - 1).expand(-1, 3, -1, -1) for one in (mask, true)]
    write_sheet(picture, *(row[:_SHOWN] for row in (x, g, moved, torch.lerp(moved, x, mask), *masks)))
