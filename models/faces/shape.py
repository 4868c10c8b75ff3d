"""From numbers to the head's vertices, still facing forward (no pose)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.parameters import Face, years

_STAGE_AGES = (0.0, 0.1875, 0.5, 1.0)
REST_EYES = 0.6156  # dm between the eyeballs' centres of the rest head
_CONTRAST = 1.5  # the data's masculine and feminine grown heads are alike; their difference is drawn larger


def vertices(face: Face) -> np.ndarray:
    """V,3 float32: the shaped head with its expression."""
    data = hd.load()
    strengths = shape_strengths(face)
    rows = np.array([data.names[name] for name in strengths])
    values = np.array(list(strengths.values()), np.float32)
    used = np.abs(values) > 1e-4
    shaped = data.vertices + np.tensordot(values[used], data.shapes[rows[used]], 1)
    for name, strength in sculpting(face).items():
        if abs(strength) > 1e-4:
            shaped += np.float32(strength) * _sculptures()[name]
    return shaped


def shape_strengths(face: Face) -> dict[str, float]:
    """Strength of every blend shape: body, ageing, identity, expression, presentation."""
    strengths = _macro(face) | _ageing(face) | _identity(face) | _expression(face)
    for name, value in _presenting(face).items():
        strengths[name] = strengths.get(name, 0.0) + value
    return strengths


def grown(face: Face) -> float:
    """0 up to 9 years … 1 from 19 on: how far sex shows in the bones."""
    return float(np.clip((years(face.age) - 9) / 10, 0, 1))


def presentation(face: Face) -> float:
    """−1 feminine … 1 masculine, for what adults have; near 0 in children."""
    return (2 * face.male - 1) * (0.5 + 0.5 * grown(face))


def aged(face: Face) -> float:
    """0 up to 25 years … 1 at 75: how far sagging and hollowing have come; soonest between 30 and 50."""
    return float(np.clip((years(face.age) - 25) / 50, 0, 1.25) ** 0.9)


def sculpting(face: Face) -> dict[str, float]:
    """Strengths of the displacements that the data lacks: growth of the skull, sex, sagging."""
    sex, old = presentation(face), aged(face)
    child = float(np.clip((17 - years(face.age)) / 12, 0, 1))
    return {
        "small-face": 0.085 * child - 0.015 * sex,
        "wide-jaw": 0.75 * sex,
        "wide-chin": 0.8 * sex,
        "brow-ridge": max(0.0, sex) - 0.4 * max(0.0, -sex) - 0.5 * child,
        "wide-neck": 0.8 * sex - 0.4 * child,
        "jowls": (0.6 + 0.4 * face.male) * old**1.3,
        "sagging-cheeks": 0.9 * old,
    }


@cache
def _sculptures() -> dict[str, np.ndarray]:
    """V,3 displacements by name, as smooth functions of the place on the rest head; dm."""
    x, y, z = hd.load().vertices.T.astype(np.float64)
    side, zero = np.abs(x), np.zeros(len(x))

    def hump(distance: np.ndarray, width: float) -> np.ndarray:
        return np.exp(-((distance / width) ** 2))

    def step(low: float, high: float, value: np.ndarray) -> np.ndarray:
        t = np.clip((value - low) / (high - low), 0, 1)
        return t * t * (3 - 2 * t)

    # the growth of the head is a cardioidal strain (Todd, Mark, Shaw and Pittenger 1980): away from the crown
    out = np.stack([x, y - 7.45, z - 0.55], 1)
    upward = out[:, 1] / (np.linalg.norm(out, axis=1) + 1e-9)
    small_face = out * (upward * step(5.75, 6.25, y))[:, None]
    inner = np.isin(hd.load().vertex_part, (hd.TEETH, hd.TONGUE))
    small_face[inner, 2] -= 0.35  # milk teeth: kept behind the thin lips
    jaw = hump(y - 6.6, 0.24) * step(0.1, 0.5, side) * step(0.1, 0.5, z)
    chin = hump(y - 6.36, 0.15) * step(1.0, 1.3, z)
    ridge = hump(y - 7.47, 0.075) * hump(side - 0.25, 0.24) * step(1.0, 1.2, z)
    neck = step(6.42, 6.15, y) * step(5.65, 5.95, y) * step(1.35, 1.0, z)
    jowl = hump(side - 0.40, 0.15) * hump(y - 6.46, 0.13) * step(0.8, 1.05, z)
    notch = hump(side - 0.21, 0.07) * hump(y - 6.36, 0.08) * step(1.0, 1.2, z)
    cheek = hump(side - 0.42, 0.20) * hump(y - 6.82, 0.22) * step(0.8, 1.05, z)
    fields = {
        "small-face": small_face,
        "wide-jaw": np.stack([0.06 * np.sign(x) * jaw, -0.012 * jaw, zero], 1),
        "wide-chin": np.stack([0.045 * np.tanh(x / 0.12) * chin, -0.02 * chin, zero], 1),
        "brow-ridge": np.stack([zero, -0.02 * ridge, 0.035 * ridge], 1),
        "wide-neck": np.stack([0.09 * np.tanh(x / 0.25) * neck, zero, zero], 1),
        "jowls": np.stack(
            [0.035 * np.sign(x) * jowl, -0.075 * jowl + 0.012 * notch, 0.02 * jowl - 0.025 * notch], 1
        ),
        "sagging-cheeks": np.stack([-0.01 * np.sign(x) * cheek, -0.05 * cheek, -0.012 * cheek], 1),
    }
    return {name: field.astype(np.float32) for name, field in fields.items()}


def _presenting(face: Face) -> dict[str, float]:
    """Brows high and arched, lips full and eyes large on feminine faces; the opposite on masculine ones."""
    sex = presentation(face)
    feminine, masculine = max(0.0, -sex), max(0.0, sex)
    return {
        "browOuterUp": 0.5 * feminine,
        "browDown": 0.22 * masculine,
        "mouthSmileLeft": 0.1 * feminine,
        "mouthSmileRight": 0.1 * feminine,
        "mouth-upperlip-volume-decr": -0.6 * feminine + 0.35 * masculine,
        "mouth-lowerlip-volume-decr": -0.4 * feminine + 0.2 * masculine,
        "chin-jaw-drop-incr": 0.7 * masculine - 0.3 * feminine,
        "eye-scale-incr": 0.35 * feminine,
        "nose-scale-vert-incr": 0.05 * sex,
    }


def _stages(age: float) -> dict[str, float]:
    """Hat functions over MakeHuman's four ages; they sum to 1."""
    hats = np.eye(len(_STAGE_AGES))
    return {stage: float(np.interp(age, _STAGE_AGES, hat)) for stage, hat in zip(hd.STAGES, hats, strict=True)}


def _macro(face: Face) -> dict[str, float]:
    male = 0.5 + (face.male - 0.5) * (1 + (_CONTRAST - 1) * grown(face))
    sexes = {"female": 1 - male, "male": male}
    weights = dict(
        zip(hd.WEIGHTS, (np.interp(face.weight, (0, 0.5, 1), hat) for hat in np.eye(3)), strict=True)
    )
    result: dict[str, float] = {f"{sex}-muscle": share * (face.muscle - 0.5) for sex, share in sexes.items()}
    for stage, present in _stages(face.age).items():
        for sex, share in sexes.items():
            for race, part in zip(hd.RACES, face.race, strict=True):
                result[f"{race}-{sex}-{stage}"] = present * share * part
            for weight, value in weights.items():
                result[f"{sex}-{stage}-{weight}"] = present * share * float(value)
    return result


def _ageing(face: Face) -> dict[str, float]:
    """Bones stop at 25; then lids hood, cheeks hollow, lips thin, nose and ears grow, the chin doubles."""
    old = aged(face)
    coarse = old * (0.65 + 0.35 * face.male)
    young = float(np.clip((18 - years(face.age)) / 12, 0, 1))
    fat = (face.weight - 0.5) * (1.6 - 0.9 * young)
    return {
        "head-age-incr": 0.9 * old,
        "head-fat-incr": max(fat, 0.0),
        "head-fat-decr": max(-fat, 0.0),
        "neck-double-incr": max(0.0, 0.45 * old + 0.8 * (face.weight - 0.55) * (1 - young)),
        "eye-bag-incr": 0.85 * old,
        "eye-eyefold-down": 0.75 * old,
        "eye-eyefold-angle-down": 0.55 * old,
        "cheek-volume-decr": 0.55 * old * (1 - face.weight),
        "cheek-volume-incr": 0.12 * young,
        "mouth-upperlip-volume-decr": 0.8 * old,
        "mouth-lowerlip-volume-decr": 0.7 * old,
        "mouth-angles-down": 0.15 * old,
        "mouth-laugh-lines-in": 0.85 * coarse,
        "nose-point-down": 0.3 * coarse,
        "nose-scale-vert-incr": 0.15 * coarse - 0.4 * young,
        "ear-scale-incr": 0.4 * coarse,
        "ear-lobe-incr": 0.6 * coarse,
        "eye-scale-incr": 0.55 + 0.8 * young - 0.35 * old,
    }


def _identity(face: Face) -> dict[str, float]:
    return {f"z{k}": value for k, value in enumerate(face.z)} | {
        f"asym{k}": value for k, value in enumerate(face.asym)
    }


def _expression(face: Face) -> dict[str, float]:
    """A smile is corners, cheeks, lower lids and, from half-way on, teeth."""
    smile, teeth = face.smile, max(0.0, face.smile - 0.25)
    side = 0.5 * face.smirk
    return {
        "mouthSmileLeft": 0.12 + smile * (0.85 + side),
        "mouthSmileRight": 0.12 + smile * (0.85 - side),
        "cheekSquint": 0.6 * smile,
        "mouthDimple": 0.25 * smile,
        "mouthUpperUp": 1.35 * teeth,
        "mouthLowerDown": 1.0 * teeth,
        "mouthStretch": 0.25 * teeth,
        "mouthFrown": face.frown,
        "mouthPress": 0.25 * face.frown,
        "mouthPucker": 0.8 * face.pucker,
        "jawOpen": 0.65 * face.jaw + 0.10 * teeth,
        "eyeSquint": 0.05 + max(0.0, face.squint) + 0.35 * smile,
        "eyeWide": 0.7 * max(0.0, -face.squint),
        "eyeBlink": 0.05 + 0.95 * face.blink,
        "eyeLookUp": max(0.0, face.gaze[1]) * 1.6,
        "eyeLookDown": max(0.0, -face.gaze[1]) * 1.6,
        "browInnerUp": 0.6 * max(0.0, face.brow),
        "browOuterUp": 0.6 * max(0.0, face.brow),
        "browDown": max(0.0, -face.brow) + 0.25 * face.frown,
        "noseSneer": 0.2 * teeth,
    }


def head_scale(shaped: np.ndarray) -> float:
    """Size of the head against the rest head, by the distance of the eyeballs."""
    data = hd.load()
    left, right = (shaped[data.vertices_of(part)].mean(0) for part in (hd.LEFT_EYE, hd.RIGHT_EYE))
    return float(np.linalg.norm(left - right) / REST_EYES)


@kernel
def vertex_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """V,3 unit normals, weighted by the triangles' areas."""
    normals = np.zeros_like(points)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        for corner in (a, b, c):
            normals[corner, 0] += uy * vz - uz * vy
            normals[corner, 1] += uz * vx - ux * vz
            normals[corner, 2] += ux * vy - uy * vx
    normalise(normals)
    return normals


@kernel
def normalise(vectors: np.ndarray) -> None:
    """N,3 scaled to length 1, in place."""
    for n in range(vectors.shape[0]):
        length = math.sqrt(vectors[n, 0] ** 2 + vectors[n, 1] ** 2 + vectors[n, 2] ** 2) + 1e-9
        for axis in range(3):
            vectors[n, axis] /= length
