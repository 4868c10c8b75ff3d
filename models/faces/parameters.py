"""Everything that is visible in a render, as named numbers in a fixed order.

A `Face` holds no seeds: two faces with equal numbers are equal pictures, so a network that is given the vector
has nothing left to guess. Colours are sRGB-encoded 0…1, lengths decimetres, angles radians.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from models.faces.head_data import ASYMMETRIES, IDENTITIES

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Face:
    """One picture. The order of the fields is the order of the vector; tuples take one entry per number."""

    # shape
    age: float = 0.5  # MakeHuman's: 0 = 1 year, .1875 = 10, .5 = 25, 1 = 90; see `years`
    male: float = 0.5  # 0 feminine … 1 masculine presentation of the head
    race: tuple[float, float, float] = (0.33, 0.33, 0.34)  # mixture of the data's three macro shapes, sums to 1
    weight: float = 0.5  # 0…1
    muscle: float = 0.5  # 0…1
    z: tuple[float, ...] = (0.0,) * IDENTITIES  # symmetric identity, standard normal
    asym: tuple[float, ...] = (0.0,) * ASYMMETRIES  # unevenness of left and right, standard normal
    # expression, 0…1 unless told
    smile: float = 0.0
    smirk: float = 0.0  # −1…1, the smile's shift to one side
    frown: float = 0.0
    jaw: float = 0.0
    pucker: float = 0.0
    brow: float = 0.0  # −1 lowered … 1 raised
    squint: float = 0.0  # −.5 wide … .5 squinting
    blink: float = 0.0  # 1 = closed
    # pose
    yaw: float = 0.0  # positive turns the nose to the picture's right
    pitch: float = 0.0  # positive looks down
    gaze: tuple[float, float] = (0.0, 0.0)  # right and up, relative to the head
    distance: float = 9.0  # dm from camera to face: near = strong perspective
    # light
    light: float = 0.0  # azimuth of the key light, −1.2 left … 1.2 right
    lel: float = 0.5  # its elevation
    soft: float = 0.5  # 0 = bare bulb … 1 = overcast
    amb: float = 0.5  # strength of the surroundings' light
    key: float = 2.0  # strength of the key light
    warm: float = 0.0  # −1 blue … 1 amber
    exposure: float = 0.5
    rim: float = 0.0  # light from behind, −1 left … 1 right
    # skin
    mel: float = 0.15  # melanin, 0 palest … 1 darkest
    ruddy: float = 0.3  # blood in cheeks, nose, ears
    shine: float = 0.4
    freckles: float = 0.0
    wear: float = 0.0  # −1…1: skin younger or older than the age says
    makeup: float = 0.0
    lipcol: float = 0.0  # hue of the lipstick, −1 brown … 1 pink
    ecol: Colour = (0.3, 0.2, 0.12)  # iris
    # hair
    hairlen: float = -1.0  # natural logarithm of the length in dm
    volume: float = 0.3  # 0 flat … 1 wide
    curl: float = 0.0  # 0 straight, .3 wavy, 1 tight coils
    part: float = 0.0  # −1…1, where it is parted
    fringe: float = 0.0  # 0 none … 1 down to the brows
    sweep: float = 0.0  # −1 combed forward … 1 combed back
    behind: float = 0.5  # long hair: 0 falls in front of the shoulders, 1 behind
    hairline: float = 0.0  # −1 low … 1 high
    recede: float = 0.0  # temples
    bald: float = 0.0  # crown
    hcol: Colour = (0.25, 0.17, 0.12)
    grey: float = 0.0  # share of white hair, temples first
    browth: float = 0.4  # 0 thin … 1 bushy
    beard: float = 0.0  # density of the full beard
    moustache: float = 0.0
    goatee: float = 0.0  # density on chin only
    beardlen: float = 0.0  # 0 stubble … 1 long
    # glasses
    glasses: float = 0.0  # 0 none, 1 worn; between: faded
    gl: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # width, height, squareness, thickness, −1…1
    gcol: Colour = (0.15, 0.15, 0.15)
    tint: float = 0.0  # darkness of the lenses
    # cloth
    ccol: Colour = (0.4, 0.4, 0.45)
    neck: float = 0.4  # 0 high collar … 1 deep neckline
    vneck: float = 0.0  # 0 round … 1 pointed
    trim: float = 0.0  # −1…1 lightness of the collar
    # background: four corners, then a soft edge to a second colour
    bg: tuple[float, ...] = (0.5,) * 12
    bgcol: Colour = (0.5, 0.5, 0.5)
    bgedge: tuple[float, float, float] = (0.0, 2.0, 0.5)  # angle, offset (±1 = picture's border), softness

    def vector(self) -> np.ndarray:
        """N float32, in the order of `names()`."""
        parts = [np.atleast_1d(np.asarray(getattr(self, field.name), np.float64)) for field in fields(self)]
        return np.concatenate(parts).astype(np.float32)

    @classmethod
    def from_vector(cls, vector: np.ndarray) -> Face:
        """The inverse of `vector`. Raises ValueError for a vector of another length."""
        if vector.shape != (len(names()),):
            raise ValueError(f"a face has {len(names())} numbers, not {vector.shape}")
        values: dict[str, float | tuple[float, ...]] = {}
        at = 0
        for field in fields(cls):
            default = field.default
            count = len(default) if isinstance(default, tuple) else 1
            part = tuple(float(value) for value in vector[at : at + count])
            values[field.name] = part if isinstance(default, tuple) else part[0]
            at += count
        return cls(**values)  # type: ignore[arg-type]


def names() -> tuple[str, ...]:
    """Name of each number: `age`, `male`, `race0`, `race1`, …"""
    result: list[str] = []
    for field in fields(Face):
        default = field.default
        result += (
            [f"{field.name}{k}" for k in range(len(default))] if isinstance(default, tuple) else [field.name]
        )
    return tuple(result)


def years(age: float) -> float:
    """Age in years of MakeHuman's `age`."""
    return float(np.interp(age, (0, 0.1875, 0.5, 1), (1, 10, 25, 90)))


def age_of(years_old: float) -> float:
    """The inverse of `years`."""
    return float(np.interp(years_old, (1, 10, 25, 90), (0, 0.1875, 0.5, 1)))


def linear(colour: Colour | np.ndarray) -> np.ndarray:
    """sRGB-encoded 0…1 → linear light, float32."""
    encoded = np.clip(np.asarray(colour, np.float32), 0, 1)
    return np.where(encoded < 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def encoded(light: np.ndarray) -> np.ndarray:
    """Linear light → sRGB-encoded, both clipped to 0…1."""
    clipped = np.clip(light, 0, 1)
    return np.where(clipped < 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
