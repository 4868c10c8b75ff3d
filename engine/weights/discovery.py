"""Edit directions of any StyleGAN2, found without labels and without training.

SeFa: what moves the styles of some layers most. With A the stacked weights of the affine maps w → style, the directions
are the eigenvectors of AᵀA, greatest eigenvalue first (Shen & Zhou, CVPR 2021, arXiv 2007.06600). Its three bands of
layers are the paper's: pose and shape, features of the face, colours.
PCA: along what w itself varies most (Härkönen et al., “GANSpace”, NeurIPS 2020, arXiv 2004.02546).

*Convention.* Directions have unit length, their greatest component is positive, and their scale is one standard deviation
of w along them, so strengths are counted in those. They act on w, and are the same for all their rows of w_plus.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.networks.stylegan2 import Generator
from engine.weights.directions import Direction

GROUPS = {"sefa": "Discovered by SeFa", "pca": "Discovered by PCA"}
_BANDS = {"coarse": (0, 2), "middle": (2, 6), "fine": (6, 1000)}
_RANGE = 3.0  # standard deviations


@dataclass(frozen=True)
class Discovered:
    """A direction and its vector [1,w_dim]."""

    direction: Direction
    vector: torch.Tensor


def sefa(generator: Generator, samples: torch.Tensor | None, count: int) -> list[Discovered]:
    """The `count` strongest, taken from the bands in turn. Without samples of w [N,w_dim], scales are 1."""
    bands = {}
    for band, (first, end) in _BANDS.items():
        rows = (first, min(end, generator.num_ws))
        if rows[0] < rows[1]:
            bands[band] = (rows, _strongest(_style_covariance(generator, rows), count))
    found = []
    for number in range(min(count, generator.config.w_dim)):
        for band, (rows, vectors) in bands.items():
            label = f"SeFa {band} {number + 1}"
            found.append(
                _discovered("sefa", f"sefa-{band}-{number + 1}", label, rows, vectors[number], samples)
            )
    return found[:count]


def pca(generator: Generator, samples: torch.Tensor, count: int) -> list[Discovered]:
    """The `count` strongest of w [N,w_dim], on all rows."""
    centred = samples.double() - samples.double().mean(0)
    vectors = _strongest(centred.T @ centred / len(samples), count)
    rows = (0, generator.num_ws)
    return [
        _discovered("pca", f"pca-{number}", f"PCA {number}", rows, vector, samples)
        for number, vector in enumerate(vectors, 1)
    ]


def _discovered(
    method: str,
    name: str,
    label: str,
    rows: tuple[int, int],
    vector: torch.Tensor,
    samples: torch.Tensor | None,
) -> Discovered:
    scale = 1.0 if samples is None else (samples.double() @ vector).std().item()
    direction = Direction(
        name, label, GROUPS[method], {}, -_RANGE, _RANGE, vector=name, layers=rows, scale=float(f"{scale:.4g}")
    )
    return Discovered(direction, vector.float()[None])


def _strongest(symmetric: torch.Tensor, count: int) -> torch.Tensor:
    """The eigenvectors [≤ count,w_dim] of the greatest eigenvalues, each with its greatest component positive."""
    vectors = torch.linalg.eigh(symmetric.cpu()).eigenvectors.flip(1).T[:count]
    greatest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * greatest.sign()


def _style_covariance(generator: Generator, rows: tuple[int, int]) -> torch.Tensor:
    """AᵀA [w_dim,w_dim] over the affine maps that rows first … end − 1 of w_plus drive."""
    layers = [["conv1"], ["to_rgb1"]]
    for i in range(len(generator.to_rgbs)):
        layers[-1].append(f"convs.{2 * i}")  # shares its row with the toRGB layer before it
        layers += [[f"convs.{2 * i + 1}"], [f"to_rgbs.{i}"]]
    names = [name for row in layers[slice(*rows)] for name in row]
    a = torch.cat([generator.get_parameter(f"{name}.conv.modulation.weight") for name in names]).double()
    return a.T @ a
