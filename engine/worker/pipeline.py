"""What the worker does with a request: faces → inversion → editing, on pictures in the spool."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from engine.editing.directions import effective_edits
from engine.editing.replaced import ReplacedFace
from engine.editing.transfer import PreparedFace, layer_mask
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
from engine.paths import EMBEDDED_MODELS, Home
from engine.settings import Settings
from engine.spool import Spool
from engine.weights.features import load_face_reader, load_identity_reader
from engine.weights.models import Model, open_model
from engine.weights.store import FaceModel
from engine.worker.chosen import chosen_faces, found
from engine.worker.pictures import generated_picture, mask_picture, view, visible
from engine.worker.restoring import Networks, restore

Report = Callable[[float, str], None]
PREPARED = 16  # faces kept ready in memory
MODELS = 2
SMALL_RESOLUTION = 256
POOR_FIT = 0.01  # landmark error, crop units: whole faces in photographs were seen to reach half of it
SMALL_CROP = 80  # px


@dataclass(frozen=True)
class Subject:
    """A face that a request is about: its number in the picture, and its inversion with the id it is kept under."""

    number: int
    identity: str
    inversion: Inversion
    from_cache: bool


class Pipeline:
    """Runs requests, one at a time. Models, and faces that were edited lately, stay in memory."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self.device = "cpu"  # the embedded default is quickest there
        self._detector = FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")
        self._mesh = FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")
        self._cache = InversionCache(home.inversions)
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._prepared: OrderedDict[str, PreparedFace | ReplacedFace] = OrderedDict()
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
            faces = [self._result(subject, model, picture, spool, {}, None) for subject in inverted]
            return InvertResult(model=model.name, faces=faces)
        edits = effective_edits(model, request.edits)
        inverted = self._inversions(request, model, picture, report)
        faces = []
        for done, subject in enumerate(inverted):
            report(0.9 + 0.1 * done / len(inverted), "Editing")
            faces.append(self._result(subject, model, picture, spool, edits, request.preview))
        return EditResult(model=model.name, faces=faces)

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
        _prepared(model, self._fitting(inversion, model))  # what cannot be used is not kept
        identity = self._cache.receive(data, inversion)
        return InversionInfo(id=identity, model=inversion.model, used=time.time(), bytes=len(data))

    def _model(self, name: str | None) -> Model:
        name = name or self._settings.model
        if name not in self._models:
            self._models[name] = open_model(name, self._home, torch.device(self.device))
            while len(self._models) > MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(name)
        # More threads than one cost a small generator more in waiting for each other than they save in work.
        small = self._models[name].resolution <= SMALL_RESOLUTION
        torch.set_num_threads(self._settings.threads or (1 if small else os.cpu_count() or 1))
        return self._models[name]

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
        chosen = chosen_faces(self._detect(request.picture, photo), request.face)
        steps = self._steps(request)
        inverted = []
        for done, (number, face) in enumerate(chosen):
            what = (
                f"Inverting face {number}"
                if len(chosen) == 1
                else f"Inverting face {done + 1} of {len(chosen)}"
            )

            def tell(fraction: float, what: str = what, done: int = done) -> None:
                report(0.05 + 0.85 * (done + fraction) / len(chosen), what)

            tell(0.0)
            crop, geometry = take_crop(photo, face)
            identity = inversion_id(model.digest, crop, geometry, steps)
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
        if isinstance(model, FaceModel):
            return invert(model, self._mesh, crop, geometry, face, steps, tell)
        networks = LatentNetworks(self._mesh, self._readers)
        return invert_latent(model, networks, crop, geometry, face, preset_for(steps), tell)

    @cached_property
    def _readers(self) -> Readers:
        folder, device = EMBEDDED_MODELS / "features", torch.device(self.device)
        return Readers(load_face_reader(folder, device), load_identity_reader(folder, device))

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

    def _prepare(self, subject: Subject, model: Model) -> PreparedFace | ReplacedFace:
        identity = subject.identity
        if identity not in self._prepared:
            self._prepared[identity] = _prepared(model, subject.inversion)
            while len(self._prepared) > PREPARED:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(identity)
        return self._prepared[identity]

    @torch.no_grad()
    def _result(
        self,
        subject: Subject,
        model: Model,
        picture: np.ndarray,
        spool: Spool,
        edits: dict[str, float],
        preview: int | None,
    ) -> FaceResult:
        inversion = subject.inversion
        height, width = picture.shape[:2]
        rect = inversion.geometry.bounds(width, height)
        if rect.w == 0 or rect.h == 0:
            raise BadRequest(
                "The inverted face lies outside of this picture.", "Invert a face of this picture."
            )
        pixels, geometry, part = view(picture, inversion.geometry, rect, preview)
        face = self._prepare(subject, model)
        chosen = {model.directions[name]: strength for name, strength in edits.items()}
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
            layer_mask=spool.add(layer_mask(inversion, geometry, part)),
            generated=spool.add(generated_picture(face.generated(chosen)[0], geometry, part)),
            invertibility_mask=spool.add(mask_picture(inversion.invertibility_mask, geometry, part)),
            landmark_error=inversion.landmark_error,
            invertibility_mask_area=face.invertibility_mask_area,
            from_cache=subject.from_cache,
            edits=edits,
            warning=_warning(inversion),
        )


def _prepared(model: Model, inversion: Inversion) -> PreparedFace | ReplacedFace:
    """Made ready for edits: the photograph's own pixels move, or generated ones take their place."""
    if isinstance(model, FaceModel):
        return PreparedFace(model, inversion)
    return ReplacedFace(model, inversion)


def _warning(inversion: Inversion) -> str:
    if inversion.landmark_error > POOR_FIT:
        return (
            f"The model fits this face badly (its features are off by {inversion.landmark_error:.1%} of the crop): "
            "an edit may look wrong. It may be partly hidden, or turned too far."
        )
    if inversion.geometry.side < SMALL_CROP:
        return (
            f"This face is small ({inversion.geometry.side / 2:.0f} pixels wide): an edit shows little of it."
        )
    return ""
