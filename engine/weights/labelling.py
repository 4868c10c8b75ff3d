"""What discovered directions do, read off generated pictures by our face reader: names, not statements about anyone.

Faces are drawn at random (near the average: truncation_psi), each is moved along a direction by several strengths, and
strengths and attributes of all pictures are correlated (Pearson's r). What faces differ in anyway counts as noise, so a
faint effect stays without a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from engine.networks.features import FaceReader, FaceReading
from engine.weights.direction_vectors import w_plus_step
from engine.weights.directions import Direction
from engine.weights.discovery import Discovered
from engine.weights.latents import Latents

LEAST = 0.5  # |r| from which a direction is named after an attribute
STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
_FACES = 12
_TRUNCATION_PSI = 0.7
_LEAST_EYE_DISTANCE = 0.1  # crop units; FFHQ's is about .23
_FACES_READ = 0.8

Correlations = dict[str, dict[str, float]]
Report = Callable[[float, str], None]


def correlations(
    latents: Latents, found: Sequence[Discovered], reader: FaceReader, report: Report
) -> Correlations:
    """r of each direction (by vector) with each attribute. Empty where the pictures are no faces that can be read."""
    faces = _faces(latents)
    if not _are_faces(_read(latents, reader, faces)):
        return {}
    made: Correlations = {}
    strengths = torch.tensor(STRENGTHS)
    for done, one in enumerate(found):
        report(done / len(found), "Looking at what the directions do")
        step = w_plus_step(one.direction, one.vector, latents.generator.num_ws)
        moved = faces[:, None] + strengths[:, None, None] * step  # [faces,strengths,num_ws,w_dim]
        attributes = _read(latents, reader, moved.flatten(0, 1)).attributes
        r = _pearson(strengths.repeat(len(faces)), attributes)
        made[one.direction.vector] = dict(zip(reader.config.attributes, r.tolist(), strict=True))
    return made


def labelled(found: Sequence[Discovered], table: Mapping[str, Mapping[str, float]]) -> list[Discovered]:
    """Named after the attribute that each correlates with most, and turned so that + is more of it."""
    return [replace(one, direction=_labelled(one.direction, table[one.direction.vector])) for one in found]


def strongest(row: Mapping[str, float]) -> tuple[str, float]:
    """The attribute with the greatest |r|, and r."""
    return max(row.items(), key=lambda item: abs(item[1]))


def _labelled(direction: Direction, row: Mapping[str, float]) -> Direction:
    attribute, r = strongest(row)
    if abs(r) < LEAST:
        return direction
    name = attribute.replace("_", " ").capitalize()
    return replace(
        direction,
        label=f"{name} ({direction.label})",
        hint=f"Correlates with {attribute} (r = {abs(r):.2f}).",
        scale=direction.scale if r > 0 else -direction.scale,
    )


def _faces(latents: Latents) -> torch.Tensor:
    """w_plus [N,num_ws,w_dim]: samples near the average, or the average alone where there are none."""
    if latents.samples is None:
        return latents.average[None]
    w = latents.samples[:_FACES, None]
    return latents.average + _TRUNCATION_PSI * (w - latents.average)


def _read(latents: Latents, reader: FaceReader, w_plus: torch.Tensor) -> FaceReading:
    with torch.no_grad():
        return reader(latents.painted(w_plus, reader.config.size).clamp(-1, 1))


def _are_faces(reading: FaceReading) -> bool:
    """Whether nearly all have eyes side by side, apart, and the mouth's corners below them."""
    five = reading.five
    left, right, corners = five[:, 0], five[:, 1], five[:, 3:]
    apart = right[:, 0] - left[:, 0] > _LEAST_EYE_DISTANCE
    below = corners[..., 1].amin(1) > torch.maximum(left[:, 1], right[:, 1])
    return (apart & below).float().mean().item() >= _FACES_READ


def _pearson(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """x [N], y [N,A] → r [A]; 0 where y does not vary."""
    x, y = (x - x.mean()).double(), (y - y.mean(0)).double()
    return (x @ y) / (x.norm() * y.norm(dim=0)).clamp_min(1e-9)
