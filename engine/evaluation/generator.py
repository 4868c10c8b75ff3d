"""How good a trained generator is: held-out renders against their generated twins, and faces of its own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from engine.errors import BadRequest
from engine.evaluation.judge import AGES, GROUPS, YEARS
from engine.faces.detect import FaceDetector
from engine.paths import EMBEDDED_MODELS
from engine.training.losses import FACE, fine_detail, psnr
from engine.training.renders import Renders, shrunk
from engine.training.sheets import write_sheet
from engine.training.trained import load_trained

_WORST = 32
_MELANIN = (0.25, 0.5)  # of the renderer's parameter `mel`, where light, medium and dark skin part


@dataclass(frozen=True)
class GroupFigures:
    """The twins of some of the held-out renders.

    Attributes:
        found: how many of them the detector sees.
    """

    held_out: int
    psnr_face: float
    fine_detail: float
    found: int


@dataclass(frozen=True)
class Figures:
    """What is measured.

    Attributes:
        psnr, psnr_face: dB, over all pixels and over the face.
        fine_detail: energy of fine detail as a share of the renders'.
        found: of `samples` faces drawn at random, how many the detector sees.
        groups: the same of whom the model is to serve: by skin tone, age and presentation.
    """

    resolution: int
    held_out: int
    psnr: float
    psnr_face: float
    fine_detail: float
    found: int
    samples: int
    groups: dict[str, GroupFigures]

    def markdown(self) -> str:
        """For people."""
        lines = [
            f"{self.resolution} px, {self.held_out} held-out renders: {self.psnr:.2f} dB, {self.psnr_face:.2f} dB in the "
            f"face, fine detail {self.fine_detail:.2f}. Faces found in {self.found} of {self.samples} samples.",
            "\n| | held out | dB in the face | fine detail | found |\n|---|---|---|---|---|",
        ]
        rows = [
            f"| {name} | {one.held_out} | {one.psnr_face:.2f} | {one.fine_detail:.2f} | {one.found} |"
            for name, one in self.groups.items()
        ]
        return "\n".join([*lines, *rows])


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
    seen = torch.tensor([_is_found(image) for image in y])
    groups = {
        name: GroupFigures(
            int(chosen.sum()),
            psnr(y[chosen], x[chosen], face[chosen]),
            fine_detail(y[chosen], x[chosen]),
            int(seen[chosen].sum()),
        )
        for name, chosen in groups_of(held_out).items()
        if chosen.any()
    }
    found = sum(map(_is_found, samples))
    figures = Figures(resolution, len(x), psnr(y, x), psnr(y, x, face), fine_detail(y, x), found, count, groups)
    (output / "figures.json").write_text(json.dumps(asdict(figures), indent=1) + "\n", "utf-8")
    return figures


def groups_of(renders: Renders) -> dict[str, torch.Tensor]:
    """Which renders [N] belong to whom: by skin tone, by age in years, by presentation."""
    melanin, age, male = renders.columns("mel", "age", "male").T
    years = torch.from_numpy(np.interp(age.numpy(), AGES, YEARS))
    light, dark = _MELANIN
    groups = {
        "light skin": melanin < light,
        "medium skin": (melanin >= light) & (melanin < dark),
        "dark skin": melanin >= dark,
    }
    groups |= {f"{low}–{high} years": (years >= low) & (years < high) for low, high in GROUPS}
    return groups | {"feminine": male <= 0.5, "masculine": male > 0.5}


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
