"""Inverting one face into a generator without known parameters: encode → refine → detect and align, all frozen.

What finds mask and flow is what finds them for the embedded default: landmarks of photograph and generated face, and
where the two differ once one is laid on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from engine.faces.crop import CropGeometry
from engine.faces.detect import Face
from engine.faces.landmarks import FaceMesh
from engine.inversion.align import alignment_flow, landmark_error
from engine.inversion.fields import resize, warp
from engine.inversion.invert import crop_tensor
from engine.inversion.latents import LatentStatistics, latent_statistics
from engine.inversion.mask import SIZE, invertibility_mask
from engine.inversion.objective import Readers
from engine.inversion.pivotal import tune, tuned
from engine.inversion.presets import Preset
from engine.inversion.project import project
from engine.inversion.types import Inversion
from engine.networks.encoder import INPUT_SIZE
from engine.networks.published_encoders import encode
from engine.weights.imported import ImportedModel

PASSES = 5  # of an encoder that corrects itself
_PIVOTAL_SHARE = 0.4  # of the time, where there is pivotal tuning

Report = Callable[[float], None]


@dataclass(frozen=True)
class LatentNetworks:
    """What `invert_latent` needs beside the model: the mesh, and feature networks for the losses."""

    mesh: FaceMesh
    readers: Readers


def invert_latent(
    model: ImportedModel,
    networks: LatentNetworks,
    crop: np.ndarray,
    geometry: CropGeometry,
    face: Face,
    preset: Preset | None,
    report: Report,
) -> Inversion:
    """Invert one crop [512,512,3]. Deterministic. `report` is told the fraction done and may raise to stop.

    Without a preset the encoder's answer is not refined; without an encoder that is the average face.
    """
    photo = crop_tensor(crop)
    with torch.no_grad():
        landmarks = networks.mesh.landmarks(photo)[0]
    detect = _Detector(networks.mesh, landmarks)
    generator, w_plus, weight_delta = model.generator, start_of(model, photo), {}
    if preset is not None:
        share = 1 - _PIVOTAL_SHARE if preset.pivotal_steps else 1.0
        statistics = _statistics(model)
        args = (statistics, detect, networks.readers, preset)
        found = project(generator, photo, w_plus, *args, lambda done, _: report(share * done))
        w_plus = found.w_plus
        if preset.pivotal_steps:
            tuning = tune(generator, photo, found, *args, lambda done, _: report(share + (1 - share) * done))
            weight_delta = tuning.weight_delta
            generator = tuned(generator, weight_delta)
    with torch.no_grad():
        generated = generator.synthesis(w_plus)
        generated_landmarks = networks.mesh.landmarks(generated)[0]
        mask, flow = detect(photo, generated)
        aligned = warp(resize(generated, SIZE), flow)
        error = landmark_error(landmarks, networks.mesh.landmarks(aligned)[0])
    return Inversion(
        model=model.name,
        model_digest=model.digest,
        crop=crop,
        geometry=geometry,
        box=face.box,
        refine_steps=preset.refine_steps if preset else 0,
        w_plus=w_plus[0].contiguous(),
        parameters=None,
        landmarks=landmarks,
        generated_landmarks=generated_landmarks,
        invertibility_mask=(mask[0, 0] * 255).round() / 255,
        alignment_flow=flow[0].half().float(),
        landmark_error=error,
        weight_delta=weight_delta,
    )


@torch.no_grad()
def start_of(model: ImportedModel, photo: torch.Tensor) -> torch.Tensor:
    """The encoder's answer to x [1,3,R,R], or the average: w_plus [1,num_ws,w_dim]."""
    generator = model.generator
    if model.encoder is not None:
        x = resize(photo, INPUT_SIZE)
        return encode(model.encoder, generator, x, model.encoder_avg, PASSES)
    average = model.latent_avg.reshape(-1, generator.config.w_dim)
    return average.expand(generator.num_ws, -1)[None].clone()


def _statistics(model: ImportedModel) -> LatentStatistics | None:
    return latent_statistics(model.generator) if model.generator.config.n_mlp else None


@dataclass(frozen=True)
class _Detector:
    """Invertibility mask and alignment flow of a photograph with these landmarks [468,2]."""

    mesh: FaceMesh
    landmarks: torch.Tensor

    @torch.no_grad()
    def __call__(self, photo: torch.Tensor, generated: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flow = alignment_flow(self.landmarks, self.mesh.landmarks(generated)[0])
        aligned = warp(resize(generated, SIZE), flow)
        return invertibility_mask(photo, aligned, self.landmarks), flow
