"""Replace or transfer: whether generated pixels take the photograph's place, or the photograph's own pixels move."""

from __future__ import annotations

from dataclasses import dataclass

from engine.editing.codes import LatentCodes, ParameterCodes
from engine.editing.replaced import ReplacedFace
from engine.editing.transfer import PreparedFace
from engine.faces.landmarks import FaceMesh
from engine.inversion.types import Inversion
from engine.messages import Blend
from engine.weights.models import Model
from engine.weights.store import FaceModel

LEAST = 256  # px; the faces of a smaller generator look generated however small they are shown


@dataclass(frozen=True)
class BlendChoice:
    """How a face is blended, and a sentence that says why."""

    blend: Blend
    reason: str


def choose_blend(model: Model, side: float, asked: Blend | None = None) -> BlendChoice:
    """What suits a model and a face whose crop is `side` pixels of the photograph wide; or what was asked for.

    Generated pixels are taken where the generator was made for photographs and paints at least as many as the
    photograph has; else they would be rendered, or blurred, skin beside sharp skin.
    """
    if asked is not None:
        return BlendChoice(asked, "It was asked for.")
    if isinstance(model, FaceModel):
        return BlendChoice(
            "transfer", "The model learned from renderings: none of its pixels go into a photograph."
        )
    made = f"The model paints {model.resolution} pixels"
    if model.resolution < LEAST:
        return BlendChoice("transfer", f"{made}: too few to look like a photograph.")
    if model.resolution < side:
        return BlendChoice("transfer", f"{made} where the photograph has {side:.0f}: its own are sharper.")
    return BlendChoice("replace", f"{made} where the photograph has {side:.0f}: enough to take their place.")


def prepare(model: Model, inversion: Inversion, mesh: FaceMesh, blend: Blend) -> PreparedFace | ReplacedFace:
    """An inversion of the model, made ready for edits. Raises `InversionDamaged` where its weight delta does not fit."""
    known = isinstance(model, FaceModel)
    codes = ParameterCodes(model, inversion) if known else LatentCodes(model, inversion, mesh)
    return PreparedFace(codes, inversion) if blend == "transfer" else ReplacedFace(codes, inversion)
