"""From numbers to the head's vertices, still facing forward (no pose)."""

from __future__ import annotations

import math

import numpy as np

from models.faces import head_data as hd
from models.faces.compiled import kernel
from models.faces.parameters import Face, years

_STAGE_AGES = (0.0, 0.1875, 0.5, 1.0)
REST_EYES = 0.6156  # dm between the eyeballs' centres of the rest head


def vertices(face: Face) -> np.ndarray:
    """V,3 float32: the shaped head with its expression."""
    data = hd.load()
    strengths = shape_strengths(face)
    rows = np.array([data.names[name] for name in strengths])
    values = np.array(list(strengths.values()), np.float32)
    used = np.abs(values) > 1e-4
    return data.vertices + np.tensordot(values[used], data.shapes[rows[used]], 1)


def shape_strengths(face: Face) -> dict[str, float]:
    """Strength of every blend shape: body, ageing, identity, expression."""
    return _macro(face) | _ageing(face) | _identity(face) | _expression(face)


def _stages(age: float) -> dict[str, float]:
    """Hat functions over MakeHuman's four ages; they sum to 1."""
    hats = np.eye(len(_STAGE_AGES))
    return {stage: float(np.interp(age, _STAGE_AGES, hat)) for stage, hat in zip(hd.STAGES, hats, strict=True)}


def _macro(face: Face) -> dict[str, float]:
    sexes = {"female": 1 - face.male, "male": face.male}
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
    old = float(np.clip((years(face.age) - 35) / 45, 0, 1.15))
    young = float(np.clip((18 - years(face.age)) / 12, 0, 1))
    fat = (face.weight - 0.5) * 1.6
    return {
        "head-age-incr": 0.75 * old,
        "head-fat-incr": max(fat, 0.0) + 0.25 * young,
        "head-fat-decr": max(-fat, 0.0),
        "neck-double-incr": max(0.0, 0.35 * old + 0.8 * (face.weight - 0.55)),
        "eye-bag-incr": 0.6 * old,
        "eye-eyefold-down": 0.55 * old,
        "eye-eyefold-angle-down": 0.4 * old,
        "cheek-volume-decr": 0.45 * old * (1 - face.weight),
        "cheek-volume-incr": 0.35 * young,
        "mouth-upperlip-volume-decr": 0.6 * old,
        "mouth-lowerlip-volume-decr": 0.4 * old,
        "mouth-angles-down": 0.25 * old,
        "mouth-laugh-lines-in": 0.7 * old,
        "nose-point-down": 0.3 * old,
        "nose-scale-vert-incr": 0.2 * old,
        "ear-scale-incr": 0.35 * old,
        "ear-lobe-incr": 0.5 * old,
        "eye-scale-incr": 0.25 * young,
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
        "mouthSmileLeft": 0.05 + smile * (0.85 + side),
        "mouthSmileRight": 0.05 + smile * (0.85 - side),
        "cheekSquint": 0.6 * smile,
        "mouthDimple": 0.25 * smile,
        "mouthUpperUp": 1.35 * teeth,
        "mouthLowerDown": 1.0 * teeth,
        "mouthStretch": 0.25 * teeth,
        "mouthFrown": face.frown,
        "mouthPress": 0.25 * face.frown,
        "mouthPucker": 0.8 * face.pucker,
        "jawOpen": 0.65 * face.jaw + 0.10 * teeth,
        "eyeSquint": 0.12 + max(0.0, face.squint) + 0.35 * smile,
        "eyeWide": 0.7 * max(0.0, -face.squint),
        "eyeBlink": 0.10 + 0.9 * face.blink,
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
