"""Draws faces. `sample(seed, index)` depends on nothing but its two numbers."""

from __future__ import annotations

import colorsys
import math
from dataclasses import replace

import numpy as np

from models.faces.head_data import ASYMMETRIES, IDENTITIES
from models.faces.parameters import Colour, Face, age_of, years

Generator = np.random.Generator

# natural hair colours (sRGB): black, dark brown, brown, blond, red
_HAIR = ((0.10, 0.09, 0.085), (0.21, 0.15, 0.11), (0.36, 0.25, 0.17), (0.66, 0.53, 0.36), (0.50, 0.26, 0.14))
_UNSWEPT, _FALLING = 0.8, 0.5  # dm: longer hair is not combed to the front or back, shorter does not fall
_IRIS = ((0.26, 0.15, 0.08), (0.40, 0.27, 0.13), (0.40, 0.42, 0.26), (0.38, 0.50, 0.62), (0.48, 0.53, 0.56))


def sample(seed: int, index: int) -> Face:
    """The face number `index` of the set `seed`."""
    return _draw(np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(index,))))


def sample_view(seed: int, head: int, view: int) -> Face:
    """Head number `head` of the set `seed` in the light, pose, expression and dress of its view number `view`.

    View 0 is `sample(seed, head)`. Glasses and make-up come and go; hair and beard stay.
    """
    face = sample(seed, head)
    if view == 0:
        return face
    rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(head, view)))
    values = _expression(rng) | _pose(rng) | _light(rng) | _cloth(rng) | _background(rng)
    values |= {"glasses": 0.0, "gl": (0.0,) * 4, "gcol": Face.gcol, "tint": 0.0} | _glasses(
        rng, years(face.age)
    )
    values["makeup"] = face.makeup * rng.uniform(0, 1)
    return replace(face, **values)  # type: ignore[arg-type]


def _draw(rng: Generator) -> Face:
    old = _years(rng)
    masculine = rng.random() < 0.5
    deviation = abs(rng.normal(0, 0.09))
    male = float(np.clip(1 - deviation if masculine else deviation, 0, 1))
    race = rng.dirichlet((0.5, 0.5, 0.6))
    values: dict[str, object] = {
        "age": age_of(old),
        "male": male,
        "race": _floats(race),
        "weight": float(np.clip(rng.normal(0.5, 0.2) if old > 16 else rng.normal(0.42, 0.12), 0, 1)),
        "muscle": rng.uniform(0.3, 0.7),
        "z": _floats(rng.normal(0, 0.85, IDENTITIES)),
        "asym": _floats(rng.normal(0, 0.8, ASYMMETRIES)),
    }
    values |= _expression(rng) | _pose(rng) | _light(rng)
    values |= _skin(rng, old, masculine, race) | _hair(rng, old, masculine, race)
    values |= _glasses(rng, old) | _cloth(rng) | _background(rng)
    return Face(**values)  # type: ignore[arg-type]


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _years(rng: Generator) -> float:
    low, high = ((4, 18), (18, 45), (45, 88))[rng.choice(3, p=(0.2, 0.42, 0.38))]
    return float(rng.uniform(low, high))


def _colour(rng: Generator, saturation: float, lightness: tuple[float, float]) -> Colour:
    """A random hue; `saturation` is the largest one."""
    value = rng.uniform(*lightness)
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), saturation * rng.random(), value)
    return (red, green, blue)


def _expression(rng: Generator) -> dict[str, object]:
    smile = max(0.0, rng.uniform(-0.6, 1.0))
    calm = smile == 0
    return {
        "smile": smile,
        "smirk": float(np.clip(rng.normal(0, 0.25), -1, 1)) * min(1.0, 2 * smile),
        "frown": calm * max(0.0, rng.uniform(-0.6, 0.7)),
        "jaw": max(0.0, rng.uniform(-1.2, 0.6)),
        "pucker": calm * max(0.0, rng.uniform(-2.0, 0.7)),
        "brow": rng.uniform(-0.5, 0.8),
        "squint": rng.uniform(-0.4, 0.5),
        "blink": (rng.random() < 0.07) * rng.uniform(0.3, 1),
    }


def _pose(rng: Generator) -> dict[str, object]:
    return {
        "yaw": float(np.clip(rng.normal(0, 0.24), -0.6, 0.6)),
        "pitch": float(np.clip(rng.normal(0, 0.11), -0.28, 0.28)),
        "gaze": _floats(np.clip(rng.normal(0, (0.16, 0.09)), -0.4, 0.4)),
        "distance": float(math.exp(rng.uniform(math.log(6), math.log(16)))),
    }


def _light(rng: Generator) -> dict[str, object]:
    return {
        "light": rng.uniform(-1.15, 1.15),
        "lel": rng.uniform(0.1, 0.85),
        "soft": rng.uniform(0, 1),
        "amb": rng.uniform(0.25, 0.75),
        "key": rng.uniform(1.2, 2.3),
        "warm": float(np.clip(rng.normal(0.1, 0.5), -1, 1)),
        "exposure": rng.uniform(0.4, 0.62),
        "rim": (rng.random() < 0.35) * rng.uniform(-1, 1),
    }


def _skin(rng: Generator, old: float, masculine: bool, race: np.ndarray) -> dict[str, object]:
    melanin = race @ (0.78, 0.22, 0.12) + rng.normal(0, 0.06)
    makeup = ((not masculine) and old > 15) * max(0.0, rng.uniform(-0.3, 1))
    return {
        "mel": float(np.clip(melanin, 0.02, 0.95)),
        "ruddy": rng.uniform(0.1, 0.8),
        "shine": rng.uniform(0.1, 0.8),
        "freckles": max(0.0, rng.uniform(-1.6, 0.8)) * (melanin < 0.35),
        "wear": (old > 25) * float(np.clip(rng.normal(0, 0.25), -1, 1)),  # young skin shows none
        "makeup": makeup,
        "lipcol": (makeup > 0) * rng.uniform(-1, 1),
        "ecol": _near(
            rng, _IRIS[rng.choice(5, p=(0.3, 0.2, 0.15, 0.25, 0.1) if race[2] > 0.5 else (0.8, 0.2, 0, 0, 0))]
        ),
    }


def _near(rng: Generator, colour: Colour) -> Colour:
    red, green, blue = np.clip(
        np.asarray(colour) * rng.uniform(0.85, 1.18) + rng.normal(0, 0.012, 3), 0.03, 0.9
    )
    return (float(red), float(green), float(blue))


def _hair(rng: Generator, old: float, masculine: bool, race: np.ndarray) -> dict[str, object]:
    length = (
        rng.choice((0.07, 0.14, 0.28, 1.0), p=(0.34, 0.44, 0.18, 0.04))
        if masculine
        else rng.choice((0.35, 0.9, 1.8), p=(0.06 if old < 50 else 0.14, 0.36, 0.58 if old < 50 else 0.5))
    ) * rng.uniform(0.75, 1.3)
    curly = rng.uniform(0.45, 1) if race[0] > 0.5 and rng.random() < 0.8 else max(0.0, rng.uniform(-0.6, 0.75))
    losing = (masculine and old > 22) * float(np.clip((old - 25) / 45 + rng.normal(0, 0.3), 0, 1))
    colour = _HAIR[
        rng.choice(5, p=(0.12, 0.25, 0.28, 0.23, 0.12) if race[2] > 0.5 else (0.7, 0.22, 0.06, 0.02, 0))
    ]
    if rng.random() < 0.03:
        colour = _colour(rng, 0.8, (0.2, 0.7))  # dyed
    white_at = rng.normal(54, 6)
    keeps_colour = (not masculine) and rng.random() < 0.35
    grey = float(np.clip((old - white_at) / 24 + 0.35, 0, 1)) * (old > 33) * (0.15 if keeps_colour else 1)
    volume = rng.beta(1.6, 2.6) * (0.55 if masculine else 1) + (0.12 if masculine else 0.25) * curly
    brows = rng.normal(0.82 if masculine else 0.12, 0.1)
    return {
        "hairlen": float(math.log(length)),
        "volume": float(np.clip(volume, 0, 1)),
        "curl": float(curly),
        "part": rng.uniform(-1, 1),
        "fringe": float(max(0.0, rng.uniform(-1.0 if masculine else -0.6, 0.9))),
        "sweep": (length < _UNSWEPT) * rng.uniform(-1, 1),
        "behind": rng.uniform(0, 1) if length > _FALLING else 0.5,
        "hairline": float(np.clip(rng.normal(0.1 if masculine else -0.15, 0.35), -1, 1)),
        "recede": losing * rng.uniform(0.3, 1),
        "bald": (rng.random() < losing * 0.8) * rng.uniform(0.15, 1),
        "hcol": _near(rng, colour),
        "grey": grey,
        "browth": float(np.clip(brows * (1 if old > 14 else 0.8), 0, 1)),
    } | _beard(rng, old, masculine)


def _beard(rng: Generator, old: float, masculine: bool) -> dict[str, object]:
    if not masculine or old < 17 or rng.random() < 0.4:
        return {}
    style = rng.choice(4, p=(0.45, 0.25, 0.15, 0.15))  # full, stubble, goatee, moustache
    density = rng.uniform(0.4, 1)
    return {
        "beard": density if style == 0 else rng.uniform(0.15, 0.6) if style == 1 else rng.uniform(0, 0.12),
        "moustache": density * (style != 1) * (rng.random() < 0.85) if style != 3 else density,
        "goatee": density * (style == 2),
        "beardlen": rng.uniform(0.05, 0.25) if style == 1 else rng.beta(1.2, 2.2),
    }


def _glasses(rng: Generator, old: float) -> dict[str, object]:
    if rng.random() > (0.24 if old > 12 else 0.1):
        return {}
    return {
        "glasses": 1.0,
        "gl": _floats(rng.uniform(-1, 1, 4)),
        "gcol": (0.13, 0.13, 0.14) if rng.random() < 0.45 else _colour(rng, 0.8, (0.15, 0.75)),
        "tint": max(0.0, rng.uniform(-1.5, 0.5)),
    }


def _cloth(rng: Generator) -> dict[str, object]:
    return {
        "ccol": _colour(rng, 0.8, (0.08, 0.95)),
        "neck": rng.uniform(0, 1),
        "vneck": rng.uniform(0, 1),
        "trim": float(np.clip(rng.normal(0, 0.5), -1, 1)),
    }


def _background(rng: Generator) -> dict[str, object]:
    saturation = 0.95 if rng.random() < 0.35 else 0.35
    base = np.asarray(_colour(rng, saturation, (0.1, 0.95)))
    corners = base + rng.normal(0, 0.13, (4, 1)) + rng.normal(0, 0.05, (4, 3))
    values: dict[str, object] = {"bg": _floats(np.clip(corners, 0.02, 0.98).ravel())}
    if rng.random() < 0.5:
        return values
    return values | {
        "bgcol": _colour(rng, saturation, (0.1, 0.95)),
        "bgedge": (rng.uniform(-1.6, 1.6), rng.uniform(0.1, 0.9), rng.uniform(0.03, 0.6)),
    }
