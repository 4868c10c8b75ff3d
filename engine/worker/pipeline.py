"""What the worker does with a request: faces → inversion → editing, on pictures in the spool."""

from __future__ import annotations

import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from engine.editing.directions import effective_edits
from engine.editing.transfer import PreparedFace, layer_mask, transferred
from engine.errors import BadRequest, InversionMissing, NoFace
from engine.faces.crop import CropGeometry, Rect
from engine.faces.detect import Face, FaceDetector
from engine.faces.landmarks import FaceMesh
from engine.faces.paste import border_feather, sample_on_photo
from engine.inversion.cache import InversionCache
from engine.inversion.invert import invert, take_crop
from engine.inversion.types import Inversion, from_bytes, inversion_id
from engine.messages import (
    DetectRequest,
    DetectResult,
    DirectionInfo,
    DirectionList,
    EditRequest,
    EditResult,
    FaceFound,
    FaceResult,
    InversionInfo,
    InvertRequest,
    InvertResult,
    WorkRequest,
    WorkResult,
)
from engine.paths import EMBEDDED_MODELS, Home
from engine.settings import Settings
from engine.spool import Spool
from engine.weights.store import FaceModel, load_model

Report = Callable[[float, str], None]
PREPARED = 16  # faces kept ready in memory
MODELS = 2
SMALL_RESOLUTION = 256


class Pipeline:
    """Runs requests, one at a time. Models, and faces that were edited lately, stay in memory."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self.device = "cpu"  # the embedded default is quickest there
        self._detector = FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")
        self._mesh = FaceMesh.load(EMBEDDED_MODELS / "facemesh" / "facemesh.safetensors")
        self._cache = InversionCache(home.inversions)
        self._models: OrderedDict[str, FaceModel] = OrderedDict()
        self._prepared: OrderedDict[str, PreparedFace] = OrderedDict()

    def run(self, request: WorkRequest, spool: Spool, report: Report) -> WorkResult:
        """Do what the request says. `report(fraction, message)` may raise to stop it; errors are `LikenessError`s."""
        picture = spool.read(request.picture)
        if picture.ndim != 3 or picture.shape[2] != 4:
            raise BadRequest("Faces are looked for in RGBA pictures.")
        if isinstance(request, DetectRequest):
            report(0.0, "Looking for faces")
            faces = self._detector.detect(_rgb8(picture))
            return DetectResult(faces=[_found(n, face) for n, face in enumerate(faces, 1)])
        model = self._model(request.model)
        if isinstance(request, InvertRequest):
            inverted = self._inversions(request, model, picture, report)
            faces = [self._result(item, model, picture, spool, {}, None) for item in inverted]
            return InvertResult(model=model.name, faces=faces)
        edits = effective_edits(model, request.edits)
        inverted = self._inversions(request, model, picture, report)
        faces = []
        for done, item in enumerate(inverted):
            report(0.9 + 0.1 * done / len(inverted), "Editing")
            faces.append(self._result(item, model, picture, spool, edits, request.preview))
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
        size = self._cache.keep(self._fitting(inversion, self._model(inversion.model)))
        return InversionInfo(id=inversion.id, model=inversion.model, used=time.time(), bytes=size)

    def _model(self, name: str | None) -> FaceModel:
        name = name or self._settings.model
        if name not in self._models:
            self._models[name] = load_model(name, self._home, torch.device(self.device))
            while len(self._models) > MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(name)
        # More threads than one cost a small generator more in waiting for each other than they save in work.
        small = self._models[name].resolution <= SMALL_RESOLUTION
        torch.set_num_threads(self._settings.threads or (1 if small else os.cpu_count() or 1))
        return self._models[name]

    def _inversions(
        self, request: InvertRequest | EditRequest, model: FaceModel, picture: np.ndarray, report: Report
    ) -> list[tuple[int, Inversion, bool]]:
        """(number, inversion, from the cache) of the faces that the request is about."""
        if isinstance(request, EditRequest) and request.inversions:
            known = [self._fitting(self._cache.get(identity), model) for identity in request.inversions]
            return [(number, inversion, True) for number, inversion in enumerate(known, 1)]
        report(0.0, "Looking for faces")
        photo = _rgb8(picture)
        chosen = _chosen(self._detector.detect(photo), request.face)
        steps = self._settings.refine_steps if request.refine_steps is None else request.refine_steps
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
            known = self._cache.find(inversion_id(model.digest, crop, geometry, steps))
            if known is None:
                inversion = invert(model, self._mesh, crop, geometry, face, steps, tell)
                self._cache.keep(inversion)
                known = self._cache.get(inversion.id)  # as everybody will find it: the same bytes from now on
                inverted.append((number, known, False))
            else:
                inverted.append((number, known, True))
        return inverted

    def _fitting(self, inversion: Inversion, model: FaceModel) -> Inversion:
        shape = (model.generator.num_ws, model.generator.config.w_dim)
        count = len(model.parameters.names)
        if (
            inversion.model_digest != model.digest
            or inversion.w_plus.shape != shape
            or inversion.parameters is None
            or inversion.parameters.shape != (count,)
        ):
            raise InversionMissing(
                f"This inversion was made with another version of the model “{inversion.model}”.",
                "Invert the face again.",
            )
        return inversion

    def _prepare(self, inversion: Inversion, model: FaceModel) -> PreparedFace:
        identity = inversion.id
        if identity not in self._prepared:
            self._prepared[identity] = PreparedFace(model, inversion)
            while len(self._prepared) > PREPARED:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(identity)
        return self._prepared[identity]

    @torch.no_grad()
    def _result(
        self,
        item: tuple[int, Inversion, bool],
        model: FaceModel,
        picture: np.ndarray,
        spool: Spool,
        edits: dict[str, float],
        preview: int | None,
    ) -> FaceResult:
        number, inversion, from_cache = item
        height, width = picture.shape[:2]
        rect = inversion.geometry.bounds(width, height)
        if rect.w == 0 or rect.h == 0:
            raise BadRequest(
                "The inverted face lies outside of this picture.", "Invert a face of this picture."
            )
        pixels, geometry, part = _view(picture, inversion.geometry, rect, preview)
        face = self._prepare(inversion, model)
        chosen = {model.directions[name]: strength for name, strength in edits.items()}
        if chosen:
            layer = transferred(pixels, geometry, face.change(chosen), part)
        else:
            layer = pixels[part.y : part.y + part.h, part.x : part.x + part.w]
        mask = inversion.invertibility_mask[None]
        return FaceResult(
            number=number,
            inversion=inversion.id,
            box=inversion.box,
            rect=(rect.x, rect.y, rect.w, rect.h),
            layer=spool.add(np.ascontiguousarray(layer)),
            layer_mask=spool.add(layer_mask(inversion, geometry, part)),
            generated=spool.add(_generated(face.generated(chosen)[0], geometry, part)),
            invertibility_mask=spool.add(
                _u8(1 - sample_on_photo(1 - mask, geometry, part)[0]),
            ),
            landmark_error=inversion.landmark_error,
            mask_area=face.mask_area,
            from_cache=from_cache,
            edits=edits,
        )


def _found(number: int, face: Face) -> FaceFound:
    points = [(float(x), float(y)) for x, y in face.points]
    return FaceFound(number=number, box=face.box, points=points, score=min(1.0, face.score))


def _chosen(faces: Sequence[Face], face: int) -> list[tuple[int, Face]]:
    if not faces:
        raise NoFace(
            "No face was found in this picture.",
            "A face must be at least 12 pixels wide and look towards the camera. Crop or enlarge the picture.",
        )
    if face > len(faces):
        count = "only one face was" if len(faces) == 1 else f"only {len(faces)} faces were"
        raise NoFace(f"Face {face} was asked for, but {count} found.", "Choose a smaller number, or 0 for all.")
    numbered = list(enumerate(faces, 1))
    return numbered if face == 0 else [numbered[face - 1]]


def _rgb8(picture: np.ndarray) -> np.ndarray:
    """uint8 RGB [H,W,3] of a picture RGBA of any kind, for finding and inverting faces."""
    rgb = picture[..., :3]
    if rgb.dtype != np.uint8:
        rgb = (np.nan_to_num(rgb).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(rgb)


def _view(
    picture: np.ndarray, geometry: CropGeometry, rect: Rect, preview: int | None
) -> tuple[np.ndarray, CropGeometry, Rect]:
    """The pixels to work on, the crop's place in them and the rect in them; smaller where a preview will do."""
    if preview is None or max(rect.w, rect.h) <= preview:
        return picture, geometry, rect
    scale = preview / max(rect.w, rect.h)
    size = (max(1, round(rect.w * scale)), max(1, round(rect.h * scale)))
    part = np.ascontiguousarray(picture[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w])
    if part.dtype != np.uint8:
        part = (np.nan_to_num(part).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    factor = math.ceil(1 / scale) // 2
    image = Image.fromarray(part)
    if factor > 1:
        image = image.reduce(factor)
    small = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    sx, sy = size[0] / rect.w, size[1] / rect.h
    (ox, oy), (ux, uy) = geometry.origin, geometry.x_axis
    moved = CropGeometry(((ox - rect.x) * sx, (oy - rect.y) * sy), (ux * sx, uy * sy))
    return small, moved, Rect(0, 0, *size)


def _u8(values: torch.Tensor) -> np.ndarray:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _generated(image: torch.Tensor, geometry: CropGeometry, rect: Rect) -> np.ndarray:
    """G(w + d) [3,S,S] in the photograph's geometry: RGBA uint8, transparent outside the crop."""
    colour = sample_on_photo((image + 1) / 2, geometry, rect, outside="border", mode="bicubic")
    return _u8(torch.cat([colour, border_feather(geometry, rect, width=0.004)]).permute(1, 2, 0)).copy()
