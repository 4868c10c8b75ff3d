"""What the worker does with a request: faces → inversion → editing, on pictures in the spool."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from engine.editing.blend import choose_blend, prepare
from engine.editing.brake import IdentityGauge, strongest
from engine.editing.directions import NEGLIGIBLE, effective_edits
from engine.errors import BadRequest, InversionMissing, ModelNotUsable
from engine.faces.crop import CropGeometry
from engine.faces.detect import Face, FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.inversion.cache import InversionCache
from engine.inversion.invert import invert, take_crop
from engine.inversion.invert_latent import LatentNetworks, invert_latent
from engine.inversion.objective import Readers
from engine.inversion.presets import preset_for
from engine.inversion.types import Inversion, from_bytes, inversion_id
from engine.messages import (
    Blend,
    DetectRequest,
    DetectResult,
    DirectionInfo,
    DirectionList,
    EditRequest,
    EditResult,
    FaceResult,
    InversionInfo,
    InvertRequest,
    InvertResult,
    RestoreRequest,
    WorkRequest,
    WorkResult,
)
from engine.networks.identity import IdentityReader
from engine.paths import EMBEDDED_MODELS, Home
from engine.settings import Settings
from engine.spool import Spool
from engine.weights.directions import Direction
from engine.weights.features import load_face_reader, load_identity_reader
from engine.weights.models import Model
from engine.weights.store import FaceModel
from engine.worker.chosen import chosen_faces, found
from engine.worker.loaded import SMALL_RESOLUTION, LoadedModels
from engine.worker.painted import repainted, shown_mask
from engine.worker.pictures import flow_picture, generated_picture, mask_picture, view, visible
from engine.worker.remarks import warning_for
from engine.worker.restoring import Networks, restore

Report = Callable[[float, str], None]
PREPARED = 16  # faces kept ready in memory
FEATURES = EMBEDDED_MODELS / "features"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Subject:
    """A face that a request is about: its number in the picture, and its inversion with the id it is kept under."""

    number: int
    identity: str
    inversion: Inversion
    from_cache: bool
    painted: str | None = None  # the picture of a layer mask that takes the place of what was found


class Pipeline:
    """Runs requests, one at a time. Models, and faces that were edited lately, stay in memory."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._detector = FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")
        self._mesh = FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")
        self._cache = InversionCache(home.inversions)
        self._prepared: OrderedDict[str, IdentityGauge] = OrderedDict()
        self._models = LoadedModels(home, settings, self._prepared.clear)
        self.device = self._models.device.type
        self._detected: tuple[str, list[Face]] | None = None

    def run(self, request: WorkRequest, spool: Spool, report: Report) -> WorkResult:
        """Do what the request says. `report(fraction, message)` may raise to stop it; errors are `LikenessError`s."""
        picture = spool.read(request.picture)
        if picture.ndim != 3 or picture.shape[2] != 4:
            raise BadRequest("Faces are looked for in RGBA pictures.")
        if isinstance(request, DetectRequest):
            report(0.0, "Looking for faces")
            faces = self._detect(request.picture, visible(picture))
            return DetectResult(faces=[found(n, face) for n, face in enumerate(faces, 1)])
        model = self._model(request.model)
        if isinstance(request, RestoreRequest):
            if not isinstance(model, FaceModel):
                raise ModelNotUsable(f"“{model.name}” cannot restore yet.", "Choose “default”.")
            networks, region = Networks(model, self._detector, self._mesh), spool.read(request.region)
            return restore(networks, picture, region, self._steps(request), spool, report)
        if isinstance(request, InvertRequest):
            inverted = self._inversions(request, model, picture, report)
            faces = [self._result(subject, model, picture, spool, {}, request) for subject in inverted]
            return InvertResult(model=model.name, faces=faces)
        edits, notes = effective_edits(model, request.edits)
        inverted = self._inversions(request, model, picture, report)
        faces = []
        for done, subject in enumerate(inverted):
            report(0.9 + 0.1 * done / len(inverted), "Editing")
            own = request.face_edits.get(subject.identity)
            if own is not None:
                subject = replace(subject, number=own.number, painted=own.layer_mask)
            mine = edits
            if own is not None:
                mine, weakened = effective_edits(model, own.edits)
                notes += [note for note in weakened if note not in notes]
            faces.append(self._result(subject, model, picture, spool, mine, request))
        return EditResult(model=model.name, faces=faces, notes=notes)

    def directions(self, model: str | None) -> DirectionList:
        """The sliders that a model offers. Raises `UnknownModel`."""
        loaded = self._model(model)
        fields = ("name", "label", "group", "minimum", "maximum", "hint")
        return DirectionList(
            model=loaded.name,
            notice=loaded.notice,
            directions=[
                DirectionInfo(**{field: getattr(direction, field) for field in fields})
                for direction in loaded.directions.values()
            ],
        )

    def check_inversion(self, data: bytes) -> InversionInfo:
        """Take an inversion from outside into the cache. Raises `InversionDamaged`, `UnknownModel`."""
        inversion = from_bytes(data)
        model = self._model(inversion.model)
        blend = choose_blend(model, inversion.geometry.side).blend
        prepare(model, self._fitting(inversion, model), self._mesh, blend)  # what cannot be used is not kept
        identity = self._cache.receive(data, inversion)
        return InversionInfo(id=identity, model=inversion.model, used=time.time(), bytes=len(data))

    def _model(self, name: str | None) -> Model:
        model = self._models.get(name)
        # More threads than one cost a small generator more in waiting for each other than they save in work.
        small = model.resolution <= SMALL_RESOLUTION
        torch.set_num_threads(self._settings.threads or (1 if small else os.cpu_count() or 1))
        return model

    def _inversions(
        self, request: InvertRequest | EditRequest, model: Model, picture: np.ndarray, report: Report
    ) -> list[Subject]:
        """The faces that the request is about, inverted."""
        if isinstance(request, EditRequest) and request.inversions:
            first = request.face if request.face and len(request.inversions) == 1 else 1
            return [
                Subject(number, identity, self._fitting(self._cache.get(identity), model), from_cache=True)
                for number, identity in enumerate(request.inversions, first)
            ]
        report(0.0, "Looking for faces")
        photo = visible(picture)
        chosen = chosen_faces(self._detect(request.picture, photo), request.face, request.faces)
        steps = self._steps(request)
        inverted = []
        for done, (number, face) in enumerate(chosen):

            def tell(fraction: float, number: int = number, done: int = done) -> None:
                report(
                    0.05 + 0.85 * (done + fraction) / len(chosen),
                    f"Inverting face {number}"
                    if len(chosen) == 1
                    else f"Inverting face {done + 1} of {len(chosen)}",
                )

            tell(0.0)
            crop, geometry = take_crop(photo, face)
            identity = inversion_id(model.digest, crop, geometry, steps, self._models.inverters(model).digest)
            known = self._cache.find(identity)
            if known is None:
                self._cache.keep(self._invert(model, crop, geometry, face, steps, tell))
                # read back, as everybody will find it from now on: the same bytes
                inverted.append(Subject(number, identity, self._cache.get(identity), from_cache=False))
            else:
                inverted.append(Subject(number, identity, known, from_cache=True))
        return inverted

    def _invert(
        self,
        model: Model,
        crop: np.ndarray,
        geometry: CropGeometry,
        face: Face,
        steps: int,
        tell: Callable[[float], None],
    ) -> Inversion:
        inverters = self._models.inverters(model)
        if isinstance(model, FaceModel):
            args = (model, self._mesh, crop, geometry, face, steps, tell)
            return invert(*args, reader=self._readers.face, inverters=inverters)
        networks = LatentNetworks(self._mesh, self._readers, inverters)
        return invert_latent(model, networks, crop, geometry, face, preset_for(steps), tell)

    @cached_property
    def _readers(self) -> Readers:
        return Readers(load_face_reader(FEATURES, CPU), self._identity)

    @cached_property
    def _identity(self) -> IdentityReader:
        return load_identity_reader(FEATURES, CPU)

    def _steps(self, request: InvertRequest | EditRequest | RestoreRequest) -> int:
        return self._settings.refine_steps if request.refine_steps is None else request.refine_steps

    def _detect(self, picture: str, photo: np.ndarray) -> list[Face]:
        """Faces, largest first; those of the last picture are remembered."""
        if self._detected is None or self._detected[0] != picture:
            self._detected = (picture, self._detector.detect(photo))
        return self._detected[1]

    def _fitting(self, inversion: Inversion, model: Model) -> Inversion:
        shape = (model.generator.num_ws, model.generator.config.w_dim)
        expected = (len(model.parameters.names),) if isinstance(model, FaceModel) else None
        found = None if inversion.parameters is None else tuple(inversion.parameters.shape)
        if inversion.model_digest != model.digest or inversion.w_plus.shape != shape or found != expected:
            raise InversionMissing(
                f"This inversion was made with another version of the model “{inversion.model}”.",
                "Invert the face again.",
            )
        return inversion

    def _prepare(self, subject: Subject, model: Model, blend: Blend) -> IdentityGauge:
        key = subject.identity + (subject.painted or "") + blend
        if key not in self._prepared:
            face = prepare(model, subject.inversion, self._mesh, blend)
            self._prepared[key] = IdentityGauge(self._identity, face)
            while len(self._prepared) > PREPARED:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    @torch.no_grad()
    def _result(
        self,
        subject: Subject,
        model: Model,
        picture: np.ndarray,
        spool: Spool,
        edits: dict[str, float],
        request: InvertRequest | EditRequest,
    ) -> FaceResult:
        height, width = picture.shape[:2]
        rect = subject.inversion.geometry.bounds(width, height)
        if rect.w == 0 or rect.h == 0:
            raise BadRequest(
                "The inverted face lies outside of this picture.", "Invert a face of this picture."
            )
        painted = None if subject.painted is None else spool.read(subject.painted)
        inversion = subject.inversion if painted is None else repainted(subject.inversion, painted, rect)
        asked = request if isinstance(request, EditRequest) else EditRequest(picture=request.picture)
        wants_flow = isinstance(request, InvertRequest) and request.flow
        pixels, geometry, part = view(picture, inversion.geometry, rect, asked.preview)
        choice = choose_blend(model, inversion.geometry.side, asked.blend)
        gauge = self._prepare(replace(subject, inversion=inversion), model, choice.blend)
        kept = strongest(lambda factor: gauge.similarity(_times(factor, edits, model)), asked.keep_identity)
        face, chosen = gauge.face, _times(kept.factor, edits, model)
        if chosen:
            layer = face.layer(pixels, geometry, chosen, part)
        else:
            layer = pixels[part.y : part.y + part.h, part.x : part.x + part.w]
        return FaceResult(
            number=subject.number,
            inversion=subject.identity,
            box=inversion.box,
            rect=(rect.x, rect.y, rect.w, rect.h),
            layer=spool.add(np.ascontiguousarray(layer)),
            layer_mask=spool.add(shown_mask(inversion, painted, geometry, part)),
            generated=spool.add(generated_picture(face.generated(chosen)[0], geometry, part)),
            invertibility_mask=spool.add(mask_picture(inversion.invertibility_mask, geometry, part)),
            landmark_error=inversion.landmark_error,
            invertibility_mask_area=face.invertibility_mask_area,
            from_cache=subject.from_cache,
            edits={direction.name: strength for direction, strength in chosen.items()},
            warning=warning_for(inversion),
            identity_similarity=kept.similarity,
            strength_factor=kept.factor,
            blend=choice.blend,
            blend_reason=choice.reason,
            detector=inversion.detector,
            flow=spool.add(flow_picture(inversion.alignment_flow, geometry, part)) if wants_flow else None,
        )


def _times(factor: float, edits: dict[str, float], model: Model) -> dict[Direction, float]:
    """All strengths multiplied by a factor; those that do nothing left out."""
    strengths = {model.directions[name]: factor * strength for name, strength in edits.items()}
    return {direction: one for direction, one in strengths.items() if abs(one) >= NEGLIGIBLE}
