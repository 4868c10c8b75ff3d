"""What crosses the socket: requests, results, events. No torch here; every process may import it.

A *job* is one POST to /v1/jobs; its answer is a stream of events, one JSON object a line. The last line is
always exactly one of `done`, `failed`, `cancelled`. Hanging up cancels.

Pictures travel apart from the JSON, as raw bytes under an id (`Picture`); see engine/service/README.md.

Coordinates are pixels of the picture that was sent: x to the right, y down, the corner of the first pixel at
(0, 0), its centre at (.5, .5). A `rect` is (x, y, width, height) in whole pixels.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, StrictBool

PROTOCOL = 1


def _a_number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("a number belongs here")
    return value


ANumber = BeforeValidator(_a_number)  # pydantic takes "1" and true for numbers, JSON Schema does not
PictureId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
InversionId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
PixelFormat = Literal["RGBA u8", "RGBA float", "RGB u8", "Y u8"]
Blend = Literal["replace", "transfer"]
FaceNumbers = Annotated[list[Annotated[int, Field(ge=1, le=1000), ANumber]], Field(max_length=1000)]
Detector = Literal["landmarks", "decomposer", "samm"]
DETECTED_BY: dict[Detector, str] = {
    "landmarks": "by landmarks and differences",
    "decomposer": "by the decomposer, which compares both pictures",
    "samm": "by SAMM, inside the generator",
}
Placement = Literal["layer", "group", "replace", "image"]
Rect = tuple[int, int, int, int]
Edits = dict[Annotated[str, Field(max_length=60)], Annotated[FiniteFloat, Field(ge=-10, le=10), ANumber]]

MAX_SIDE = 65_535
MAX_PIXELS = 200_000_000
BYTES_PER_PIXEL: dict[str, int] = {"RGBA u8": 4, "RGBA float": 16, "RGB u8": 3, "Y u8": 1}


class Message(BaseModel):
    """Frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Picture(Message):
    """A picture in the spool. Rows from the top, tightly packed, gamma-encoded sRGB (Y: linear coverage)."""

    id: PictureId
    width: Annotated[int, Field(ge=1, le=MAX_SIDE), ANumber]
    height: Annotated[int, Field(ge=1, le=MAX_SIDE), ANumber]
    format: PixelFormat


# --- requests ---------------------------------------------------------------------------------------------


class DetectRequest(Message):
    """Find faces, nothing else."""

    kind: Literal["detect"] = "detect"
    picture: PictureId


class InvertRequest(Message):
    """Invert faces. `face` n takes the n-th largest, 0 those that `faces` numbers so, or all where it names none.

    `flow` asks for a picture of the alignment flow, too.
    """

    kind: Literal["invert"] = "invert"
    picture: PictureId
    face: Annotated[int, Field(ge=0, le=1000), ANumber] = 0
    faces: FaceNumbers = []
    refine_steps: Annotated[int, Field(ge=0, le=5000), ANumber] | None = None
    model: ModelName | None = None
    flow: StrictBool = False


class FaceEdit(Message):
    """What one inverted face gets of its own: its number in the picture, its edits, and a layer mask.

    `layer_mask` is a picture (Y u8, 255 = the layer shows) over the face's `rect`, of any size: what a person
    painted, in place of what was found.
    """

    number: Annotated[int, Field(ge=1, le=1000), ANumber]
    edits: Edits = {}
    layer_mask: PictureId | None = None


class EditRequest(Message):
    """Invert (or find the inversion in the cache) and edit; `face` and `faces` as in an `InvertRequest`.

    With `inversions` no face is looked for: these are edited, wherever they lie in the picture, with `edits`
    or with what `face_edits` has for them. `preview` limits the result's longer side in pixels: quicker, for
    looking at.

    `keep_identity` is the least identity similarity: all strengths of a face are multiplied by the largest factor
    that leaves it. `blend` is how generated and photographed pixels meet; None: what suits model and face.
    """

    kind: Literal["edit"] = "edit"
    picture: PictureId
    face: Annotated[int, Field(ge=0, le=1000), ANumber] = 0
    faces: FaceNumbers = []
    refine_steps: Annotated[int, Field(ge=0, le=5000), ANumber] | None = None
    model: ModelName | None = None
    edits: Edits = {}
    inversions: Annotated[list[InversionId], Field(max_length=1000)] = []
    face_edits: Annotated[
        dict[InversionId, FaceEdit], Field(max_length=1000, json_schema_extra={"additionalProperties": False})
    ] = {}
    preview: Annotated[int, Field(ge=16, le=8192), ANumber] | None = None
    keep_identity: Annotated[FiniteFloat, Field(ge=0, le=1), ANumber] | None = None
    blend: Blend | None = None


class RestoreRequest(Message):
    """Fill a region of the picture's faces from what is left of them.

    `region` is a picture (Y u8) of the same size: 0 = sound, all else is to be filled, 255 = shows wholly.
    """

    kind: Literal["restore"] = "restore"
    picture: PictureId
    region: PictureId
    refine_steps: Annotated[int, Field(ge=0, le=5000), ANumber] | None = None
    model: ModelName | None = None


class DialogRequest(Message):
    """Open a dialog. What the person accepts there is run as an `edit` (or `invert`) within this job.

    `faces` are the only ones that it offers, by their numbers: those in a selection. Where it names none, all are.
    `layer_mask` is that of the layer whose one inversion is taken up again, as it is now: a picture (Y u8, 255 = the
    layer shows) over the face's `rect`, as large as the layer. `results` are the ways in which the caller can lay the
    result; where there are several the person chooses one (`EditResult.result`).
    """

    kind: Literal["dialog"] = "dialog"
    window: Literal["invert", "edit"]
    picture: PictureId
    title: Annotated[str, Field(max_length=300)] = ""
    face: Annotated[int, Field(ge=0, le=1000), ANumber] = 0
    faces: FaceNumbers = []
    refine_steps: Annotated[int, Field(ge=0, le=5000), ANumber] | None = None
    model: ModelName | None = None
    edits: Edits = {}
    inversions: Annotated[list[InversionId], Field(max_length=1000)] = []
    layer_mask: PictureId | None = None
    results: Annotated[list[Placement], Field(max_length=4)] = ["layer", "group", "replace", "image"]
    environment: Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=40)] = {}


Work = DetectRequest | InvertRequest | EditRequest | RestoreRequest
WorkRequest = Annotated[Work, Field(discriminator="kind")]
JobRequest = Annotated[Work | DialogRequest, Field(discriminator="kind")]


class DialogAnswer(Message):
    """What the dialog's process says at its end: the request to run, or nothing (cancelled); how to lay the result."""

    accepted: Annotated[InvertRequest | EditRequest, Field(discriminator="kind")] | None = None
    result: Placement = "layer"


# --- results ----------------------------------------------------------------------------------------------


class FaceFound(Message):
    """A face, before anything is done to it. `number` counts from 1, largest first."""

    number: int
    box: tuple[float, float, float, float]
    points: list[tuple[float, float]]
    score: float


class DetectResult(Message):
    kind: Literal["detect"] = "detect"
    faces: list[FaceFound]


class FaceResult(Message):
    """One face, inverted and perhaps edited.

    `layer` (the format that was sent, with alpha) and `layer_mask` (Y u8, 255 = the layer shows) cover `rect`
    of the picture (scaled down where a preview was asked for). `generated` shows G(w + d) in the photograph's
    geometry, `invertibility_mask` m (255 = out-of-domain: stays the photograph's), both over the same rect.
    `landmark_error` is a fraction of the crop's side, `invertibility_mask_area` the mean of m inside the face's hull.
    `warning` is a sentence where the result may look wrong, else empty. In a preview pixels are always u8.

    `edits` are the strengths that were used: those asked for, times `strength_factor` (below 1 where
    `keep_identity` braked). `identity_similarity` is the cosine between the face in the photograph and in the
    result, 1 where nothing was edited. `blend_reason` is a sentence. `detector` found the invertibility mask and the
    alignment flow; `flow` shows that over the same rect, perhaps scaled (engine/flow_colours.py), where it was asked
    for.
    """

    number: int
    inversion: InversionId
    box: tuple[float, float, float, float]
    rect: Rect
    layer: Picture
    layer_mask: Picture
    generated: Picture
    invertibility_mask: Picture
    landmark_error: float
    invertibility_mask_area: float
    from_cache: bool
    edits: Edits
    warning: str = ""
    identity_similarity: float = 1.0
    strength_factor: float = 1.0
    blend: Blend = "transfer"
    blend_reason: str = ""
    detector: Detector = "landmarks"
    flow: Picture | None = None


class InvertResult(Message):
    """`result` as in an `EditResult`."""

    kind: Literal["invert"] = "invert"
    model: str
    faces: list[FaceResult]
    result: Placement = "layer"


class EditResult(Message):
    """`notes` are sentences about strengths that were brought within the model's range.

    `result` is what the person chose in a dialog: a new layer with its mask for each face, the same in a group, the
    pixels of the photograph's layer themselves, or a new image.
    """

    kind: Literal["edit"] = "edit"
    model: str
    faces: list[FaceResult]
    notes: list[str] = []
    result: Placement = "layer"


class RestoredFace(Message):
    """A face that the region touches. `hidden` is the share of the face that the region covers."""

    number: int
    box: tuple[float, float, float, float]
    landmark_error: float
    hidden: float


class RestoreResult(Message):
    """What fills the region: `layer` (the format that was sent) and `layer_mask`, which is the region, over `rect`.

    `warning` is a sentence where the result may look wrong, else empty.
    """

    kind: Literal["restore"] = "restore"
    model: str
    rect: Rect
    layer: Picture
    layer_mask: Picture
    faces: list[RestoredFace]
    warning: str = ""


WorkResult = Annotated[DetectResult | InvertResult | EditResult | RestoreResult, Field(discriminator="kind")]


class DirectionInfo(Message):
    """One slider. Strength 1.0 is a clearly visible step; `minimum` and `maximum` are what still looks real."""

    name: str
    label: str
    group: str
    minimum: float
    maximum: float
    hint: str = ""


class DirectionList(Message):
    model: str
    notice: str
    directions: list[DirectionInfo]


class InversionInfo(Message):
    id: InversionId
    model: str
    used: float  # when it was made or last looked up, seconds since 1970
    bytes: int


# --- events -----------------------------------------------------------------------------------------------


class Accepted(Message):
    event: Literal["accepted"] = "accepted"
    job: JobId


class Progress(Message):
    """`fraction` of the whole job in [0, 1]; `message` is for people; `seconds_left` when it can be told."""

    event: Literal["progress"] = "progress"
    fraction: Annotated[float, Field(ge=0, le=1)]
    message: str
    seconds_left: float | None = None


class Done(Message):
    event: Literal["done"] = "done"
    result: WorkResult


class Failed(Message):
    event: Literal["failed"] = "failed"
    error: dict[str, str]


class Cancelled(Message):
    event: Literal["cancelled"] = "cancelled"


Event = Annotated[Accepted | Progress | Done | Failed | Cancelled, Field(discriminator="event")]


class WorkerStatus(Message):
    state: Literal["starting", "ready", "busy", "stopped"]
    pid: int | None
    device: str | None


class JobInfo(Message):
    id: JobId
    kind: str
    state: Literal["queued", "running", "ended"]
    fraction: float


class Status(Message):
    """`models` counts the requests about models that are under way, among them open windows."""

    version: str
    protocol: int
    boot_id: str
    pid: int
    uptime_seconds: float
    worker: WorkerStatus
    jobs: list[JobInfo]
    models: int = 0


Json = dict[str, Any]
