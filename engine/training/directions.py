"""Edit directions out of labelled renders: what to add to a face's parameters so that one attribute grows by 1 sd.

Strength 1.0 is one standard deviation of the attribute over the renders. Three kinds:

- One parameter (smile, turn, skin tone, …): the step is its standard deviation.
- Companions (`follows`) go along as far as they do on average in the renders: by the slope of their regression on the
  attribute, cov(p, a) / var(a). Presentation takes brows, hair, beard and make-up with it, age takes grey hair.
- Shape, measured on the labelled landmarks. A linear regression of all measures on the head's parameters gives
  B [M,S]; with the parameters' covariance C, the likeliest step that moves one measure and no other is a column of
  C Bᵀ (B C Bᵀ)⁻¹: the least Mahalanobis length under B · step = e.

Steps are raw, in the parameters' own units (models/faces/parameters.py). Left and right are the person's in landmarks'
names, the picture's in hints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.training.attributes import ATTRIBUTES, HAIR_LIGHTNESS, face_attributes
from engine.training.renders import Renders
from engine.weights.directions import Direction

SHAPES = ("face_width", "jaw_width", "face_length", "nose_width", "nose_length", "mouth_width", "lip_fullness")
_MAY_MOVE = ("z", "race", "weight")  # with numbers: what a shape direction may change
_HEAD = ("age", "male", "muscle", "asym")  # shapes a head as well, and stays
# What moves landmarks without being the head's shape; `_nuisance` adds the squares of the pose.
_MOMENTARY = (
    "smile", "smirk", "frown", "jaw", "pucker", "brow", "squint", "blink", "yaw", "pitch", "distance",
)  # fmt: skip
_DIGITS = 4


@dataclass(frozen=True)
class Definition:
    """One direction: what it moves and, chosen by hand on photographs, how it is shown.

    Attributes:
        attribute: which grows: a parameter, `HAIR_LIGHTNESS`, or one of `SHAPES`.
        sign: −1 where the attribute shrinks.
        follows: parameters that go along.
        also: attributes that it moves on purpose or by its nature; they are no strays.
        chosen_at: step of the attribute, raw, to which `minimum`, `maximum` and `iris` refer; None = its standard deviation.
        minimum, maximum, shading, band, hue, iris, hint, hidden: as in engine/weights/directions.py.
    """

    name: str
    label: str
    group: str
    attribute: str
    sign: int = 1
    follows: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    chosen_at: float | None = None
    minimum: float = -2.0
    maximum: float = 2.0
    shading: float = 1.0
    band: float = 0.012
    hue: float = 1.0
    iris: tuple[float, float] = (0.0, 0.0)
    hint: str = ""
    hidden: bool = False


# Pose and expression move the landmarks that shapes are measured on.
DEFINITIONS = (
    Definition("smile", "Smile", "Expression", "smile", also=SHAPES, chosen_at=0.6, minimum=-1.5, maximum=1.1,
               shading=0.6, hue=0.2),
    Definition("mouth-open", "Mouth open", "Expression", "jaw", also=SHAPES),
    Definition("eyes-open", "Eyes open", "Expression", "blink", -1, also=SHAPES, chosen_at=1.0, minimum=-0.5,
               maximum=0.6, hint="Eyes behind glasses stay as they are."),
    Definition("brows", "Brows", "Expression", "brow", also=SHAPES, chosen_at=0.7, minimum=-1.5, maximum=1.5,
               shading=0.5, hue=0.2, hint="+ raises them, − draws them down. Brows behind glasses stay."),
    Definition("gaze", "Gaze", "Expression", "gaze0", chosen_at=0.3, minimum=-1.0, maximum=1.0, shading=0.0,
               iris=(0.017, 0.0),
               hint="+ to the right of the picture, − to the left. Eyes behind glasses stay as they are."),
    Definition("gaze-up", "Gaze up", "Expression", "gaze1", chosen_at=0.3, minimum=-1.0, maximum=1.0, shading=0.0,
               iris=(0.0, -0.012), hint="+ up, − down. Eyes behind glasses stay as they are."),
    Definition("pitch", "Nod", "Pose", "pitch", also=SHAPES, chosen_at=0.1, minimum=-1.0, maximum=1.0, shading=0.6,
               hue=0.2, hint="+ down, − up. Small changes only: a photograph has no other side."),
    Definition("yaw", "Turn", "Pose", "yaw", also=SHAPES, chosen_at=0.15, minimum=-1.0, maximum=1.0, shading=0.6,
               hue=0.2, hint="+ to the right of the picture, − to the left. Small changes only: "
               "a photograph has no other side."),
    # Ranges of shape keep the step's Mahalanobis length below 2.6: a head further from the mean is rare among the renders.
    Definition("face-width", "Face width", "Shape", "face_width", also=("weight",), chosen_at=0.166, minimum=-1.0,
               maximum=1.0, shading=0.5, hue=0.0),
    Definition("jaw-width", "Jaw width", "Shape", "jaw_width", also=("weight",), minimum=-0.7, maximum=0.7,
               shading=0.5, hue=0.0),
    Definition("nose-width", "Nose width", "Shape", "nose_width", minimum=-1.8, maximum=1.8, shading=0.5, hue=0.0),
    Definition("nose-length", "Nose length", "Shape", "nose_length", minimum=-0.9, maximum=0.9, shading=0.5, hue=0.0),
    Definition("lips", "Lips", "Shape", "lip_fullness", minimum=-1.5, maximum=1.5, shading=0.5, hue=0.0,
               hint="+ fuller, − thinner."),
    Definition("age", "Age", "Person", "age", follows=("grey", "recede"), also=("grey", *SHAPES),
               minimum=-0.5, maximum=1.0,
               hint="+ older, − younger. Hair keeps its colour. A face that is old already needs little."),
    Definition("presentation", "Presentation", "Person", "male",
               follows=("browth", "hairlen", "volume", "hairline", "beard", "moustache", "goatee", "beardlen", "makeup"),
               also=("hairlen", "beard", "moustache", "makeup", *SHAPES), minimum=-1.0, maximum=1.0,
               hint="+ masculine, − feminine."),
    # Hair and glasses would have to be painted, and a photograph's own pixels are only moved: not offered.
    Definition("hair-lightness", "Hair lightness", "Hair", HAIR_LIGHTNESS, hidden=True),
    Definition("hair-length", "Hair length", "Hair", "hairlen", hidden=True),
    Definition("bald", "Bald", "Hair", "bald", follows=("recede",), chosen_at=1.0, minimum=-1.0, maximum=1.0, hidden=True),
    Definition("grey", "Grey hair", "Hair", "grey", chosen_at=1.0, minimum=-1.0, maximum=1.0, hidden=True),
    Definition("beard", "Beard", "Hair", "beard", follows=("moustache", "beardlen"), also=("moustache",),
               chosen_at=1.0, minimum=-1.0, maximum=1.0, hidden=True),
    Definition("glasses", "Glasses", "Glasses", "glasses", chosen_at=1.0, minimum=-1.0, maximum=1.0, hidden=True),
    Definition("light", "Side light", "Light", "light", chosen_at=0.9, minimum=-1.0, maximum=1.0, shading=0.8,
               band=0.04, hue=0.4, hint="+ from the right of the picture, − from the left. "
               "Skin behind glasses stays as it is."),
    Definition("light-height", "Light from above", "Light", "lel", shading=0.8, band=0.04, hue=0.4),
    Definition("softness", "Soft light", "Light", "soft", shading=0.8, band=0.04, hue=0.4),
    Definition("make-up", "Make-up", "Skin", "makeup", chosen_at=0.9, minimum=-0.5, maximum=1.0, band=0.007),
    Definition("skin-tone", "Skin tone", "Skin", "mel", chosen_at=0.18, minimum=-0.7, maximum=1.0, band=0.03,
               hint="+ darker, − lighter. Skin behind glasses stays as it is."),
)  # fmt: skip


def shape_measures(landmarks: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    """`SHAPES` of faces with landmarks [N,L,2] called `names`: [N,M], in eye distances; for faces seen from the front.

    The eye distance is that between the middles of the eyes' corners, in the picture.
    """
    at = {name: landmarks[:, k] for k, name in enumerate(names)}
    eyes = [(at[f"eye_{side}_inner"] + at[f"eye_{side}_outer"]) / 2 for side in ("right", "left")]

    def apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).norm(dim=-1)

    lips = [
        apart(at[f"lip_{edge}_{k}"], at[f"lip_inner_{edge}_{k}"])
        for edge in ("top", "bottom")
        for k in (1, 2, 3)
    ]
    measured = {
        "face_width": apart(at["jaw_1"], at["jaw_15"]),
        "jaw_width": apart(at["jaw_5"], at["jaw_11"]),
        "face_length": apart((eyes[0] + eyes[1]) / 2, at["jaw_8"]),
        "nose_width": apart(at["nostril_right_1"], at["nostril_left_1"]),
        "nose_length": apart(at["nose_0"], at["nose_4"]),
        "mouth_width": apart(at["lip_corner_right"], at["lip_corner_left"]),
        "lip_fullness": torch.stack(lips).sum(0) / 3,
    }
    return torch.stack([measured[name] for name in SHAPES], 1) / apart(*eyes)[:, None]


@dataclass(frozen=True)
class ShapeFit:
    """How heads differ in shape.

    Attributes:
        names: of the S parameters that a shape direction may move.
        deviation: [M], standard deviation of each measure over heads, without what pose and expression do to it.
        steps: [M,S] raw; row m moves measure m by its deviation and no other.
    """

    names: tuple[str, ...]
    deviation: torch.Tensor
    steps: torch.Tensor


def fit_shape(renders: Renders) -> ShapeFit:
    """Regress `SHAPES` on the parameters over that half of the renders that looks most to the front."""
    pose = renders.columns("yaw", "pitch").double()
    pose = (pose / pose.std(0)).square().sum(1)
    front = pose <= pose.median()
    names = tuple(name for name in renders.names if name.rstrip("0123456789") in _MAY_MOVE)
    head = tuple(name for name in renders.names if name.rstrip("0123456789") in _HEAD)
    movable = renders.columns(*names).double()[front]
    nuisance = _nuisance(renders)[front]
    x = torch.cat([movable, renders.columns(*head).double()[front], nuisance], 1)
    x = x - x.mean(0)
    scale = x.std(0) + 1e-6
    y = shape_measures(renders.landmarks[front], renders.landmark_names).double()
    y = y - y.mean(0)
    # The race mixture sums to 1 up to rounding, so its columns depend on each other: the solution of least norm.
    slopes = torch.linalg.lstsq(x / scale, y, rcond=1e-4, driver="gelsd").solution / scale[:, None]
    of_heads = y - x[:, -nuisance.shape[1] :] @ slopes[-nuisance.shape[1] :]
    b = slopes[: len(names)].T
    c = torch.cov(movable.T)
    steps = c @ b.T @ torch.linalg.pinv(b @ c @ b.T, rtol=1e-8, hermitian=True)
    deviation = of_heads.std(0)
    return ShapeFit(names, deviation.float(), (steps * deviation).T.float())


def _nuisance(renders: Renders) -> torch.Tensor:
    """[N,K]: expression and pose, to the second order where the picture is foreshortened."""
    pose = renders.columns("yaw", "pitch").double()
    nearness = 1 / renders.columns("distance").double().clamp(min=1e-3)
    return torch.cat([renders.columns(*_MOMENTARY).double(), pose.square(), nearness], 1)


def attribute_values(renders: Renders, attribute: str) -> torch.Tensor:
    """A parameter's or the hair lightness's values, raw: [N]."""
    if attribute == HAIR_LIGHTNESS:
        return face_attributes(renders)[:, ATTRIBUTES.index(HAIR_LIGHTNESS)]
    return renders.columns(attribute)[:, 0]


def parameter_step(renders: Renders, attribute: str, follows: tuple[str, ...] = ()) -> dict[str, float]:
    """By how much the attribute's own parameters and those that follow it change when it grows by 1 sd, on average."""
    own = ("hcol0", "hcol1", "hcol2") if attribute == HAIR_LIGHTNESS else (attribute,)
    names = (*own, *follows)
    a = attribute_values(renders, attribute).double()
    a = (a - a.mean()) / a.std()
    parameters = renders.columns(*names).double()
    slopes = a @ (parameters - parameters.mean(0)) / (len(a) - 1)
    return dict(zip(names, slopes.tolist(), strict=True))


def make_directions(renders: Renders, shape: ShapeFit) -> list[Direction]:
    """All of `DEFINITIONS`, with what strength 1.0 adds to the parameters."""
    made: list[Direction] = []
    for definition in DEFINITIONS:
        if definition.attribute in SHAPES:
            row = SHAPES.index(definition.attribute)
            step = dict(zip(shape.names, shape.steps[row].tolist(), strict=True))
            deviation = float(shape.deviation[row])
        else:
            step = parameter_step(renders, definition.attribute, definition.follows)
            deviation = float(attribute_values(renders, definition.attribute).std())
        made.append(_direction(definition, step, deviation))
    return made


def _direction(definition: Definition, step: dict[str, float], deviation: float) -> Direction:
    strengths = (
        definition.chosen_at / deviation if definition.chosen_at and deviation else 1.0
    )  # in `chosen_at`
    rounded = {name: _rounded(definition.sign * value) for name, value in step.items()}
    return Direction(
        definition.name,
        definition.label,
        definition.group,
        {name: value for name, value in rounded.items() if value},
        round(definition.minimum * strengths, 1),
        round(definition.maximum * strengths, 1),
        definition.shading,
        definition.band,
        definition.hue,
        (_rounded(definition.iris[0] / strengths), _rounded(definition.iris[1] / strengths)),
        definition.hint,
        hidden=definition.hidden,
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
