"""Inverting one face into a generator without known parameters: encode → refine → detect and align, all frozen.

What finds mask and flow is what finds them for the embedded default (`detection`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from engine.faces.crop import CropGeometry
from engine.faces.detect import Face
from engine.faces.landmarks import FaceMesh
from engine.inversion.align import landmark_error
from engine.inversion.detection import Generated, detector_of
from engine.inversion.fields import resize, warp
from engine.inversion.invert import crop_tensor
from engine.inversion.latents import LatentStatistics, latent_statistics
from engine.inversion.objective import Readers
from engine.inversion.pivotal import tune, tuned
from engine.inversion.presets import Preset
from engine.inversion.project import project
from engine.inversion.types import Inversion
from engine.networks.encoder import INPUT_SIZE
from engine.networks.published_encoders import encode
from engine.weights.imported import ImportedModel
from engine.weights.inverters import TrainedEncoder
from engine.weights.model_inverters import NO_INVERTERS, Inverters

PASSES = 5  # of an encoder that corrects itself
_PIVOTAL_SHARE = 0.4  # of the time, where there is pivotal tuning

Report = Callable[[float], None]


@dataclass(frozen=True)
class LatentNetworks:
    """What `invert_latent` needs beside the model: the mesh, feature networks for the losses, and what inverts into it."""

    mesh: FaceMesh
    readers: Readers
    inverters: Inverters = NO_INVERTERS


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
    inverters = networks.inverters
    detect = detector_of(inverters, networks.mesh, landmarks)
    generator, weight_delta = model.generator, {}
    w_plus = start_of(model, photo, inverters.encoder)
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
        generated = Generated.of(generator, w_plus)
        generated_landmarks = networks.mesh.landmarks(generated.picture)[0]
        mask, flow = detect(photo, generated)
        aligned = warp(resize(generated.picture, flow.shape[-1]), flow)
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
        detector=inverters.detector,
        inverters_digest=inverters.digest,
    )


@torch.no_grad()
def start_of(model: ImportedModel, photo: torch.Tensor, trained: TrainedEncoder | None = None) -> torch.Tensor:
    """The encoder's answer to x [1,3,R,R], or the average: w_plus [1,num_ws,w_dim].

    An encoder that was `trained` here for the model comes before one that was imported with it.
    """
    generator = model.generator
    if trained is not None:
        encoding = trained.network(photo)
        return generator.broadcast(trained.network.raw(encoding.code)) + encoding.offsets
    if model.encoder is not None:
        x = resize(photo, INPUT_SIZE)
        return encode(model.encoder, generator, x, model.encoder_avg, PASSES)
    average = model.latent_avg.reshape(-1, generator.config.w_dim)
    return average.expand(generator.num_ws, -1)[None].clone()


def _statistics(model: ImportedModel) -> LatentStatistics | None:
    return latent_statistics(model.generator) if model.generator.config.n_mlp else None
