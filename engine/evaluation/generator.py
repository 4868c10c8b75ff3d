"""How good a trained generator is: held-out renders against their generated twins, and faces of its own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from engine.errors import BadRequest
from engine.evaluation.judge import AGES, YEARS
from engine.faces.detect import FaceDetector
from engine.paths import EMBEDDED_MODELS
from engine.training.losses import FACE, fine_detail, psnr
from engine.training.renders import Renders, shrunk
from engine.training.sheets import write_sheet
from engine.training.trained import load_trained

_WORST = 32


@dataclass(frozen=True)
class Figures:
    """What is measured.

    Attributes:
        psnr, psnr_face: dB, over all pixels and over the face.
        fine_detail: energy of fine detail as a share of the renders'.
        found: of `samples` faces drawn at random, how many the detector sees.
    """

    resolution: int
    held_out: int
    psnr: float
    psnr_face: float
    fine_detail: float
    found: int
    samples: int


def evaluate(weights: Path, held_out: Renders, output: Path, count: int = 64, seed: int = 1) -> Figures:
    """Measure, and leave pictures and what the judge reads in `output`.

    `figures.json`; `worst.png` (render above twin) and `samples.png`; and, as folders of shards for
    engine.evaluation.judge: `twins` (the held-out faces, generated), `young` and `old` (they at 20 and at 75 years).
    """
    output.mkdir(parents=True, exist_ok=True)
    trained = load_trained(weights)
    if trained.parameters.names != held_out.names:
        raise BadRequest(f"{weights} was trained with other parameters than the renders have.")
    resolution = trained.generator.config.resolution
    x = held_out.pictures(torch.arange(len(held_out)), resolution)
    y = trained.faces(trained.parameters.normalised(held_out.parameters))
    wanted = torch.tensor([held_out.regions[name] for name in FACE])
    face = (shrunk(torch.isin(held_out.segmentation, wanted)[:, None].float(), resolution) > 0.5).float()
    _write_shard(output / "twins", y, held_out.parameters, held_out.names)
    for name, years in (("young", 20), ("old", 75)):
        aged = at_age(held_out, years)
        _write_shard(output / name, trained.faces(trained.parameters.normalised(aged)), aged, held_out.names)
    worst = (y - x).square().mean((1, 2, 3)).argsort(descending=True)[:_WORST]
    write_sheet(output / "worst.png", x[worst], y[worst])
    samples = trained.faces(trained.draw(count, seed))
    write_sheet(output / "samples.png", samples)
    figures = Figures(
        resolution, len(x), psnr(y, x), psnr(y, x, face), fine_detail(y, x), sum(map(_is_found, samples)), count
    )
    (output / "figures.json").write_text(json.dumps(asdict(figures), indent=1) + "\n", "utf-8")
    return figures


def at_age(renders: Renders, years: float) -> torch.Tensor:
    """The renders' parameters [N,P] with everybody `years` old: head and skin, and hair as grey as is usual then."""
    aged = renders.parameters.clone()
    aged[:, renders.names.index("age")] = float(np.interp(years, YEARS, AGES))
    aged[:, renders.names.index("grey")] = float(np.clip((years - 54) / 24 + 0.35, 0, 1))
    return aged


def _write_shard(folder: Path, images: torch.Tensor, parameters: torch.Tensor, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    np.savez(folder / "shard-00000.npz", image=pixels, parameters=parameters.numpy())
    (folder / "set.json").write_text(json.dumps({"parameters": names}), "utf-8")


@cache
def _detector() -> FaceDetector:
    return FaceDetector(EMBEDDED_MODELS / "yunet" / "yunet.safetensors")


def _is_found(image: torch.Tensor) -> bool:
    """Whether the detector sees a face in an image [3,R,R]."""
    pixels = ((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    return bool(_detector().detect(pixels))
