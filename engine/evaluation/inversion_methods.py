"""The ways to invert a face that are compared: each gives a picture of it, and says how much is the photograph itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.blending.composite import composite, settled
from engine.blending.poisson import gradient_domain
from engine.errors import BadRequest, LikenessError
from engine.evaluation.picture_figures import Gauges
from engine.evaluation.specimens import ITSELF, SIZE, WHOLE, Specimen
from engine.faces.landmarks import FaceMesh
from engine.inversion.detection import Generated
from engine.inversion.fields import resize, warp
from engine.inversion.invert import crop_tensor, invert
from engine.inversion.invert_latent import LatentNetworks, invert_latent, start_of
from engine.inversion.latents import LatentStatistics, latent_statistics
from engine.inversion.mask import invertibility_mask
from engine.inversion.objective import Readers
from engine.inversion.pivotal import tune, tuned
from engine.inversion.presets import preset_for
from engine.inversion.project import Projection
from engine.inversion.types import Inversion
from engine.networks.additive_samm import Aligner
from engine.training import draws
from engine.training.inversion_stages import Workshop
from engine.training.loop import WEIGHTS
from engine.weights.inverters import TrainedEncoder, load_aligner
from engine.weights.model_inverters import NO_INVERTERS, Inverters
from engine.weights.models import Model
from engine.weights.record import digest
from engine.weights.store import FaceModel

ENCODER, PUBLISHED, OURS = "encoder only", "published pass", "ours"
REFINED, TUNED = "refine", "refine + pivotal tuning"
UNALIGNED, UNMASKED = "ours, no alignment", "ours, no mask"
UNREFINED = "ours, no gradient refinement"
METHODS = (ENCODER, REFINED, TUNED, PUBLISHED, OURS, UNALIGNED, UNMASKED, UNREFINED)
_CPU = torch.device("cpu")
_SAMPLES = 4096  # of w


@dataclass(frozen=True)
class Answer:
    """What a method makes of a crop: its picture [1,3,256,256] in [-1,1], its invertibility mask [1,1,256,256]."""

    picture: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class Bench:
    """A model and what its methods need.

    Attributes:
        trained: digests of the files of encoder and SAMM. missing: of methods that cannot be run, why.
        inverters: what the worker inverts with.
    """

    model: Model
    mesh: FaceMesh
    gauges: Gauges
    refine_steps: int
    encoder: TrainedEncoder | None
    published: Aligner | None
    trained: tuple[str, ...]
    missing: dict[str, str]
    inverters: Inverters

    @torch.no_grad()
    def answers(self, specimen: Specimen) -> dict[str, Answer]:
        """Of all methods that can be run. Deterministic."""
        x, photo = specimen.photo, crop_tensor(specimen.crop)
        made = self._quick(photo, x)
        inversion = self._inverted(specimen)
        plain = _synthesised(self.model, inversion)
        generated, flow = resize(plain, SIZE), inversion.alignment_flow[None]
        aligned, mask = warp(generated, flow), inversion.invertibility_mask[None, None]
        nothing = torch.zeros_like(mask)
        still = invertibility_mask(photo, generated, inversion.landmarks)
        made[REFINED] = Answer(generated, nothing)
        if TUNED not in self.missing:
            made[TUNED] = Answer(self._tuned(photo, inversion), nothing)
        made[OURS] = Answer(_bent(x, aligned, mask), mask)
        made[UNALIGNED] = Answer(_bent(x, generated, still), still)
        made[UNMASKED] = Answer(aligned, nothing)
        made[UNREFINED] = Answer(composite(x, aligned.clamp(-1, 1), mask), mask)
        return made

    def _quick(self, photo: torch.Tensor, x: torch.Tensor) -> dict[str, Answer]:
        """Encoder and published pass, where they are there."""
        model, nothing = self.model, torch.zeros(1, 1, SIZE, SIZE)
        made: dict[str, Answer] = {}
        if isinstance(model, FaceModel):
            if self.encoder is not None:
                encoding = self.encoder.network(resize(photo, model.resolution))
                w_plus = model.generator.broadcast(model.latent(encoding.code)) + encoding.offsets
                made[ENCODER] = Answer(resize(model.generator.synthesis(w_plus), SIZE), nothing)
                if self.published is not None:
                    features = {scale: encoding.feature(scale) for scale in self.published.config.scales}
                    found = self.published(model.generator, w_plus, features)
                    mask = resize(found.invertibility_mask, SIZE)
                    generated = resize(found.generated.clamp(-1, 1), SIZE)
                    made[PUBLISHED] = Answer(torch.lerp(generated, x, mask), mask)
            return made
        if model.encoder is not None:
            made[ENCODER] = Answer(resize(model.generator.synthesis(start_of(model, photo)), SIZE), nothing)
        if model.inverter is not None:
            encoded = model.inverter.encode(photo)
            found = model.inverter.render(photo, encoded, model.inverter.latents(encoded))
            made[PUBLISHED] = Answer(resize(found.blended, SIZE), resize(found.invertibility_mask, SIZE))
        return made

    @torch.enable_grad()
    def _inverted(self, specimen: Specimen) -> Inversion:
        """Without pivotal tuning."""
        if isinstance(self.model, FaceModel):
            steps = self.refine_steps
            args = (self.model, self.mesh, specimen.crop, WHOLE, ITSELF, steps, lambda _: None)
            return invert(*args, reader=self.gauges.face, inverters=self.inverters)
        preset = preset_for(self.refine_steps)
        untuned = replace(preset, pivotal_steps=0) if preset else None
        networks = LatentNetworks(self.mesh, self._readers, self.inverters)
        return invert_latent(self.model, networks, specimen.crop, WHOLE, ITSELF, untuned, lambda _: None)

    @torch.enable_grad()
    def _tuned(self, photo: torch.Tensor, inversion: Inversion) -> torch.Tensor:
        """G with pivotal tuning around the inversion: [1,3,256,256]."""
        preset = preset_for(self.refine_steps)
        assert preset is not None
        mask, flow = inversion.invertibility_mask[None, None], inversion.alignment_flow[None]
        pivot = Projection(inversion.w_plus[None], mask, flow, (), "steps")

        def detect(_photo: torch.Tensor, _generated: Generated) -> tuple[torch.Tensor, torch.Tensor]:
            return mask, flow

        args = (self.model.generator, photo, pivot, _statistics(self.model), detect, self._readers, preset)
        delta = tune(*args, lambda _fraction, _preview: None).weight_delta
        with torch.no_grad():
            return resize(tuned(self.model.generator, delta).synthesis(pivot.w_plus), SIZE)

    @property
    def _readers(self) -> Readers:
        return Readers(self.gauges.face, self.gauges.identity)


def bench_of(
    model: Model,
    mesh: FaceMesh,
    gauges: Gauges,
    refine_steps: int,
    shop: Workshop | LikenessError,
    inverters: Inverters = NO_INVERTERS,
) -> Bench:
    """A bench for a model; `shop` has what was trained for it, or the reason why nothing is."""
    missing: dict[str, str] = {}
    encoder = published = None
    digests: tuple[str, ...] = ()
    if isinstance(model, FaceModel):
        try:
            encoder, published, digests = _trained(shop, model.digest)
        except LikenessError as error:
            missing[ENCODER] = str(error)
        if published is None:
            missing[PUBLISHED] = "SAMM in its published form is not trained: run “python -m engine train samm”."
    else:
        if model.encoder is None:
            missing[ENCODER] = "No encoder was imported with the model."
        if model.inverter is None:
            missing[PUBLISHED] = "No encoder with SAMM was imported with the model."
    preset = preset_for(refine_steps)
    if preset is None or not preset.pivotal_steps:
        missing[TUNED] = "These refine steps leave no time for pivotal tuning."
    return Bench(model, mesh, gauges, refine_steps, encoder, published, digests, missing, inverters)


def _trained(
    shop: Workshop | LikenessError, model: str
) -> tuple[TrainedEncoder, Aligner | None, tuple[str, ...]]:
    """The encoder for the model of that digest, SAMM's published form where it is trained, and the digests of both.

    Raises `LikenessError`.
    """
    if isinstance(shop, LikenessError):
        raise shop
    encoder = shop.encoder(_CPU)
    if encoder.generator != model:
        raise BadRequest("The encoder was trained for another generator.", "Name that one by --model.")
    for stage in shop.inversion.samm:
        path: Path = shop.folder / stage.name / WEIGHTS
        if stage.form == "published" and path.exists():
            return encoder, load_aligner(path, _CPU).network, (encoder.digest, digest(path))
    return encoder, None, (encoder.digest,)


@torch.no_grad()
def _statistics(model: Model) -> LatentStatistics | None:
    """Where the model's latents lie."""
    if not isinstance(model, FaceModel):
        return latent_statistics(model.generator) if model.generator.config.n_mlp else None
    parameters = model.parameters
    normal = torch.randn(_SAMPLES, len(parameters.names), generator=draws.generator(0, "latents"))
    return LatentStatistics.of(model.latent(parameters.within(normal @ parameters.cholesky.T)))


def _synthesised(model: Model, inversion: Inversion) -> torch.Tensor:
    return model.generator.synthesis(inversion.w_plus[None]).clamp(-1, 1)


def _bent(x: torch.Tensor, generated: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The gradient-domain refinement of [1,3,S,S] in [-1,1]."""
    refined = gradient_domain((x + 1) / 2, (generated.clamp(-1, 1) + 1) / 2, settled(mask))
    return refined.pixels * 2 - 1
