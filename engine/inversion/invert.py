"""Inverting one face: encode → refine → detect and align, everything frozen for the edits that follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from engine.faces.crop import CropGeometry, ffhq_crop
from engine.faces.detect import Face
from engine.faces.landmarks import FaceMesh
from engine.inversion.align import landmark_error
from engine.inversion.detection import Generated, detector_of
from engine.inversion.fields import resize, warp
from engine.inversion.mask import NOWHERE
from engine.inversion.refine import refine
from engine.inversion.skin import beyond_face, skin_map
from engine.inversion.types import CROP_SIZE, Inversion
from engine.networks.features import FaceReader
from engine.weights.model_inverters import NO_INVERTERS, Inverters
from engine.weights.store import FaceModel

Report = Callable[[float], None]


def take_crop(photo: np.ndarray, face: Face) -> tuple[np.ndarray, CropGeometry]:
    """The face's FFHQ crop, RGB uint8 [512,512,3], out of a photograph uint8 [H,W,3]; and its place there."""
    geometry = ffhq_crop(face.points)
    crop = geometry.extract(photo, CROP_SIZE)
    return np.clip(crop + 0.5, 0, 255).astype(np.uint8), geometry


def crop_tensor(crop: np.ndarray) -> torch.Tensor:
    """uint8 [R,R,3] → [1,3,R,R] in [-1,1]."""
    return torch.from_numpy(crop.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def invert(
    model: FaceModel,
    mesh: FaceMesh,
    crop: np.ndarray,
    geometry: CropGeometry,
    face: Face,
    refine_steps: int,
    report: Report,
    region: torch.Tensor = NOWHERE,
    reader: FaceReader | None = None,
    inverters: Inverters = NO_INVERTERS,
) -> Inversion:
    """Invert one crop [512,512,3]. Deterministic. `report` is told the fraction done and may raise to stop.

    Where `region` [1,1,S,S] of the crop is 1, the crop is to hold something neutral and is not looked at (networks would
    look: with a region, give no `inverters`). The id says nothing of the region: such an inversion does not belong into the
    cache. With a `reader`, bare ears and neck are found, which are no more out-of-domain than the face is.
    """
    photo = crop_tensor(crop)
    with torch.no_grad():
        landmarks = mesh.landmarks(photo)[0]
    encoder = inverters.encoder.network if inverters.encoder else None
    fit = refine(model, photo, landmarks, refine_steps, report, region, encoder)
    with torch.no_grad():
        w_plus = model.generator.broadcast(model.latent(fit.c))
        generated = Generated.of(model.generator, w_plus)
        mask, flow = detector_of(inverters, mesh, landmarks, region)(photo, generated)
        aligned = warp(resize(generated.picture, flow.shape[-1]), flow)
        bare = skin_map(reader, photo, landmarks) if reader else torch.zeros_like(mask)
        mask = torch.minimum(mask, 1 - bare * beyond_face(landmarks))
        error = landmark_error(landmarks, mesh.landmarks(aligned)[0])
        generated_landmarks = mesh.landmarks(generated.picture)[0]
    return Inversion(
        model=model.name,
        model_digest=model.digest,
        crop=crop,
        geometry=geometry,
        box=face.box,
        refine_steps=refine_steps,
        w_plus=w_plus[0].contiguous(),
        parameters=fit.c[0],
        landmarks=landmarks,
        generated_landmarks=generated_landmarks,
        invertibility_mask=(mask[0, 0] * 255).round() / 255,
        alignment_flow=flow[0].half().float(),
        bare_skin=(bare[0, 0] * 255).round() / 255,
        landmark_error=error,
        detector=inverters.detector,
        inverters_digest=inverters.digest,
    )
